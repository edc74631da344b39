// Laws of the compiler on random programs (program.h). Each program is taken through the formatter, the interpreter before
// and after every pass, native code at -O0 and -O2, IR text, derivatives of both orders in every mode over 200 bits, and
// through its own text with loops written step by step and with checkpoints. Every fifth one is in f32.
//
//   property [--count N] [--seed S] [--native K]    N programs from seed S on; what fails is made smaller and printed.
//                                        Each Kth goes through native code too, which takes most of the time
//   property --show S                    the program of a seed
//   property FILE…                       files of found/, which must still fail: move one that does not to tests/golden
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "interp/interp.h"
#include "ir/text.h"
#include "passes/passes.h"
#include "pipeline/check.h"
#include "pipeline/compilation.h"
#include "pipeline/native.h"
#include "pipeline/numeric.h"
#include "pipeline/rendering.h"
#include "program.h"
#include "syntax/format.h"
#include "syntax/parser.h"

namespace dlc {
namespace {

using Kind = DerivativeRequest::Kind;

// Some laws take longer than others, so they are for every nth program only.
constexpr uint64_t kSecondOrderEvery = 3;
constexpr uint64_t kLoopsEvery = 2;
constexpr uint64_t kCheckEvery = 100;  // `dlc check` compiles ten functions
constexpr uint64_t kSingleEvery = 5;   // in f32
constexpr int64_t kSize = 3;           // what every size variable is
constexpr double kMostOfRounding = 16;  // between two ways to compute a number: each takes constants and operations of its own

uint64_t native_every = 4;

template <class T>
void flatten(const InterpValue<T>& v, std::vector<T>& out) {
  for (const auto& field : v.fields) flatten(field, out);
  out.insert(out.end(), v.floats.begin(), v.floats.end());
}

bool same_bits(const Result<InterpValue<double>>& a, const Result<InterpValue<double>>& b) {
  if (!a || !b) return static_cast<bool>(a) == static_cast<bool>(b);
  std::vector<double> x, y;
  flatten(*a, x), flatten(*b, y);
  return std::ranges::equal(x, y, [](double p, double q) { return (std::isnan(p) && std::isnan(q)) || (p == q && std::signbit(p) == std::signbit(q)); });
}

/// Within what rounding differently may do to a value.
bool near_values(const Result<InterpValue<double>>& a, const Result<InterpValue<double>>& b) {
  if (!a || !b) return static_cast<bool>(a) == static_cast<bool>(b);
  std::vector<double> x, y;
  flatten(*a, x), flatten(*b, y);
  const double most = a->dtype == DType::f32 ? 1e-3 : 1e-11;
  return std::ranges::equal(x, y, [&](double p, double q) { return std::abs(p - q) <= most * std::max(1.0, std::abs(p)) || p == q || (std::isnan(p) && std::isnan(q)); });
}

/// The largest difference, relative to the largest number.
double distance(const std::vector<InterpValue<double>>& values, const std::vector<Big>& exact) {
  std::vector<double> all;
  for (const auto& v : values) flatten(v, all);
  double most = 0, largest = 1;
  for (size_t k = 0; k < all.size() && k < exact.size(); ++k) {
    const Big difference = abs(Big(all[k]) - exact[k]);
    most = std::max(most, isfinite(difference) ? static_cast<double>(difference) : HUGE_VAL);  // inf − inf of doubles, say
    largest = std::max(largest, std::abs(static_cast<double>(exact[k])));
  }
  return std::isfinite(largest) ? most / largest : HUGE_VAL;  // 10^1000 is beyond what doubles tell
}

/// What one text is after the passes.
struct Outcome {
  Result<InterpValue<double>> value{Error{}}, gradient{Error{}};
  std::vector<Big> exact;  // value and gradient over 200 bits
  double rounding() const { return value && gradient ? distance({*value, *gradient}, exact) : 0; }
};

/// The laws, with a point drawn from the seed.
class Laws {
 public:
  explicit Laws(uint64_t seed) : seed_(seed), is_single_(seed % kSingleEvery == kSingleEvery - 1) {}

