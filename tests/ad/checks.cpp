// The checks of checks.h. Directions and cotangents are fixed irregular numbers, so a failure repeats.
#include "checks.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ad/elements.h"
#include "ad/forward.h"
#include "ad/reverse.h"
#include "interp/interp.h"
#include "ir/verify.h"

namespace dlc::test {
namespace {

using Flat = std::vector<double>;

template <class T>
std::vector<T> joined(const Leaves<T>& leaves, size_t begin = 0, size_t end = SIZE_MAX) {
  std::vector<T> flat;
  for (size_t k = begin; k < leaves.size() && k < end; ++k) flat.insert(flat.end(), leaves[k].begin(), leaves[k].end());
  return flat;
}

Leaves<double> appended(Leaves<double> args, const Leaves<double>& more) {
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

double dot(const Flat& x, const Flat& y) {
  EXPECT_EQ(x.size(), y.size());
  double sum = 0;
  for (size_t k = 0; k < x.size() && k < y.size(); ++k) sum += x[k] * y[k];
  return sum;
}

void expect_close(const Flat& got, const Flat& want, double tolerance, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double scale = 1;
  for (double w : want) scale = std::max(scale, std::abs(w));
  for (size_t k = 0; k < got.size(); ++k) EXPECT_NEAR(got[k], want[k], tolerance * scale) << what << ", element " << k;
}

void expect_finite(const Flat& values, const std::string& what) {
  for (size_t k = 0; k < values.size(); ++k) EXPECT_TRUE(std::isfinite(values[k])) << what << ", element " << k << " is " << values[k];
}

/// One function at one point, with the active parameters chosen.
struct Point {
  Program& p;
  FuncId f;
  Leaves<double> args;
  Wrt wrt;
  Diagnostics diagnostics;

  Point(Program& program, FuncId func, const Leaves<double>& arguments, int of) : p(program), f(func), args(arguments) {
    wrt.of = of;
    for (ValueId param : p.m[f].body().params) wrt.active.push_back(p.m.types.all_float(p.m[f][param].type));
  }

  TypeId part() const { return differentiated_type(p.m, p.m[f], wrt); }
  size_t n_result() const { return static_cast<size_t>(n_leaves(p.m.types, p.m[f].result_type())); }
  /// Where the differentiated part begins among the leaves of the result.
  size_t part_begin() const {
    return wrt.of < 0 ? 0 : static_cast<size_t>(leaves_before(p.m.types, p.m[f].result_type(), wrt.of));
  }

  /// Numbers in the shapes of the active arguments.
  Leaves<double> directions(double seed) const {
    Leaves<double> v;
    size_t leaf = 0;
    for (size_t k = 0; k < wrt.active.size(); ++k) {
      const int n = n_leaves(p.m.types, p.m[f][p.m[f].body().params[k]].type);
      for (int i = 0; i < n; ++i, ++leaf)
        if (wrt.active[k]) v.push_back(irregular(args[leaf].size(), seed + static_cast<double>(leaf)));
    }
    return v;
  }
  Leaves<double> cotangents(const Leaves<double>& result, double seed) const {
    Leaves<double> u;
    const std::vector<TypeId> types = leaf_types(p.m.types, part());
    for (size_t k = 0; k < types.size(); ++k)
      if (is_float(p.m.types[types[k]].dtype)) u.push_back(irregular(result[part_begin() + k].size(), seed + static_cast<double>(k)));
    return u;
  }
  static Flat irregular(size_t n, double seed) {
    Flat values(n);
    for (size_t k = 0; k < n; ++k) values[k] = std::sin(1.7 * static_cast<double>(k) + seed) + 0.2;
    return values;
  }
  /// The float leaves of the differentiated part.
  template <class T>
  std::vector<T> part_of(const Leaves<T>& result) const {
    std::vector<T> flat;
    const std::vector<TypeId> types = leaf_types(p.m.types, part());
    for (size_t k = 0; k < types.size(); ++k)
      if (is_float(p.m.types[types[k]].dtype)) flat.insert(flat.end(), result[part_begin() + k].begin(), result[part_begin() + k].end());
    return flat;
  }

  FuncId verified(FuncId id) {
    EXPECT_TRUE(id) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
    if (!id) return id;
    const OpSet ops{find_op, op_row};
    const auto wrong = verify(p.m, id, ops);
    EXPECT_FALSE(wrong) << *wrong << "\n" << print(p.m, p.m[id], ops);
    return id;
  }

  /// (f(x + h v) − f(x − h v)) / 2h in 200 bits.
  Flat exact(const Leaves<double>& v) {
    const Big h(std::string_view("1e-20"));
    const auto shifted = [&](const Big& step) {
      Leaves<Big> moved;
      size_t leaf = 0, next = 0;
      for (size_t k = 0; k < wrt.active.size(); ++k) {
        const int n = n_leaves(p.m.types, p.m[f][p.m[f].body().params[k]].type);
        for (int i = 0; i < n; ++i, ++leaf) {
          moved.emplace_back(args[leaf].begin(), args[leaf].end());
          if (!wrt.active[k]) continue;
          for (size_t e = 0; e < moved.back().size(); ++e) moved.back()[e] += step * Big(v[next][e]);
          ++next;
        }
      }
      return part_of(run(p, f, moved));
    };
    const std::vector<Big> above = shifted(h), below = shifted(-h);
    Flat slope;
    for (size_t k = 0; k < above.size(); ++k) slope.push_back(static_cast<double>((above[k] - below[k]) / (Big(2) * h)));
    return slope;
  }

  Flat tangent(const Leaves<double>& v) {
    const FuncId jvp = verified(forward(p.m, f, wrt, diagnostics));
    return jvp ? joined(run(p, jvp, appended(args, v)), n_result()) : Flat{};
  }
  Flat cotangent(const Leaves<double>& u) {
    const FuncId vjp = verified(reverse(p.m, f, wrt, diagnostics));
    return vjp ? joined(run(p, vjp, appended(args, u)), n_result()) : Flat{};
  }
  Flat by_element(const Leaves<double>& u, Along along) {
    const FuncId g = verified(by_elements(p.m, f, wrt, false, along, diagnostics));
    return g ? joined(run(p, g, appended(args, u)), n_result()) : Flat{};
  }

  /// The derived function as a point of its own: its further arguments are not active, its field 1 is differentiated.
  Point second(FuncId derived, const Leaves<double>& further) const {
    Point next(p, derived, appended(args, further), 1);
    next.wrt.active = wrt.active;
    next.wrt.active.resize(p.m[derived].body().params.size());
    return next;
  }
};

void check_first(Point& at) {
  const Leaves<double> y = run(at.p, at.f, at.args);
  const Leaves<double> v = at.directions(0.3), u = at.cotangents(y, 1.1);
  const Flat jv = at.tangent(v), jtu = at.cotangent(u);
  expect_close(jv, at.exact(v), 1e-11, "forward against 200 bits");
  EXPECT_NEAR(dot(joined(u), jv), dot(jtu, joined(v)), 1e-10 * (1 + std::abs(dot(joined(u), jv)))) << "<u, Jv> = <Jtu, v>";
  expect_close(at.by_element(u, Along::tangent), jtu, 1e-11, "forward by elements against reverse");
  expect_close(at.by_element(u, Along::difference), jtu, 1e-6, "differences by elements against reverse");
  const FuncId difference = at.verified(numeric_jvp(at.p.m, at.f, at.wrt, at.diagnostics));
  if (difference) expect_close(joined(run(at.p, difference, appended(at.args, v)), at.n_result()), jv, 1e-6, "numeric jvp");
}

/// Hv of ⟨u, f⟩ in one parameter, in the four ways to compose the modes.
struct SecondOrder {
  Flat forward_reverse, reverse_reverse, forward_forward, reverse_forward, exact;
  Flat v, w;
};

SecondOrder second_order(Point& at, bool with_exact) {
  const Leaves<double> y = run(at.p, at.f, at.args);
  const Leaves<double> v = at.directions(0.3), w = at.directions(2.9), u = at.cotangents(y, 1.1);
  SecondOrder s;
  s.v = joined(v), s.w = joined(w);
  const FuncId vjp = at.verified(reverse(at.p.m, at.f, at.wrt, at.diagnostics));
  const FuncId jvp = at.verified(forward(at.p.m, at.f, at.wrt, at.diagnostics));
  if (!vjp || !jvp) return s;
  Point of_vjp = at.second(vjp, u), of_jvp = at.second(jvp, v);
  s.forward_reverse = of_vjp.tangent(v);
  s.reverse_reverse = of_vjp.cotangent(w);
  s.reverse_forward = of_jvp.cotangent(u);
  s.forward_forward = {dot(joined(u), of_jvp.tangent(w))};
  if (with_exact) s.exact = of_vjp.exact(v);
  return s;
}

void check_second(Point& at) {
  const SecondOrder s = second_order(at, true);
  expect_close(s.forward_reverse, s.exact, 1e-10, "forward over reverse against 200 bits");
  expect_close(s.reverse_forward, s.forward_reverse, 1e-10, "reverse over forward");
  const double wHv = dot(s.w, s.forward_reverse), scale = 1 + std::abs(wHv);
  EXPECT_NEAR(dot(s.v, s.reverse_reverse), wHv, 1e-10 * scale) << "reverse over reverse";
  EXPECT_NEAR(s.forward_forward.at(0), wHv, 1e-10 * scale) << "forward over forward";
}

/// The same point with each of its active parameters alone.
std::vector<Point> one_by_one(const Point& at) {
  std::vector<Point> points;
  for (size_t k = 0; k < at.wrt.active.size(); ++k) {
    if (!at.wrt.active[k]) continue;
    Point single(at.p, at.f, at.args, at.wrt.of);
    single.wrt.active.assign(at.wrt.active.size(), false);
    single.wrt.active[k] = true;
    points.push_back(std::move(single));
  }
  return points;
}

}  // namespace

namespace {

/// An argument of `type` from its leaves. An extent that is not a constant is that of a vector's data.
template <class T>
InterpValue<T> argument(const Module& m, TypeId type, const Leaves<T>& leaves, size_t& next) {
  const Type& t = m.types[type];
  InterpValue<T> value;
  value.dtype = t.dtype;
  for (const Field& field : t.fields) value.fields.push_back(argument(m, field.type, leaves, next));
  if (t.is_tuple()) return value;
  const std::vector<T>& data = leaves.at(next++);
  for (DimId d : t.dims) value.dims.push_back(m.types.dims.as_constant(d).value_or(static_cast<int64_t>(data.size())));
  if (is_float(t.dtype)) value.floats = data;
  else for (const T& x : data) value.ints.push_back(static_cast<int64_t>(x));
  return value;
}

template <class T>
void flatten(const InterpValue<T>& value, Leaves<T>& out) {
  for (const InterpValue<T>& field : value.fields) flatten(field, out);
  if (value.dtype == DType::tuple) return;
  out.push_back(value.floats);
  for (int64_t x : value.ints) out.back().push_back(static_cast<T>(x));
}

template <class T>
Leaves<T> interpreted(Program& p, FuncId f, const Leaves<T>& args) {
  std::vector<InterpValue<T>> values;
  size_t next = 0;
  for (ValueId param : p.m[f].body().params) values.push_back(argument(p.m, p.m[f][param].type, args, next));
  const Result<InterpValue<T>> result = interpret<T>(p.m, f, std::span<const InterpValue<T>>(values));
  Leaves<T> out;
  if (!result) {
    ADD_FAILURE() << result.error().message << "\n" << print(p.m, p.m[f], OpSet{find_op, op_row});
    return Leaves<T>(static_cast<size_t>(n_leaves(p.m.types, p.m[f].result_type())));
  }
  flatten(*result, out);
  return out;
}

}  // namespace

Leaves<double> run(Program& p, FuncId f, const Leaves<double>& args) { return interpreted(p, f, args); }
Leaves<Big> run(Program& p, FuncId f, const Leaves<Big>& args) { return interpreted(p, f, args); }

Leaves<double> gradient_at(Program& p, FuncId f, const Leaves<double>& args) {
  Point at(p, f, args, -1);
  const FuncId g = at.verified(gradient(p.m, f, at.wrt, at.diagnostics));
  if (!g) return {};
  Leaves<double> all = run(p, g, args);
  all.erase(all.begin());
  return all;
}

std::vector<double> hessian_times(Program& p, FuncId f, const Leaves<double>& args, const std::vector<double>& v) {
  Point at(p, f, args, -1);
  const FuncId vjp = at.verified(reverse(p.m, f, at.wrt, at.diagnostics));
  return vjp ? at.second(vjp, {{1.0}}).tangent({v}) : Flat{};
}

void check_all(Program& p, FuncId f, const Leaves<double>& args, int of) {
  Point at(p, f, args, of);
  check_first(at);
  for (Point& single : one_by_one(at)) check_second(single);
}

void check_finite(Program& p, FuncId f, const Leaves<double>& args) {
  Point at(p, f, args, -1);
  const Leaves<double> u = at.cotangents(run(p, f, args), 1.1);
  const Flat back = at.cotangent(u);
  expect_finite(back, "reverse");
  expect_close(at.by_element(u, Along::tangent), back, 1e-12, "forward against reverse");
  for (Point& single : one_by_one(at)) {
    const SecondOrder s = second_order(single, false);
    expect_finite(s.forward_reverse, "forward over reverse");
    expect_finite(s.reverse_reverse, "reverse over reverse");
    expect_finite(s.forward_forward, "forward over forward");
    expect_close(s.reverse_forward, s.forward_reverse, 1e-10, "reverse over forward");
    EXPECT_NEAR(dot(s.v, s.reverse_reverse), dot(s.w, s.forward_reverse), 1e-10) << "symmetric";
  }
}

}  // namespace dlc::test
