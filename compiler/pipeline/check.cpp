// The comparisons of `dlc check`, see check.h. An engine is one derivative of the function under test, compiled, with
// the same function for the interpreter and one that computes its scales.
#include "pipeline/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "ad/leaves.h"
#include "interp/interp.h"
#include "ops/request.h"
#include "ops/table.h"
#include "passes/passes.h"
#include "pipeline/arguments.h"
#include "pipeline/directions.h"
#include "pipeline/error_scale.h"
#include "pipeline/errors.h"
#include "pipeline/native.h"
#include "pipeline/numeric.h"
#include "pipeline/rendering.h"
#include "pipeline/requests.h"
#include "pipeline/samples.h"
#include "pipeline/slopes.h"
#include "pipeline/values.h"

namespace dlc {
namespace {

using Kind = DerivativeRequest::Kind;
using Numbers = std::vector<double>;
using Bigs = std::vector<Big>;

constexpr double kUlpLimit = 8;        // of Σ|terms|
constexpr double kEstimateLimit = 8;   // numeric mode, in its own estimates: rounding noise is known to a small factor only
/// Each difference takes the step whose estimate is least, so now and then one that is so by luck; of more of them, more.
double estimate_limit(int64_t n_compared) { return kEstimateLimit * (1 + std::max(0.0, std::log10(static_cast<double>(n_compared) / 10)) / 2); }
constexpr int64_t kMostNumbers = 300'000;   // of a derivative: 200-bit arithmetic takes 48 bytes for each, many times over
constexpr int64_t kMostElements = 40;   // of a derivative whose numbers are compared with differences one by one
constexpr size_t kMostNumeric = 12;     // elements a sample: each takes 32 evaluations
// Instructions of the gradient in forward mode, which holds the tangent function once for each array that it is by. LLVM takes
// some milliseconds for each, and more for each the more there are; longer ones are compared along directions.
constexpr int64_t kLongGradient = 600;

bool all_finite(const Bigs& values) {
  return std::all_of(values.begin(), values.end(), [](const Big& x) { return isfinite(x); });
}

bool same_bits(double a, double b) { return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b)); }

bool same_bits(const InterpValue<double>& a, const InterpValue<double>& b) {
  bool same = a.ints == b.ints && a.floats.size() == b.floats.size() && a.fields.size() == b.fields.size();
  for (size_t k = 0; same && k < a.floats.size(); ++k) same = same_bits(a.floats[k], b.floats[k]);
  for (size_t k = 0; same && k < a.fields.size(); ++k) same = same_bits(a.fields[k], b.fields[k]);
  return same;
}

/// Too large for its type, or too small to have all its digits there.
bool is_out_of_range(const Big& x, DType dtype) {
  static const Big kLimits[][2] = {{std::numeric_limits<float>::min(), std::numeric_limits<float>::max()},
                                   {std::numeric_limits<double>::min(), std::numeric_limits<double>::max()}};
  const auto& [smallest, largest] = kLimits[dtype == DType::f32 ? 0 : 1];
  return isfinite(x) && x != 0 && (abs(x) < smallest || abs(x) > largest);
}

/// Whether `f`, or what it calls, has such an instruction.
template <class Predicate>
bool has_inst(const Module& m, FuncId f, const Predicate& is_wanted) {
  const std::vector<FuncId> all = call_order(m, f);
  return std::any_of(all.begin(), all.end(), [&](FuncId g) { return std::any_of(m[g].insts.begin(), m[g].insts.end(), is_wanted); });
}
/// Computes a derivative in mode numeric.
bool takes_differences(const Module& m, FuncId f) {
  return has_inst(m, f, [](const Inst& in) { return in.loc.reason == Reason::numeric_of; });
}
/// Declares a part of its value to be constant.
bool stops_gradient(const Module& m, FuncId f) {
  return has_inst(m, f, [](const Inst& in) { return in.op == "stop_gradient"_op; });
}

/// What larger sizes may mend.
bool is_of_size(const Error& error) {
  const std::string_view slug = error.diagnostic ? error.diagnostic->kind->slug : "";
  return slug == "index-out-of-range" || slug == "size-check-failed" || slug == "negative-size" || slug == "empty-reduction";
}

struct Engine {
  std::string name;
  FuncId func;
  std::optional<Native> native;
  size_t row = 0;  // in FunctionCheck::rows
};

class Checker {
 public:
  Checker(Compilation& c, FuncId f, const CheckOptions& options)
      : c_(c), func_(f), options_(options), sampler_(c.module, c.module[f], options.seed), start_(std::chrono::steady_clock::now()) {}

  Result<FunctionCheck> run() {
    check_.function = f().name;
    check_.span = f().loc.span;
    if (!prepare()) return check_;
    if (error_) return *error_;
    check_.n_wanted = options_.n_samples;
    for (int n = 0; check_.n_samples < options_.n_samples && n < 4 * options_.n_samples; ++n) {
      if (elapsed() > options_.seconds && n > 0) {
        check_.is_cut_short = true;
        break;
      }
      say(fmt::format("sample {} of {}", check_.n_samples + 1, options_.n_samples));
      sample(n);
    }
    note_what_was_chosen();
    if (check_.n_samples == 0 && check_.skipped.empty() && !check_.failed()) check_.skipped = why_nothing_is_left(check_);
    locate_worst();
    check_.seconds = elapsed();
    return check_;
  }