  /// What is wrong with a program; empty when nothing is.
  std::string broken(const Piece& program) {
    const std::string source = program.source();
    if (std::string what = broken(source); !what.empty()) return what;
    const std::string checkpointed = source_with(program, Loops::checkpointed, kSize);
    if (checkpointed == source || seed_ % kLoopsEvery != 0) return {};
    Outcome as_is, other;
    if (std::string what = outcome(source, as_is); !what.empty()) return what;
    if (std::string what = outcome(checkpointed, other); !what.empty()) return "checkpointed: " + what;
    // Reverse over reverse a state that is computed again has two cotangents to add up, one of each time: another order. So the
    // bits are those of a program's value and gradient together up to the first derivative of a loop.
    const int order = n_requests(source);
    if (!same_bits(as_is.value, other.value) && order < 2) return "checkpoints change the value";
    if (!same_bits(as_is.gradient, other.gradient) && order < 1) return "checkpoints change the gradient";
    if (!near(as_is.exact, other.exact, as_is.rounding() + other.rounding())) return "checkpoints change the gradient by more than rounding";
    if (std::string what = outcome(source_with(program, Loops::unrolled, kSize), other); !what.empty()) return "step by step: " + what;
    if (!has_requests(source) && !same_bits(as_is.value, other.value)) return "step by step, the value differs";
    return near(as_is.exact, other.exact, as_is.rounding() + other.rounding()) ? "" : "step by step, the gradient differs";
  }

  std::string broken(const std::string& source) {
    Compilation c(options());
    if (!c.load("random.dl", source)) return "ill typed: " + render_all(c.diagnostics, c.sources);
    if (std::string what = format_law(source); !what.empty()) return what;
    const FuncId f = c.find("f");
    const Args args = point(c.module, f);
    // The derivatives that a program asks for have no bodies before the passes.
    auto before = has_requests(source) ? Result<InterpValue<double>>(Error{}) : interpret<double>(c.module, f, args);
    std::string changed_by;
    c.observe = [&](std::string_view pass, FuncId of) {
      if (of != f || !changed_by.empty() || c.diagnostics.has_errors()) return;
      const auto now = interpret<double>(c.module, f, args);
      const bool is_same = may_round(source) ? near_values(now, before) : same_bits(now, before);
      if (now && before && !is_same) changed_by = fmt::format("{} ({:a} to {:a})", pass, before->floats[0], now->floats[0]);
      if (now && !before) before = now;
    };
    const bool is_ready = c.ready(f);
    c.observe = {};
    if (!changed_by.empty()) return "the pass " + changed_by + " changes the value";
    // A closed form of a loop that depends on data does not exist, and the message says so.
    if (!is_ready) return has_no_form(c) ? "" : render_all(c.diagnostics, c.sources);
    const auto after = interpret<double>(c.module, f, args);
    if (!after) return "the interpreter: " + after.error().message;
    if (std::string what = native_law(c, f, args, after); !what.empty()) return what;
    if (std::string what = text_law(c, f); !what.empty()) return what;
    if (std::string what = modes(c, f, args); !what.empty()) return what;
    if (std::string what = adjoint_law(c); !what.empty()) return what;
    if (seed_ % kCheckEvery != 0) return {};
    const auto checked = check_function(c, f, {.order = 2, .seed = seed_, .n_samples = 3, .seconds = 5});
    if (!checked) return checked.error().message + render_all(c.diagnostics, c.sources);
    return checked->failed() ? check_text(*checked, c.sources) : "";
  }

 private:
  /// How many derivatives may stand within each other.
  static int n_requests(const std::string& source) {
    int n = 0;
    for (const auto& [word, order] : {std::pair("grad(", 1), std::pair("hessian(", 2), std::pair("hvp(", 2), std::pair("jacobian(", 1), std::pair("vjp(", 1), std::pair("jvp(fn", 1)})
      for (size_t at = 0; (at = source.find(word, at)) != std::string::npos; ++at) n += order;
    return n;
  }
  static bool has_requests(const std::string& source) {
    return std::ranges::any_of(std::vector{"grad(", "hessian(", "wrt", "jvp(fn"}, [&](const char* word) { return source.find(word) != std::string::npos; });
  }

