#!/usr/bin/env python3
"""Prints the polynomial coefficients that compiler/ops/expansions_*.h quote.

    pip install mpmath
    python3 coefficients.py            # every polynomial
    python3 coefficients.py exp log    # those whose name starts with one of the words

Each entry of FITS is a function, an interval, a weight and the number of coefficients. The fit is minimax, by
Lawson's reweighted least squares at 100 digits (slower than Remez exchange, but it cannot lose its footing).
Coefficients are rounded to the target format one after the other, lowest first, and the rest is fitted again after
each rounding, so that the printed decimals (not the ideal ones) are near-optimal. The error beside a name is the
largest weighted one.
"""
import struct
import sys

from mpmath import mp, mpf

mp.dps = 100


def to_format(value, bits):
    """The nearest float (24 bits) or double (53 bits), as an exact mpf."""
    if bits in (48, 106):  # a pair
        high = to_format(value, bits // 2)
        return high + to_format(value - high, bits // 2)
    if bits == 53:
        return mpf(float(value))
    return mpf(struct.unpack("f", struct.pack("f", float(value)))[0])


def minimax(f, weight, powers, lo, hi, rounds):
    """Coefficients c of sum c_i x^powers[i] that make max |weight (f - sum)| nearly smallest, and that maximum."""
    n, count = len(powers), 6 * len(powers) + 24
    xs = [lo + (hi - lo) * (1 - mp.cos(mp.pi * (i + mpf("0.5")) / count)) / 2 for i in range(count)]
    xs = [lo] + xs + [hi]
    ws = [weight(x) for x in xs]
    rows = [[w * x**p for p in powers] + [w * f(x)] for x, w in zip(xs, ws)]
    share = [mpf(1)] * len(xs)
    best, best_c = None, None
    for _ in range(rounds):
        normal, right = mp.matrix(n, n), mp.matrix(n, 1)
        for row, s in zip(rows, share):
            for i in range(n):
                si = s * row[i]
                right[i] += si * row[n]
                for j in range(i, n):
                    normal[i, j] += si * row[j]
        for i in range(n):
            for j in range(i):
                normal[i, j] = normal[j, i]
        c = mp.lu_solve(normal, right)
        errors = [abs(row[n] - mp.fsum(c[i] * row[i] for i in range(n))) for row in rows]
        if best is None or max(errors) < best:
            best, best_c = max(errors), c
        share = [s * e for s, e in zip(share, errors)]
        total = mp.fsum(share)
        if total == 0:
            break
        share = [s / total * len(xs) + mpf(10) ** -30 for s in share]
    return [best_c[i] for i in range(n)], best


def fit(f, weight, powers, lo, hi, bits, pair=None):
    """`pair` names a power whose coefficient is the sum of two floats."""
    cache = {}

    def cached(x):
        if x not in cache:
            cache[x] = f(x)
        return cache[x]

    fixed, rest, ideal, worst = {}, list(powers), None, None
    while rest:
        known = dict(fixed)
        c, worst = minimax(lambda x: cached(x) - sum(v * x**p for p, v in known.items()), weight, rest, lo, hi,
                           40 if ideal is None else 8)
        ideal = worst if ideal is None else ideal
        fixed[rest[0]] = to_format(c[0], bits if rest[0] != pair else 2 * bits)
        rest = rest[1:]
    worst = max(abs(weight(x) * (cached(x) - sum(v * x**p for p, v in fixed.items()))) for x in list(cache))
    return fixed, ideal, worst


def near(z):  # avoids 0/0 at the end of an interval
    return z if abs(z) > mpf(10) ** -30 else mpf(10) ** -30


LN2 = mp.log(2)


def one(_):
    return mpf(1)


def exp_tail(r):  # (e^r - 1 - r) / r^2
    r = near(r)
    return (mp.expm1(r) - r) / r**2


def log_tail(s2):  # (2 atanh(s) - 2 s) / s^3 in s^2, the R of fdlibm's log over s^2
    s = mp.sqrt(near(s2))
    return (2 * mp.atanh(s) - 2 * s) / s**3


def pow_tail(s2):  # (2 atanh(s) - 2 s - 2/3 s^3) / s^5
    s = mp.sqrt(near(s2))
    return (2 * mp.atanh(s) - 2 * s - 2 * s**3 / 3) / s**5


def log_cubic(f):  # (log(1+f) - f + f^2/2) / f^3
    f = near(f)
    return (mp.log1p(f) - f + f * f / 2) / f**3


def cos_tail(z):
    x = mp.sqrt(near(z))
    return (mp.cos(x) - 1 + x * x / 2) / x**4


def erfcx(x):
    return mp.exp(x * x) * mp.erfc(x)


def erfcx_mapped(k):  # (x + k) erfcx(x) in t = (x - k)/(x + k)
    def mapped(t):
        x = k * (1 + t) / (1 - t)
        return (x + k) * erfcx(x)

    return mapped


def erf_even(z):  # erf(x)/x - 1 in x^2
    x = mp.sqrt(near(z))
    return mp.erf(x) / x - 1


def lgamma_core(w):  # lgamma(1 + u) / (u (u - 1)), u = w + 1/2
    u = near(w + mpf("0.5"))
    if abs(u - 1) < mpf(10) ** -30:
        u = 1 - mpf(10) ** -30
    return mp.loggamma(1 + u) / (u * (u - 1))


def lgamma_far(z):  # x (lgamma(x) - (x - 1/2) (log(x) - 1) - (log(2 pi) - 1) / 2) in z = 1/x^2
    x = 1 / mp.sqrt(near(z))
    if x > 1000:
        return mpf(1) / 12 - z / 360 + z**2 / 1260 - z**3 / 1680 + z**4 / 1188
    return x * (mp.loggamma(x) - (x - mpf("0.5")) * (mp.log(x) - 1) - (mp.log(2 * mp.pi) - 1) / 2)


ROOT = mp.findroot(mp.digamma, mpf("1.4616"))  # of digamma; less 1.5: -0.038… = -0.0383678551… as two doubles


def digamma_core(w):  # digamma(1.5 + w) / (w - (ROOT - 1.5))
    x = mpf("1.5") + w
    return mp.digamma(x) / (x - ROOT) if abs(x - ROOT) > mpf(10) ** -30 else mp.polygamma(1, ROOT)


def digamma_far(z):  # x^2 (log(x) - 1 / (2 x) - digamma(x)) in z = 1/x^2
    x = 1 / mp.sqrt(near(z))
    if x > 1000:
        return mpf(1) / 12 - z / 120 + z**2 / 252 - z**3 / 240 + 5 * z**4 / 660
    return x * x * (mp.log(x) - 1 / (2 * x) - mp.digamma(x))


def odd_tail(function):  # (function(x) - x) / x^3 in x^2
    def tail(z):
        x = mp.sqrt(near(z))
        return (function(x) - x) / x**3

    return tail


Q = mp.pi / 4 * mpf("1.0001")
S2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.0001")
R = LN2 / 2 * mpf("1.0001")

# name: (function, weight, powers, low, high, bits)
FITS = {
    "exp_f64": (exp_tail, lambda r: r * r, range(10), -R, R, 53),
    "exp_f32": (exp_tail, lambda r: r * r, range(5), -R, R, 24),
    "expm1_f64": (exp_tail, lambda r: r, range(11), -R, R, 53),
    "expm1_f32": (exp_tail, lambda r: r, range(6), -R, R, 24),
    "log_f64": (log_tail, lambda z: z, range(7), mpf(0), S2, 53),
    "log_f32": (log_cubic, lambda f: f * f, range(8), 1 / mp.sqrt(2) - 1, mp.sqrt(2) - 1, 24),
    "softplus_f64": (log_tail, lambda z: z, range(11), mpf(0), mpf(1) / 9, 53),
    "softplus_f32": (log_tail, lambda z: z, range(4), mpf(0), mpf(1) / 9, 24),
    "pow_log": (pow_tail, lambda z: z * z, range(8), mpf(0), S2, 53),
    "cbrt": (lambda m: 1 / mp.cbrt(m), mp.cbrt, range(6), mpf(1), mpf(2), 53),
    "sin_f64": (odd_tail(mp.sin), lambda z: z, range(6), mpf(0), Q * Q, 53),
    "cos_f64": (cos_tail, lambda z: z * z, range(6), mpf(0), Q * Q, 53),
    "sin_f32": (odd_tail(mp.sin), lambda z: z, range(3), mpf(0), Q * Q, 24),
    "cos_f32": (cos_tail, lambda z: z * z, range(3), mpf(0), Q * Q, 24),
    "atan_f64": (odd_tail(mp.atan), lambda z: z, range(21), mpf(0), mpf(1), 53),
    "atan_f32": (odd_tail(mp.atan), lambda z: z, range(9), mpf(0), mpf(1), 24),
    "asin_f64": (odd_tail(mp.asin), lambda z: z, range(13), mpf(0), mpf("0.25"), 53),
    "asin_f32": (odd_tail(mp.asin), lambda z: z, range(5), mpf(0), mpf("0.25"), 24),
    "sinh_f64": (odd_tail(mp.sinh), lambda z: z, range(7), mpf(0), mpf(1), 53),
    "sinh_f32": (odd_tail(mp.sinh), lambda z: z, range(4), mpf(0), mpf(1), 24),
    "erfcx_f64": (erfcx_mapped(4), lambda t: 1 / erfcx_mapped(4)(t), range(24), mpf(-1), mpf("0.75"), 53, 0),
    "erfcx_slope": (lambda t: mp.diff(erfcx_mapped(4), t), one, range(5), mpf("-0.9999"), mpf("0.75"), 53),
    "erfcx_f32": (erfcx_mapped(4), lambda t: 1 / erfcx_mapped(4)(t), range(11), mpf(-1), mpf("0.5"), 24, 0),
    "log_erfc_f32": (lambda t: mp.log(mp.erfc(t)) / t, lambda t: t * mp.erfc(t), range(7), mpf(1), mpf(4), 24),
    "erf_f64": (erf_even, one, range(12), mpf(0), mpf(1), 53),
    "erf_f32": (erf_even, one, range(7), mpf(0), mpf(1), 24),
    "lgamma_core": (lgamma_core, lambda w: 1 / lgamma_core(w), range(23), mpf("-0.5"), mpf("0.5"), 53),
    "lgamma_far": (lgamma_far, one, range(7), mpf(0), mpf(1) / 64, 53),
    "digamma_core": (digamma_core, lambda w: 1 / digamma_core(w), range(23), mpf("-0.5"), mpf("0.5"), 53),
    "digamma_far": (digamma_far, one, range(10), mpf(0), mpf(1) / 36, 53),
}


def main(words):
    for name, (f, weight, powers, lo, hi, bits, *pair) in FITS.items():
        if words and not any(name.startswith(w) for w in words):
            continue
        coefficients, ideal, worst = fit(f, weight, list(powers), mpf(lo), mpf(hi), bits, *pair)
        digits = 17 if bits == 53 else 9
        print(f"{name}  error 2^{float(mp.log(worst, 2)):.1f} (2^{float(mp.log(ideal, 2)):.1f} before rounding)")
        for p, v in coefficients.items():
            low = v - to_format(v, bits)
            print(f"  {p:2d} {mp.nstr(to_format(v, bits), digits)}", f"+ {mp.nstr(low, digits)}" if low else "")


main(sys.argv[1:])