 private:
  const Func& f() const { return c_.module[func_]; }
  double elapsed() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  void say(const std::string& what) const {
    if (options_.progress) options_.progress(fmt::format("{}: {}", check_.function, what));
  }
  bool skip(std::string why) { return check_.skipped = std::move(why), false; }
  bool fail(std::string why) { return error_ = Error{std::move(why)}, true; }

  // ---- engines

  /// False: nothing to check. Errors go to error_.
  bool prepare() {
    if (!c_.ready(func_)) return fail(render_all(c_.diagnostics, c_.sources));
    for (ValueId p : f().body().params)
      if (holds_key(f()[p].type)) return skip("it takes a random key");
    if (!sampler_.choose_sizes(sizes_)) return skip("no sizes up to 8 fit its parameters");
    sampler_.enlarge(sizes_, [&](const Args& args, const auto& sizes) {
      const auto value = interpret<double>(c_.module, func_, args, sizes);
      return !value && is_of_size(value.error());
    });
    for (StrId name : f().size_vars)
      check_.sizes += fmt::format("{}{} = {}", check_.sizes.empty() ? "" : ", ", c_.module.strings[name], sizes_[name]);
    value_ = add_engine("value", func_, "samples differ", 0);
    of_ = default_of(c_.module, func_);
    const TypeId part = differentiated_part(c_.module, f().result_type(), of_);
    const Type type = c_.module.types[part];
    const auto floats = find_wrt(c_, func_, {}, WrtDefault::all);
    has_derivative_ = floats && is_float(type.dtype);
    if (error_ || !has_derivative_) return true;
    wrt_ = options_.wrt.empty() ? *floats : options_.wrt;
    count_numbers();
    if (n_numbers_ > kMostNumbers)
      return skip(fmt::format("derivatives by {} numbers at once are too many for 200-bit arithmetic: let its sizes be size variables, which are shrunk here", n_numbers_));
    is_scalar_ = type.rank() == 0;
    if (type.dtype == DType::f32 || any_single(wrt_)) epsilon_ = std::numeric_limits<float>::epsilon();
    if (lacks_derivative()) return true;
    const FuncId jvp = c_.derivative({.kind = Kind::jvp, .mode = Mode::forward, .base = func_, .wrt = wrt_, .of = of_}, f().loc);
    if (!jvp) return fail(render_all(c_.diagnostics, c_.sources));
    const int64_t n_insts = static_cast<int64_t>(c_.module[jvp].insts.size());
    is_forward_along_ = n_numbers_ > kMostElements * kMostElements || n_leaves_ * n_insts > kLongGradient;
    for (const Mode mode : {Mode::reverse, Mode::forward, Mode::symbolic}) {
      if (mode == Mode::symbolic && !is_scalar_) continue;
      if (mode == Mode::symbolic && !(has_symbolic_ = has_closed_form())) continue;
      if (mode == Mode::forward && is_forward_along_) forward_ = add_row("forward, along directions", "ulp", kUlpLimit);
      else add_derivative(mode_name(mode), gradient_request(mode));
      if (error_) return true;
    }
    differences_ = add_row("differences in 200 bits", "ulp", kUlpLimit);
    numeric_ = add_row("numeric", "of its estimate", kEstimateLimit);
    jvp_ = make_engine("⟨u, J v⟩ = ⟨Jᵀu, v⟩", jvp, "ulp", kUlpLimit);
    if (error_) return true;
    takes_differences_ = takes_differences(c_.module, func_);
    stops_gradient_ = stops_gradient(c_.module, func_);
    if (stops_gradient_)
      check_.notes.push_back("the modes are compared with each other only: differences of values see through `stop_gradient`");
    if (takes_differences_)
      check_.notes.push_back("neither numeric mode nor order 2 is checked: the value contains a derivative in mode numeric, and differences "
                             "of differences mean little");
    else if (options_.order >= 2 && !is_scalar_) check_.notes.push_back("order 2 is checked for functions that return one number");
    else if (options_.order >= 2) prepare_second_order();
    return true;
  }

  /// Whether a derivative by one of these parameters holds an f32, which rounds whatever the result is.
  bool any_single(const std::vector<int>& params) {
    return std::any_of(params.begin(), params.end(), [&](int k) {
      const std::vector<TypeId> leaves = leaf_types(c_.module.types, f()[f().body().params[static_cast<size_t>(k)]].type);
      return std::any_of(leaves.begin(), leaves.end(), [&](TypeId leaf) { return c_.module.types[leaf].dtype == DType::f32; });
    });
  }

  /// The arrays, and the numbers in them, that the derivatives are by.
  void count_numbers() {
    for (int k : wrt_)
      for (TypeId leaf : leaf_types(c_.module.types, f()[f().body().params[static_cast<size_t>(k)]].type)) {
        int64_t elements = 1;
        for (DimId d : c_.module.types[leaf].dims) elements *= c_.module.types.dims.evaluate(d, sizes_).value_or(0);
        n_numbers_ += elements;
        ++n_leaves_;
      }
  }