  /// Passes keep every bit but in two cases. What a function with a derivative inside returns depends on how far that function
  /// has got; and where calls are inlined, or a difference from 1 meets a sigmoid, a more accurate form may be seen.
  static bool may_round(const std::string& source) {
    return has_requests(source) || source.find("sigmoid") != std::string::npos || source.find("exp(-") != std::string::npos;
  }

  CompilationOptions options() const { return {.real = is_single_ ? DType::f32 : DType::f64, .verify = true}; }

  /// A random value of a type, whose sizes are kSize.
  static InterpValue<double> random_value(const Module& m, TypeId id, std::mt19937_64& random) {
    const Type t = m.types[id];
    std::vector<InterpValue<double>> fields;
    for (const Field& field : t.fields) fields.push_back(random_value(m, field.type, random));
    if (t.is_tuple()) return InterpValue<double>::tuple(std::move(fields));
    size_t count = 1;
    std::vector<int64_t> dims;
    for (DimId d : t.dims) dims.push_back(m.types.dims.as_constant(d).value_or(kSize)), count *= static_cast<size_t>(dims.back());
    std::vector<double> floats;
    std::vector<int64_t> ints;
    for (size_t k = 0; k < count; ++k) {
      if (is_float(t.dtype)) floats.push_back(std::uniform_real_distribution<>(-2, 2)(random));
      else ints.push_back(static_cast<int64_t>(random() % kSize));
      if (t.dtype == DType::f32) floats.back() = static_cast<float>(floats.back());
    }
    return {t.dtype, std::move(dims), std::move(floats), std::move(ints), {}};
  }
  Args point(const Module& m, FuncId f) const {
    std::mt19937_64 random(seed_);
    Args args;
    for (ValueId p : m[f].body().params) args.push_back(random_value(m, m[f][p].type, random));
    return args;
  }

  static bool has_floats(const Module& m, TypeId id) {
    const Type t = m.types[id];
    return is_float(t.dtype) || std::ranges::any_of(t.fields, [&](const Field& field) { return has_floats(m, field.type); });
  }
  /// The parameters that a derivative is by.
  static std::vector<int> float_parameters(const Module& m, FuncId f) {
    std::vector<int> all;
    const auto params = m[f].body().params;
    for (size_t k = 0; k < params.size(); ++k)
      if (has_floats(m, m[f][params[k]].type)) all.push_back(static_cast<int>(k));
    return all;
  }

  static bool has_no_form(const Compilation& c) {
    const auto& all = c.diagnostics.all();
    const auto error = std::find_if(all.begin(), all.end(), [](const Diagnostic& d) { return d.kind->severity == Severity::error; });
    return error != all.end() && (error->kind->slug == std::string_view("no-closed-form") || error->kind->slug == std::string_view("mode-not-possible"));
  }

  static std::string format_law(const std::string& source) {
    Sources copy;
    Interner names;
    Diagnostics diagnostics;  // the formatter itself compares the trees
    const auto once = format_source(copy, copy.add("random.dl", source), names, diagnostics);
    if (!once) return "the formatter finds an error";
    const auto twice = format_source(copy, copy.add("random.dl", *once), names, diagnostics);
    return twice == once ? "" : "formatting again changes the text";
  }

  /// Native code has the bits of the interpreter, of the value and of the gradient.
  std::string native_law(Compilation& c, FuncId f, const Args& args, const Result<InterpValue<double>>& value) {
    if (seed_ % native_every != 0) return {};
    const FuncId gradient = c.derivative({.kind = Kind::grad, .mode = Mode::reverse, .base = f, .wrt = float_parameters(c.module, f), .is_list = true}, {});
    if (!gradient) return "reverse: " + render_all(c.diagnostics, c.sources);
    const auto slope = interpret<double>(c.module, gradient, args);
    for (const auto& [func, expected, what] : {std::tuple(f, value, "the value"), std::tuple(gradient, slope, "the gradient")}) {
      const auto special = at_sizes_of(c, func, args);
      if (!special) return "at known sizes: " + special.error().message + render_all(c.diagnostics, c.sources);
      for (int level : {0, 2}) {
        const auto native = Native::compile(c, *special, {.opt_level = level});
        if (!native) return native.error().message;
        if (!same_bits(native->call(args), expected)) return "native code at -O" + std::to_string(level) + " differs from the interpreter: " + what;
      }
    }
    return {};
  }

  static std::string text_law(const Compilation& c, FuncId f) {
    // What f calls comes first, so that the text stands alone; but where functions recur there is no first.
    const std::vector<FuncId> order = call_order(c.module, f);
    if (std::ranges::any_of(order, [&](FuncId g) { return c.recurs(g); })) return {};
    std::string text;
    for (FuncId g : order) text += print(c.module, c.module[g], op_set()) + "\n";
    Sources sources;
    Module m;
    Diagnostics diagnostics;
    if (!parse_ir(sources, sources.add("random.ir", text), m, op_set(), diagnostics)) return "IR text does not parse:\n" + render_all(diagnostics, sources);
    std::string again;
    for (int32_t k = 0; k < static_cast<int32_t>(m.size()); ++k) again += print(m, m[FuncId{k}], op_set()) + "\n";
    return again == text ? "" : "IR text changes when it is read:\n" + text + again;
  }

  /// Derivatives over 200 bits, so that what rounds is only the constants that were folded in double precision, in one mode
  /// or another: hence the tolerances of `near`.
  std::string modes(Compilation& c, FuncId f, const Args& args) {
    const auto x = converted<Big>(args);
    std::vector<Big> value_at_x, first[3];
    if (const auto value = interpret<Big>(c.module, f, x)) flatten(*value, value_at_x);
    // Outside of the domain there is no derivative: nan − nan is nan in one mode, and in another nothing is left of it.
    if (!std::ranges::all_of(value_at_x, [](const Big& v) { return isfinite(v); })) return {};
    const Mode kModes[] = {Mode::reverse, Mode::forward, Mode::symbolic};
    const std::vector<int> wrt = float_parameters(c.module, f);
    FuncId gradients[3];
    for (size_t k = 0; k < 3; ++k) {
      gradients[k] = c.derivative({.kind = Kind::grad, .mode = kModes[k], .base = f, .wrt = wrt, .is_list = true}, {});
      if (!gradients[k] && kModes[k] == Mode::symbolic) {
        if (!has_no_form(c)) return render_all(c.diagnostics, c.sources);
        c.diagnostics.clear();
        continue;
      }
      if (!gradients[k]) return std::string(mode_name(kModes[k])) + ": " + render_all(c.diagnostics, c.sources);
      if (std::string what = text_law(c, gradients[k]); !what.empty()) return what;
      const auto value = interpret<Big>(c.module, gradients[k], x);
      if (!value) return std::string(mode_name(kModes[k])) + ": " + value.error().message;
      flatten(*value, first[k]);
      if (!near(first[0], first[k]) &&
          !near(first[0], first[k], rounding(c, gradients[0], args, first[0]) + rounding(c, gradients[k], args, first[k])))
        return std::string(mode_name(kModes[k])) + " differs from reverse";
    }
    return seed_ % kSecondOrderEvery == 0 ? second_order(c, f, gradients, wrt, args) : "";
  }