  /// Says where not every number of the derivative was compared.
  void note_what_was_chosen() {
    if (!has_derivative_ || !check_.skipped.empty()) return;
    if (2 * n_lost_ > check_.n_samples)  // else the others tell enough
      check_.notes.push_back(fmt::format("at {} of {} samples rounding may add up to more than the derivative: there compiled code must have the bits of interpreted code",
                                         n_lost_, check_.n_samples));
    if (is_forward_along_)
      check_.notes.push_back(fmt::format("forward mode is compared along a random direction a sample: its gradient is made of a pass for each of {} numbers", n_numbers_));
    if (n_numbers_ > kMostElements && check_.rows[differences_].n > 0)
      check_.notes.push_back(fmt::format("differences in 200 bits are taken along a random direction a sample, not by each of {} numbers", n_numbers_));
    if (n_hidden_ > 0)
      check_.notes.push_back(fmt::format("numeric mode is not compared where no step is short enough for the function and long enough for rounding: {} times", n_hidden_));
    const CheckRow& numeric = check_.rows[numeric_];
    if (n_numbers_ * check_.n_samples > numeric.n && numeric.n > 0)
      check_.notes.push_back(fmt::format("numeric mode is compared {} times: by at most {} of {} numbers a sample", numeric.n, std::min(static_cast<int64_t>(kMostNumeric), n_numbers_), n_numbers_));
  }

  /// Whether the function has none, which is no mistake: it is said, and the value is checked all the same.
  bool lacks_derivative() {
    if (c_.derivative(gradient_request(Mode::reverse), f().loc)) return false;
    if (!noted("only the value is checked", "no-derivative")) return false;
    has_derivative_ = false;
    return true;
  }

  /// Takes the only error back, if it is of this kind: what cannot be done is no mistake of the program. Warnings may be beside it.
  bool noted(std::string_view what, std::string_view slug) {
    const auto& all = c_.diagnostics.all();
    const auto error = std::find_if(all.begin(), all.end(), [](const Diagnostic& d) { return d.kind->severity == Severity::error; });
    if (c_.diagnostics.n_errors() != 1 || error->kind->slug != slug) return false;
    check_.notes.push_back(fmt::format("{}: {} ({})", what, error->message, c_.sources.place(error->span)));
    c_.diagnostics.clear();
    return true;
  }
  bool has_closed_form() { return c_.derivative(gradient_request(Mode::symbolic), f().loc) || !noted("symbolic is left out", "no-closed-form"); }

  bool holds_key(TypeId id) const {
    const Type& type = c_.module.types[id];
    return type.dtype == DType::key || std::any_of(type.fields.begin(), type.fields.end(), [&](const Field& x) { return holds_key(x.type); });
  }

  DerivativeRequest gradient_request(Mode mode) const {
    return {.kind = is_scalar_ ? Kind::grad : Kind::vjp, .mode = mode, .base = func_, .wrt = wrt_, .is_list = true, .of = of_};
  }

  /// The Hessian times a direction: an outer derivative of the gradient in mode `inner`, but in reverse over forward the gradient
  /// of a derivative along the direction, which is one pass and not one for each number.
  FuncId second_derivative(Mode outer, Mode inner) {
    const bool is_along = outer == Mode::reverse && inner == Mode::forward;
    const FuncId first = c_.derivative(is_along ? DerivativeRequest{.kind = Kind::jvp, .mode = inner, .base = func_, .wrt = wrt_, .of = of_} : gradient_request(inner), f().loc);
    if (!first) return {};
    if (is_along) return c_.derivative({.kind = Kind::grad, .mode = outer, .base = first, .wrt = wrt_, .is_list = true}, f().loc);
    return c_.derivative({.kind = Kind::jvp, .mode = outer, .base = first, .wrt = wrt_}, f().loc);
  }

  void prepare_second_order() {
    constexpr Mode kPairs[][2] = {{Mode::forward, Mode::reverse}, {Mode::reverse, Mode::reverse}, {Mode::reverse, Mode::forward},
                                  {Mode::forward, Mode::forward}, {Mode::forward, Mode::symbolic}};
    for (const auto& [outer, inner] : kPairs) {
      if (inner == Mode::symbolic && !has_symbolic_) continue;
      if (elapsed() > options_.seconds / 2) check_.is_cut_short = true;
      if (check_.is_cut_short && !second_.empty()) break;  // compiling alone takes the time
      const FuncId hvp = second_derivative(outer, inner);
      if (!hvp && inner == Mode::symbolic && noted("symbolic is left out", "no-closed-form")) continue;
      if (!hvp) {
        fail(render_all(c_.diagnostics, c_.sources));
        return;
      }
      second_.push_back(make_engine(fmt::format("order 2, {} over {}", mode_name(outer), mode_name(inner)), hvp, "ulp", kUlpLimit));
    }
    second_differences_ = add_row("order 2, differences in 200 bits", "ulp", kUlpLimit);
  }

  void add_derivative(const std::string& name, const DerivativeRequest& request) {
    const FuncId d = c_.derivative(request, f().loc);
    if (!d) fail(render_all(c_.diagnostics, c_.sources));
    else engines_.push_back(make_engine(name, d, "ulp", kUlpLimit));
  }

  size_t add_row(std::string what, std::string unit, double limit) {
    CheckRow row;
    row.what = std::move(what), row.unit = std::move(unit), row.limit = limit;
    check_.rows.push_back(std::move(row));
    worst_args_.emplace_back();
    worst_func_.emplace_back();
    return check_.rows.size() - 1;
  }

  Engine make_engine(std::string name, FuncId f, const char* unit, double limit) {
    const FuncId special = c_.recurs(f) ? c_.at_sizes(f, sizes_) : f;
    Engine e{name, special, std::nullopt, add_row(std::move(name), unit, limit)};
    if (!special) return fail(render_all(c_.diagnostics, c_.sources)), e;
    say("compiling " + e.name);
    auto native = Native::compile(c_, special, {.opt_level = options_.opt_level});
    if (native) e.native = std::move(*native);
    else fail(native.error().message);
    return e;
  }

  Engine add_engine(const char* name, FuncId f, const char* unit, double limit) { return make_engine(name, f, unit, limit); }

  // ---- one sample

  void sample(int number) {
    pending_.assign(check_.rows.size(), {});
    evaluated_.clear();
    Args args = sampler_.sample(number, sizes_);
    const auto exact = interpret<Big>(c_.module, func_, converted<Big>(args), sizes_);
    const auto rounded = interpret<double>(c_.module, func_, args, sizes_);
    if (!exact || !rounded) note_value_error((exact ? rounded.error() : exact.error()), args);
    if (!rounded && value_.native->call(args, sizes_)) compare_value(args);
    if (!exact || !rounded || !all_finite(flat(*exact))) {
      ++check_.n_outside;
      return;
    }
    if (!has_derivative_) {
      compare_value(args);
      ++check_.n_samples;
      return;
    }
    InterpValue<double> bar = part_of(*rounded);
    bar = is_scalar_ ? InterpValue<double>::scalar(1, bar.dtype) : sampler_.direction(bar);
    Args with_bar = args;
    if (!is_scalar_) with_bar.push_back(bar);
    const auto reference = interpret<Big>(c_.module, engines_[0].func, converted<Big>(with_bar), sizes_);
    if (!reference) {
      compare_value(args);
      stop(engines_[0], args, reference.error());
      ++check_.n_samples;
      return;
    }
    if (!all_finite(flat(*reference))) {
      ++check_.n_outside;
      return;
    }
    compare_value(args);
    const Bigs gradient = flat(*reference);
    std::vector<InterpValue<double>> direction;
    for (int p : wrt_) direction.push_back(sampler_.direction(args[static_cast<size_t>(p)]));
    const Numbers s = scales(engines_[0], with_bar);
    is_lost_ = gradient_along(gradient, s, direction).is_lost(epsilon_, kUlpLimit);
    for (const Engine& e : engines_) compare(e, with_bar, gradient);
    const Differences seen = stops_gradient_ ? Differences::kink : compare_differences(args, bar, gradient, s, direction);
    bool on_kink = seen == Differences::kink;
    if (seen == Differences::compared && !takes_differences_) compare_numeric(args, bar, gradient);
    compare_products(args, bar, with_bar, gradient, s, direction);
    const bool has_second = second_.empty() || compare_second_order(args, on_kink);
    evaluated_.emplace_back(func_, args);
    if (!accept_pending()) {
      ++check_.n_out_of_range;
      return;
    }
    ++check_.n_samples;
    check_.n_kinks += on_kink && !stops_gradient_;
    n_lost_ += is_lost_;
    check_.n_without_differences += seen == Differences::no_time;
    check_.n_without_second += !has_second;
  }

  /// Enters what this sample showed, unless something fails that is for want of range.
  bool accept_pending() {
    for (size_t row = 0; row < pending_.size(); ++row)
      if (pending_[row].n > 0 && !(pending_[row].worst <= check_.rows[row].limit) && leaves_range()) return false;
    for (size_t row = 0; row < pending_.size(); ++row) {
      Pending& p = pending_[row];
      CheckRow& r = check_.rows[row];
      const bool is_first = r.n == 0;
      r.n += p.n;
      if (row == numeric_) r.limit = estimate_limit(r.n);
      if (p.n == 0 || (!is_first && p.worst <= r.worst)) continue;
      r.worst = p.worst, r.at = std::move(p.at);
      worst_args_[row] = std::move(p.args), worst_func_[row] = p.func;
    }
    return true;
  }

  /// Whether any function of this sample meets a number on the way that its type cannot hold with all digits.
  bool leaves_range() {
    for (const auto& [func, args] : evaluated_) {
      bool found = false;
      const InterpObserver<Big> watch = [&](FuncId in, ValueId v, const InterpValue<Big>& value) {
        for (const Big& x : value.floats) {
          if (found || !is_out_of_range(x, value.dtype)) continue;
          found = true;
          if (!check_.out_of_range_at.empty()) continue;
          const Span span = c_.module[in][v].loc.span;
          check_.out_of_range_at = fmt::format("{} is {}{}", span ? fmt::format("`{}` or its derivative", c_.sources.text(span)) : "a number on the way",
                                               abs(x) < 1 ? "too small for " : "too large for ", dtype_name(value.dtype)) + point(evaluated_.back().second);
        }
      };
      const auto value = interpret<Big>(c_.module, func, converted<Big>(args), sizes_, {}, watch);
      if (value && found) return true;
    }
    return false;
  }