  std::string second_order(Compilation& c, FuncId f, const FuncId (&gradients)[3], const std::vector<int>& wrt, const Args& args) {
    std::vector<std::vector<Big>> second;
    double rounded = 0;  // of the first
    Args directed = args;
    for (int k : wrt) directed.push_back(args[static_cast<size_t>(k)]);
    const auto x = converted<Big>(args), along = converted<Big>(directed);
    for (const auto& [outer, inner] : {std::pair(Mode::forward, 0), std::pair(Mode::reverse, 0), std::pair(Mode::reverse, 1), std::pair(Mode::forward, 1), std::pair(Mode::forward, 2)}) {
      if (!gradients[inner]) continue;
      const std::string name = std::string(mode_name(outer)) + " over " + mode_name(inner == 0 ? Mode::reverse : inner == 1 ? Mode::forward : Mode::symbolic);
      const FuncId hvp = c.derivative({.kind = Kind::jvp, .mode = outer, .base = gradients[inner], .wrt = wrt}, {});
      if (!hvp) return name + ": " + render_all(c.diagnostics, c.sources);
      const auto value = interpret<Big>(c.module, hvp, along);
      if (!value) return name + ": " + value.error().message;
      flatten(*value, second.emplace_back());
      if (second.size() == 1) rounded = rounding(c, hvp, directed, second[0]);
      if (!near(second[0], second.back()) && !near(second[0], second.back(), rounded + rounding(c, hvp, directed, second.back())))
        return name + " differs from forward over reverse";
    }
    // The Hessian by the first parameter.
    const FuncId hessian = c.derivative({.kind = Kind::hessian, .mode = Mode::forward, .base = f, .wrt = {0}}, {});
    if (!hessian) return "hessian: " + render_all(c.diagnostics, c.sources);
    const auto value = interpret<Big>(c.module, hessian, x);
    if (!value) return "hessian: " + value.error().message;
    std::vector<Big> rows, columns;
    flatten(*value, rows);
    const size_t n = static_cast<size_t>(x[0].count());
    for (size_t k = 0; k < rows.size(); ++k) columns.push_back(rows[k % n * n + k / n]);
    return near(rows, columns) || near(rows, columns, 2 * rounding(c, hessian, args, rows)) ? "" : "the Hessian is not symmetric";
  }

  /// ⟨u, J v⟩ = ⟨Jᵀu, v⟩ of the array-valued `h`.
  std::string adjoint_law(Compilation& c) {
    const FuncId h = c.find("h");
    if (!h || seed_ % kSecondOrderEvery != 1) return {};
    const FuncId forward = c.derivative({.kind = Kind::jvp, .mode = Mode::forward, .base = h, .wrt = {0, 1}}, {});
    const FuncId reverse = c.derivative({.kind = Kind::vjp, .mode = Mode::reverse, .base = h, .wrt = {0, 1}, .is_list = true}, {});
    if ((!forward || !reverse) && has_no_form(c)) return c.diagnostics.clear(), "";
    if (!forward || !reverse) return "adjoint: " + render_all(c.diagnostics, c.sources);
    const auto x = converted<Big>(point(c.module, forward)), y = converted<Big>(point(c.module, reverse));
    const auto tangent = interpret<Big>(c.module, forward, x), cotangent = interpret<Big>(c.module, reverse, y);
    if (!tangent || !cotangent) return "adjoint: " + (tangent ? cotangent : tangent).error().message;
    std::vector<Big> dy, bars, v = x[2].floats;
    flatten(*tangent, dy), flatten(*cotangent, bars), v.push_back(x[3].floats[0]);
    const auto dot = [](const std::vector<Big>& p, const std::vector<Big>& q) {
      Big sum = 0;
      for (size_t k = 0; k < p.size(); ++k) sum = sum + p[k] * q[k];
      return sum;
    };
    return near({dot(y[2].floats, dy)}, {dot(bars, v)}) ? "" : "⟨u, J v⟩ is not ⟨Jᵀu, v⟩";
  }

  std::string outcome(const std::string& source, Outcome& out) const {
    Compilation c(options());
    if (!c.load("random.dl", source)) return "ill typed: " + render_all(c.diagnostics, c.sources);
    const FuncId f = c.find("f");
    const Args args = point(c.module, f);
    const FuncId gradient = c.derivative({.kind = Kind::grad, .mode = Mode::reverse, .base = f, .wrt = float_parameters(c.module, f), .is_list = true}, {});
    if (!gradient) return has_no_form(c) ? "" : render_all(c.diagnostics, c.sources);
    out.value = interpret<double>(c.module, f, args);
    out.gradient = interpret<double>(c.module, gradient, args);
    out.exact.clear();
    for (FuncId of : {f, gradient}) {
      const auto exact = interpret<Big>(c.module, of, converted<Big>(args));
      if (!exact) return exact.error().message;
      flatten(*exact, out.exact);
    }
    return {};
  }