  template <class T>
  const InterpValue<T>& part_of(const InterpValue<T>& result) const {
    return of_ < 0 ? result : result.fields[static_cast<size_t>(of_)];
  }

  /// `at` is called for the worst only: of tens of thousands of numbers each has a place.
  template <class At>
  void record(size_t row, double error, const Args& args, const At& at, FuncId func) {
    Pending& p = pending_[row];
    ++p.n;
    if (std::isnan(error)) error = HUGE_VAL;
    if (p.n > 1 && error <= p.worst) return;
    p = {p.n, error, args, at(), func};
  }
  /// A derivative ends in an error where the value has none: a failure, whatever the numbers on the way are.
  void stop(const Engine& e, const Args& args, const Error& error) {
    CheckRow& row = check_.rows[e.row];
    ++row.n;
    if (!row.error.empty()) return;
    row.worst = HUGE_VAL, row.error = error_text(error), row.at = point(args).substr(1);
    row.span = error.diagnostic ? error.diagnostic->span : Span{};
  }
  void note_value_error(const Error& error, const Args& args) {
    if (check_.n_value_errors++ > 0) return;
    const bool has_place = error.diagnostic && error.diagnostic->span;
    check_.value_error = fmt::format("{}{}{}", has_place ? c_.sources.place(error.diagnostic->span) + ": " : "", error_text(error), point(args));
  }
  /// "subscript 5 is outside 0..4 [index-out-of-range]".
  static std::string error_text(const Error& error) {
    return error.diagnostic ? fmt::format("{} [{}]", error.diagnostic->message, error.diagnostic->kind->slug) : error.message;
  }

  /// "d/dW[3] at W = …, x = …" for the k-th float of the derivative.
  std::string place(size_t k, const Args& args) const {
    std::string text;
    for (int p : wrt_) {
      const auto& x = args[static_cast<size_t>(p)];
      const size_t n = count_floats(x);
      if (k < n && text.empty()) text = fmt::format("d/d{}{}", parameter_name(c_.module, f(), static_cast<size_t>(p)), x.dims.empty() && x.fields.empty() ? "" : fmt::format("[{}]", k));
      k = k < n ? 0 : k - n;
      if (!text.empty()) break;
    }
    return text + point(args);
  }

  std::string point(const Args& args) const {
    std::string text = " at ";
    for (size_t k = 0; k < f().body().params.size(); ++k)
      text += fmt::format("{}{} = {}", k ? ", " : "", parameter_name(c_.module, f(), k), value_brief(args[k]));
    return text;
  }

  void compare_value(const Args& args) {
    const auto native = value_.native->call(args, sizes_), interpreted = interpret<double>(c_.module, func_, args, sizes_);
    const bool is_same = native && interpreted ? same_bits(*native, *interpreted) : static_cast<bool>(native) == static_cast<bool>(interpreted);
    ++check_.rows[value_.row].n;
    if (!is_same) count_other_bits("the first", func_, args);
  }

  /// That is no matter of rounding or of range.
  void count_other_bits(const std::string& what, FuncId func, const Args& args) {
    CheckRow& row = check_.rows[value_.row];
    if (row.worst == 0) row.at = what + point(args), worst_args_[value_.row] = args, worst_func_[value_.row] = func;
    ++row.worst;
  }

  /// The scales of an engine's results at a point; empty when unknown.
  Numbers scales(const Engine& e, const Args& args) const {
    return scales_of(c_.module, e.func, args, sizes_);
  }

  /// |a − exact| in ulp of max(scale, |exact|).
  double in_ulp(double a, const Big& exact, double scale) const {
    if (!std::isfinite(a)) return HUGE_VAL;
    const Big error = abs(Big(a) - exact);
    const double unit = epsilon_ * std::max(std::isfinite(scale) ? scale : 0, std::abs(static_cast<double>(exact)));
    // Below the smallest normal number rounding is absolute.
    const double smallest = epsilon_ > 1e-10 ? 0x1p-149 : 0x1p-1074;
    return static_cast<double>(error / Big(std::max(unit, smallest)));
  }

  void compare(const Engine& e, const Args& args, const Bigs& exact) {
    evaluated_.emplace_back(e.func, args);
    const auto result = e.native->call(args, sizes_);
    if (!result) return stop(e, args, result.error());
    compare_bits(e, args, *result);
    const Numbers values = flat(*result), s = scales(e, args);
    for (size_t k = 0; k < exact.size(); ++k)
      record(e.row, k < values.size() ? in_ulp(values[k], exact[k], k < s.size() ? s[k] : 0) : HUGE_VAL, args, [&] { return place(k, args); }, e.func);
  }

  /// Where rounding may hide a wrong number, compiled code must still do what the interpreter does.
  void compare_bits(const Engine& e, const Args& args, const InterpValue<double>& result) {
    if (!is_lost_) return;
    const auto interpreted = interpret<double>(c_.module, e.func, args, sizes_);
    if (!interpreted || !same_bits(result, *interpreted)) count_other_bits(e.name + ", where rounding hides its numbers,", e.func, args);
  }

  // ---- differences