  /// How far doubles are from 200 bits at this point.
  static double rounding(const Compilation& c, FuncId f, const Args& args, const std::vector<Big>& exact) {
    const auto value = interpret<double>(c.module, f, args);
    return value ? distance({*value}, exact) : 0;
  }

  /// `rounding`: of the same numbers in doubles, relative to the largest. Constants are folded in doubles; a program that amplifies
  /// what that rounds, to all digits of cos(10^300), does so to its other operations too. A mistake is in both precisions alike.
  bool near(const std::vector<Big>& a, const std::vector<Big>& b, double rounding = 0) const {
    const Big tolerance(std::max(is_single_ ? 1e-3 : 1e-11, kMostOfRounding * rounding));
    Big largest = 1;
    for (const Big& v : a) {
      if (!isfinite(v)) return true;
      if (abs(v) > largest) largest = abs(v);
    }
    for (size_t k = 0; k < a.size(); ++k)
      if (k >= b.size() || !(abs(a[k] - b[k]) <= largest * tolerance)) return false;
    return true;
  }

  uint64_t seed_;
  bool is_single_;
};

/// The first line of what is wrong, digits left out: programs that fail alike.
std::string sort_of(const std::string& what) {
  std::string out;
  for (char ch : what.substr(0, what.find('\n')))
    if (ch < '0' || ch > '9') out += ch;
  return out.substr(0, 60);
}

Piece shrunk(Piece program, uint64_t seed, const std::string& sort) {
  for (bool is_smaller = true; is_smaller;) {
    is_smaller = false;
    for (Piece& candidate : smaller(program)) {
      if (candidate.size() >= program.size() || sort_of(Laws(seed).broken(candidate)) != sort) continue;
      program = std::move(candidate), is_smaller = true;
      break;
    }
  }
  return program;
}

int run(uint64_t first, uint64_t count) {
  std::map<std::string, int> failures;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Piece program = random_program(seed);
    const std::string what = Laws(seed).broken(program);
    if (what.empty()) continue;
    const std::string sort = sort_of(what);
    if (failures[sort]++ > 0) continue;  // one of each sort is made smaller
    std::cout << "seed " << seed << ": " << sort << "\n" << std::flush;
    const Piece least = shrunk(program, seed, sort);
    std::cout << Laws(seed).broken(least) << "\n" << least.source() << "\n" << std::flush;
  }
  int n = 0;
  for (const auto& [sort, times] : failures) std::cout << times << " × " << sort << "\n", n += times;
  std::cout << count << " programs, " << n << " failures\n";
  return n > 0;
}

int still_fail(int n, char** paths) {
  int status = 0;
  for (int k = 0; k < n; ++k) {
    std::ostringstream text;
    text << std::ifstream(paths[k]).rdbuf();
    const bool fails = !Laws(0).broken(text.str()).empty();
    if (!fails) std::cout << paths[k] << " no longer fails: move it to tests/golden\n", status = 1;
  }
  return status;
}

}  // namespace
}  // namespace dlc

int main(int argc, char** argv) {
  uint64_t count = 300, seed = 1;
  int k = 1;
  for (; k + 1 < argc && argv[k][0] == '-'; k += 2) {
    const std::string option = argv[k];
    const uint64_t value = std::strtoull(argv[k + 1], nullptr, 10);
    if (option == "--show") return std::cout << dlc::random_program(value).source(), 0;
    (option == "--count" ? count : option == "--seed" ? seed : dlc::native_every) = std::max<uint64_t>(value, 1);
  }
  return k < argc ? dlc::still_fail(argc - k, argv + k) : dlc::run(seed, count);
}