  /// As in_ulp, for a difference in 200 bits. Its own error, h² times a third derivative, is 10⁻⁴² where the derivative
  /// may be exactly zero; next to the largest scale that is nothing.
  double difference_in_ulp(const Big& difference, const Big& exact, size_t k, const Numbers& s) const {
    double largest = 0;
    for (double x : s) largest = std::max(largest, std::isfinite(x) ? x : 0);
    const double own = k < s.size() && std::isfinite(s[k]) ? s[k] : 0;
    return in_ulp(static_cast<double>(difference), exact, std::max(own, 1e-12 * largest + 1e-20));
  }

  std::optional<Big> contracted(const std::vector<InterpValue<Big>>& args, const Bigs& bar) const {
    const auto y = interpret<Big>(c_.module, func_, args, sizes_);
    if (!y) return std::nullopt;
    const Bigs values = flat(part_of(*y));
    Big sum = 0;
    for (size_t k = 0; k < values.size(); ++k) sum += bar[k] * values[k];
    return sum;
  }

  /// Σ bar·y along a line.
  Curve curve(const Line& along, const Bigs& bars) const {
    return [this, along, &bars](const Big& t) { return contracted(along(t), bars); };
  }

  /// Past the time a function has. Its first sample is compared whatever time that takes; what is left out is said.
  bool is_late() {
    if (check_.n_samples == 0 || elapsed() <= options_.seconds) return false;
    return check_.is_cut_short = true;
  }

  enum class Differences : uint8_t { compared, kink, no_time };

  /// Differences by each number, or where these are many along one direction, in which every number takes part.
  Differences compare_differences(const Args& args, const InterpValue<double>& bar, const Bigs& gradient, const Numbers& s,
                                  const std::vector<InterpValue<double>>& direction) {
    const Bigs bars = flat(converted<Big>(bar));
    const std::vector<InterpValue<Big>> x = converted<Big>(args);
    const auto middle = contracted(x, bars);
    if (gradient.size() > static_cast<size_t>(kMostElements)) return compare_along(args, x, middle, bars, gradient, s, direction);
    bool on_kink = false;
    std::vector<std::pair<size_t, double>> errors;
    size_t k = 0;
    for (int p : wrt_)
      for (size_t e = 0; e < count_floats(args[static_cast<size_t>(p)]); ++e, ++k) {
        if (is_late()) return on_kink ? Differences::kink : Differences::no_time;
        const Curve f = curve(line_by(x, static_cast<size_t>(p), e), bars);
        const Difference d = difference(f, middle, k < s.size() && std::isfinite(s[k]) ? s[k] : 0);
        on_kink |= d.on_kink;
        double error = difference_in_ulp(d.value, gradient[k], k, s);
        if (error > kUlpLimit && s.size() > k && s[k] == 0) {
          // A gradient of constants only was rounded while compiling: its terms are those of f, per unit of x.
          const Numbers terms = scales(value_, args);
          InterpValue<double> copy = args[static_cast<size_t>(p)];
          const double unit = std::abs(float_at(copy, e));
          if (!terms.empty() && unit > 0) error = in_ulp(static_cast<double>(d.value), gradient[k], terms[0] / unit);
        }
        if (error > kUlpLimit && is_mended(d, gradient[k], f, middle)) error = 0;
        errors.emplace_back(k, error);
      }
    const bool is_off = std::any_of(errors.begin(), errors.end(), [](const auto& e) { return e.second > kUlpLimit; });
    if (on_kink || (is_off && is_on_kink(c_.module, func_, line_along(x, wrt_, direction), sizes_))) return Differences::kink;
    for (const auto& [at, error] : errors) record(differences_, error, args, [&, k = at] { return place(k, args); }, engines_[0].func);
    return Differences::compared;
  }

  Differences compare_along(const Args& args, const std::vector<InterpValue<Big>>& x, const std::optional<Big>& middle, const Bigs& bars,
                            const Bigs& gradient, const Numbers& s, const std::vector<InterpValue<double>>& direction) {
    if (is_late()) return Differences::no_time;
    const Line towards = line_along(x, wrt_, direction);
    const Curve f = curve(towards, bars);
    Along along = gradient_along(gradient, s, direction);
    const Difference d = difference(f, middle, along.values);
    if (d.on_kink) return Differences::kink;
    double error = along.exact_error(d.value, epsilon_, kUlpLimit);
    if (error > kUlpLimit) {
      along.values += constant_terms(args, s, direction);
      error = along.exact_error(d.value, epsilon_, kUlpLimit);
    }
    if (error > kUlpLimit && is_mended(d, along.slope, f, middle)) error = 0;
    if (error > kUlpLimit && is_on_kink(c_.module, func_, towards, sizes_)) return Differences::kink;
    record(differences_, error, args, [&] { return "one direction" + point(args); }, engines_[0].func);
    return Differences::compared;
  }

  /// What rounding of constants, folded while compiling, may be along a direction: the terms of f per unit of each number
  /// whose derivative is made of constants only.
  double constant_terms(const Args& args, const Numbers& s, const std::vector<InterpValue<double>>& direction) const {
    const Numbers terms = scales(value_, args);
    Numbers v, x;
    for (const auto& part : direction) flatten(part, v);
    for (int p : wrt_) flatten(args[static_cast<size_t>(p)], x);
    double sum = 0;
    for (size_t k = 0; k < v.size(); ++k)
      if (!terms.empty() && k < s.size() && s[k] == 0 && x[k] != 0) sum += std::abs(v[k] / x[k]) * terms[0];
    return sum;
  }

  /// Whether differences have no step for this number: where the function is near to its tangent, rounding is as large as what it
  /// changes by. cos(1e17·x) looks like noise about a slope of 0 at every step that x ± h in doubles leaves.
  bool is_hidden(const Args& args, const InterpValue<double>& bar, int p, size_t e, std::optional<double> terms) const {
    const Bigs bars = flat(converted<Big>(bar));
    const std::vector<InterpValue<Big>> x = converted<Big>(args);
    const Curve f = curve(line_by(x, static_cast<size_t>(p), e), bars);
    const Big slope = difference(f, f(Big(0)), 0).value;  // by values alone: what the rules say is what is checked
    bool is_straight_everywhere = true;
    for (double h : difference_steps(float_at(Args(args)[static_cast<size_t>(p)], e), epsilon_)) {
      const auto above = f(Big(h)), below = f(Big(-h));
      const bool is_straight = above && below && abs((*above - *below) / (2 * Big(h)) - slope) <= abs(slope) / 2;
      if (is_straight && abs(slope) * Big(h) > Big(kUlpLimit * epsilon_ * terms.value_or(0))) return false;
      is_straight_everywhere &= is_straight;
    }
    return slope != 0 && !is_straight_everywhere;
  }

  void compare_numeric(const Args& args, const InterpValue<double>& bar, const Bigs& gradient) {
    const Numbers bars = flat(bar);
    const ScalarFunction scalar = [&](const Args& at) -> std::optional<double> {
      const auto y = interpret<double>(c_.module, func_, at, sizes_);
      if (!y) return std::nullopt;
      const Numbers values = flat(part_of(*y));
      double sum = 0;
      for (size_t k = 0; k < values.size(); ++k) sum += bars[k] * values[k];
      return sum;
    };
    // The scale of Σ bar·y is that of its terms.
    const ScalarFunction scale = [&](const Args& at) -> std::optional<double> {
      const Numbers s = scales(value_, at);
      const auto y = interpret<double>(c_.module, func_, at, sizes_);
      if (s.empty() || !y) return std::nullopt;
      const Numbers values = flat(part_of(*y));
      double sum = 0;
      for (size_t k = 0; k < bars.size(); ++k) sum += std::abs(bars[k]) * std::max(k < s.size() ? s[k] : 0, std::abs(values[k]));
      return std::isfinite(sum) ? std::optional(sum) : std::nullopt;
    };
    const double begin = elapsed();
    int n_compared = 0;
    size_t k = 0;
    for (int p : wrt_)
      for (size_t e = 0; e < count_floats(args[static_cast<size_t>(p)]); ++e, ++k) {
        if (gradient.size() > kMostNumeric && (k * 7919 + static_cast<size_t>(check_.n_samples)) % gradient.size() >= kMostNumeric) continue;
        if (is_late() || (n_compared++ > 0 && elapsed() - begin > options_.seconds / 10)) return;
        const NumericEstimate d = central_difference(scalar, scale, args, p, e, epsilon_);
        const double exact = static_cast<double>(gradient[k]);
        const double allowed = d.total_error() + epsilon_ * std::abs(exact) + std::numeric_limits<double>::min();
        if (!std::isfinite(d.error)) continue;
        const double error = std::abs(d.value - exact) / allowed;
        if (error > kEstimateLimit && is_hidden(args, bar, p, e, scale(args)))
          ++n_hidden_;
        else
          record(numeric_, error, args, [&] { return place(k, args); }, func_);
      }
  }

  void compare_products(const Args& args, const InterpValue<double>& bar, const Args& with_bar, const Bigs& gradient, const Numbers& s_reverse,
                        const std::vector<InterpValue<double>>& direction) {
    Args directed = args;
    Numbers v;
    for (const auto& part : direction) {
      directed.push_back(part);
      flatten(part, v);
    }
    evaluated_.emplace_back(jvp_->func, directed);
    const auto forward = jvp_->native->call(directed, sizes_), reverse = engines_[0].native->call(with_bar, sizes_);
    if (!forward || !reverse) return stop(forward ? engines_[0] : *jvp_, args, (forward ? reverse : forward).error());
    const Numbers u = flat(bar), jv = flat(*forward), ju = flat(*reverse);
    const Numbers s_forward = scales(*jvp_, directed);
    Big left = 0, right = 0;
    double terms = 0;
    for (size_t k = 0; k < u.size(); ++k) {
      left += Big(u[k]) * Big(jv[k]);
      terms += std::abs(u[k]) * std::max(std::abs(jv[k]), k < s_forward.size() ? s_forward[k] : 0);
    }
    compare_bits(*jvp_, directed, *forward);
    const auto here = [&] { return "one direction" + point(args); };
    if (is_forward_along_) {
      const double unit = epsilon_ * std::max(terms, std::numeric_limits<double>::min() / epsilon_);
      const Big exact = gradient_along(gradient, {}, direction).slope;
      record(forward_, isfinite(left) ? static_cast<double>(abs(left - exact)) / unit : HUGE_VAL, directed, here, jvp_->func);
    }
    for (size_t k = 0; k < v.size(); ++k) {
      right += Big(ju[k]) * Big(v[k]);
      terms += std::abs(v[k]) * std::max(std::abs(static_cast<double>(gradient[k])), k < s_reverse.size() ? s_reverse[k] : 0);
    }
    const double error = static_cast<double>(abs(left - right)) / std::max(epsilon_ * terms, std::numeric_limits<double>::min());
    record(jvp_->row, isfinite(left) && isfinite(right) ? error : HUGE_VAL, directed, here, jvp_->func);
  }

  // ---- second order: the Hessian times a direction

  /// False where there is no second derivative. Of what is on a kink only the modes are compared; that it is may show here.
  bool compare_second_order(const Args& args, bool& on_kink) {
    Args directed = args;
    for (int p : wrt_) directed.push_back(sampler_.direction(args[static_cast<size_t>(p)]));
    const auto reference = interpret<Big>(c_.module, second_[0].func, converted<Big>(directed), sizes_);
    if (!reference) return stop(second_[0], args, reference.error()), true;
    const Bigs exact = flat(*reference);
    if (!all_finite(exact)) return false;
    // g(x + hv) − g(x − hv) over 2h, in 200 bits.
    const std::vector<InterpValue<Big>> x = converted<Big>(args);
    const Line towards = line_along(x, wrt_, std::span(directed).subspan(args.size()));
    std::map<Big, Bigs> known;
    const auto gradient = [&](const Big& t) -> const Bigs& {
      const auto [at, is_new] = known.try_emplace(t);
      if (!is_new) return at->second;
      const auto g = interpret<Big>(c_.module, engines_[0].func, towards(t), sizes_);
      return at->second = g && all_finite(flat(*g)) ? flat(*g) : Bigs{};
    };
    const Big h = difference_step();
    const Bigs& middle = gradient(Big(0));
    if (!on_kink && (gradient(h).empty() || gradient(-h).empty())) return false;
    for (const Engine& e : second_) compare(e, directed, exact);
    if (on_kink) return true;
    if (middle.empty()) return false;
    const Numbers s = scales(second_[0], directed);
    Numbers errors;
    for (size_t k = 0; k < exact.size(); ++k) {
      const Curve along = [&](const Big& t) { return gradient(t).empty() ? std::nullopt : std::optional(gradient(t)[k]); };
      const Difference d = difference(along, middle[k], k < s.size() && std::isfinite(s[k]) ? s[k] : 0);
      if (d.on_kink) return false;  // of the gradient
      errors.push_back(difference_in_ulp(d.value, exact[k], k, s));
    }
    const bool is_off = std::any_of(errors.begin(), errors.end(), [](double e) { return e > kUlpLimit; });
    if (is_off && (on_kink = is_on_kink(c_.module, func_, towards, sizes_))) return true;
    for (size_t k = 0; k < errors.size(); ++k) record(second_differences_, errors[k], directed, [&] { return place(k, args); }, second_[0].func);
    return true;
  }

  void locate_worst() {
    for (size_t k = 0; k < check_.rows.size(); ++k)
      if (check_.rows[k].n > 0 && check_.rows[k].error.empty() && worst_func_[k] && (check_.rows[k].failed() || check_.rows[k].unit == "ulp"))
        check_.rows[k].span = error_origin(c_.module, worst_func_[k], worst_args_[k], sizes_).value_or(f().loc.span);
  }

  /// What the sample at hand showed in one row.
  struct Pending {
    int64_t n = 0;
    double worst = 0;
    Args args;
    std::string at;
    FuncId func;
  };

  Compilation& c_;
  FuncId func_;
  CheckOptions options_;
  Sampler sampler_;
  std::chrono::steady_clock::time_point start_;
  FunctionCheck check_;
  std::optional<Error> error_;
  std::map<StrId, int64_t> sizes_;
  std::vector<int> wrt_;
  int of_ = -1;
  bool has_derivative_ = false, is_scalar_ = false, takes_differences_ = false, has_symbolic_ = true, stops_gradient_ = false, is_forward_along_ = false;
  bool is_lost_ = false;  // in rounding, at the sample at hand: Along::is_lost
  int64_t n_numbers_ = 0, n_leaves_ = 0, n_lost_ = 0, n_hidden_ = 0;
  double epsilon_ = std::numeric_limits<double>::epsilon();
  Engine value_;
  std::vector<Engine> engines_, second_;  // engines_[0] is reverse mode, the reference
  std::optional<Engine> jvp_;
  size_t forward_ = 0, differences_ = 0, numeric_ = 0, second_differences_ = 0;
  std::vector<Args> worst_args_;
  std::vector<FuncId> worst_func_;
  std::vector<Pending> pending_;                      // by row
  std::vector<std::pair<FuncId, Args>> evaluated_;    // in the sample at hand; the function itself comes last
};

}  // namespace

bool FunctionCheck::failed() const {
  return std::any_of(rows.begin(), rows.end(), [](const CheckRow& r) { return r.failed(); });
}

Result<FunctionCheck> check_function(Compilation& c, FuncId f, const CheckOptions& options) { return Checker(c, f, options).run(); }

}  // namespace dlc
