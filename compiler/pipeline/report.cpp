// Measuring one function for a report, from the point outwards: the point, the modes, the sizes, the forms, the traces.
#include "pipeline/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "ad/leaves.h"
#include "interp/interp.h"
#include "ops/request.h"
#include "ops/table.h"
#include "pipeline/arguments.h"
#include "pipeline/function_cost.h"
#include "pipeline/native.h"
#include "pipeline/pass_text.h"
#include "pipeline/rendering.h"
#include "pipeline/report_graph.h"
#include "pipeline/requests.h"
#include "pipeline/samples.h"
#include "pipeline/values.h"
#include "symbolic/straight_line.h"

namespace dlc {
namespace {

using Kind = DerivativeRequest::Kind;

constexpr int kAttempts = 40;           // sampled points that are tried
constexpr size_t kLargestTrace = 400;   // lines
constexpr size_t kLongestForm = 20'000; // bytes of LaTeX
constexpr double kSecondsOfCheck = 3;

bool is_finite(const InterpValue<double>& v) {
  return std::all_of(v.floats.begin(), v.floats.end(), [](double x) { return std::isfinite(x); }) &&
         std::all_of(v.fields.begin(), v.fields.end(), [](const auto& field) { return is_finite(field); });
}

/// A sampled number of at most three decimals is as good a point, and a reader can type it.
void round_for_reading(InterpValue<double>& v) {
  for (auto& field : v.fields) round_for_reading(field);
  for (double& x : v.floats) {
    x = std::round(x * 1000) / 1000;
    if (v.dtype == DType::f32) x = static_cast<float>(x);
  }
}

bool holds_key(const Module& m, TypeId id) {
  const Type& type = m.types[id];
  return type.dtype == DType::key || std::any_of(type.fields.begin(), type.fields.end(), [&](const Field& x) { return holds_key(m, x.type); });
}

class Reporter {
 public:
  Reporter(Compilation& c, FuncId f, const Args& args, const ReportOptions& options) : c_(c), m_(c.module), func_(f), options_(options), args_(args) {}

  Result<FunctionReport> run() {
    if (!c_.ready(func_)) return Error{};
    describe();
    if (!r_.skipped.empty()) return std::move(r_);
    find_derivative();
    if (auto found = find_point(); !found) return found.error();
    if (!r_.skipped.empty()) return std::move(r_);
    if (auto done = measure("value", func_, args_); !done) return done.error();
    if (r_.no_derivative.empty())
      for (const Mode mode : {Mode::reverse, Mode::forward, Mode::symbolic, Mode::numeric}) add_mode(mode);
    compare();
    write_value_form();
    count_textbook();
    add_traces();
    return std::move(r_);
  }

 private:
  const Func& f() const { return m_[func_]; }
  /// What the last failure said, which is forgotten.
  std::string reason(const Error& error) {
    std::string text = c_.diagnostics.has_errors() ? c_.diagnostics.all().back().message : error.message;
    c_.diagnostics.clear();
    return text.empty() ? "no reason is known" : text;
  }

  void describe() {
    r_.func = func_;
    r_.name = f().name;
    r_.signature = fmt::format("({}) → {}", signature_text(m_, f()), m_.types.text(f().result_type()));
    r_.doc = f().doc;
    for (ValueId p : f().body().params)
      if (holds_key(m_, f()[p].type)) r_.skipped = "it takes a random key, so it has no value at a point alone";
  }

  void find_derivative() {
    of_ = default_of(m_, func_);
    const Type part = m_.types[differentiated_part(m_, f().result_type(), of_)];
    const auto floats = find_wrt(c_, func_, {}, WrtDefault::all);
    if (!floats) r_.no_derivative = floats.error().message;
    else if (!is_float(part.dtype)) r_.no_derivative = fmt::format("its result is {}, and only floats have derivatives", m_.types.text(f().result_type()));
    else wrt_ = *floats;
    r_.is_scalar = part.rank() == 0;
    for (int p : wrt_) r_.wrt.push_back(parameter_name(m_, f(), static_cast<size_t>(p)));
  }

  DerivativeRequest request(Mode mode) const {
    return {.kind = r_.is_scalar ? Kind::value_and_grad : Kind::vjp, .mode = mode, .base = func_, .wrt = wrt_, .is_list = true, .of = of_};
  }
  /// The arguments of a derivative: of a result that is an array, it takes a cotangent too, here all ones.
  Args with_seed() const {
    Args all = args_;
    if (r_.is_scalar) return all;
    InterpValue<double> seed = of_ < 0 ? r_.value : r_.value.fields[static_cast<size_t>(of_)];
    std::fill(seed.floats.begin(), seed.floats.end(), 1.0);
    all.push_back(std::move(seed));
    return all;
  }

  // ---- the point

  Result<bool> find_point() {
    if (!args_.empty() || f().body().params.empty()) {
      auto value = interpret<double>(m_, func_, args_, {}, {.sources = &c_.sources});
      if (!value) return value.error();
      r_.value = std::move(*value);
    } else if (!sample_point()) {
      return true;
    }
    std::vector<Shape> shapes;
    for (const auto& a : args_) shapes.push_back(shape_of(a));
    const auto sizes = bind_sizes(m_, f(), shapes, sizes_);
    if (!sizes) return sizes.error();
    sizes_ = *sizes;
    for (StrId name : f().size_vars) r_.sizes += fmt::format("{}{} = {}", r_.sizes.empty() ? "" : ", ", m_.strings[name], sizes_[name]);
    for (size_t k = 0; k < args_.size(); ++k)
      r_.point += fmt::format("{}{} = {}", k ? ", " : "", parameter_name(m_, f(), k), value_brief(args_[k]));
    return true;
  }

  bool sample_point() {
    r_.is_sampled = true;
    Sampler sampler(m_, f(), options_.seed);
    if (!sampler.choose_sizes(sizes_)) return r_.skipped = "no sizes up to 8 fit its parameters; give a point with --at", false;
    const FuncId gradient = wrt_.empty() ? FuncId{} : c_.derivative(request(Mode::reverse), f().loc);
    c_.diagnostics.clear();
    for (int n = 0; n < kAttempts; ++n) {
      args_ = sampler.sample(n, sizes_);
      for (auto& a : args_) round_for_reading(a);
      auto value = interpret<double>(m_, func_, args_, sizes_);
      if (!value || !is_finite(*value)) continue;
      r_.value = std::move(*value);
      if (!gradient) return true;
      const auto d = interpret<double>(m_, gradient, with_seed(), sizes_);
      if (d && is_finite(*d)) return true;
    }
    r_.skipped = fmt::format("at none of {} sampled points are value and derivative finite; give a point with --at", kAttempts);
    return false;
  }

  // ---- the modes

  /// Compiles and times one function and enters it as a column.
  Result<bool> measure(const std::string& name, FuncId f, const Args& args, double seconds_before = 0) {
    using Clock = std::chrono::steady_clock;
    ModeReport& mode = r_.modes.emplace_back();
    mode.name = name;
    const auto start = Clock::now();
    const auto special = at_sizes_of(c_, f, args, sizes_);
    if (!special) return special.error();
    auto native = Native::compile(c_, *special, {.opt_level = options_.opt_level});
    if (!native) return native.error();
    mode.compile_seconds = seconds_before + std::chrono::duration<double>(Clock::now() - start).count();
    mode.ops = count_ops(m_, f);
    mode.live_bytes = live_bytes(m_, f, sizes_);
    auto bytes = native->workspace(args, sizes_);
    if (!bytes) return bytes.error();
    mode.workspace_bytes = *bytes;
    auto once = native->time(args, 10, sizes_);
    if (!once) return once.error();
    constexpr double kNanoseconds = 2e7;  // of measuring
    auto time = native->time(args, static_cast<int64_t>(std::clamp(kNanoseconds / std::max(once->best, 1.0), 10.0, 1e5)), sizes_);
    if (!time) return time.error();
    mode.nanoseconds = time->best;
    if (!r_.is_scalar && f != func_) {
      auto d = native->call(args, sizes_);
      if (!d) return d.error();
      mode.gradient = std::move(d->fields);
    }
    return true;
  }

  void add_mode(Mode mode) {
    const size_t at = r_.modes.size();
    const auto leave_out = [&](const Error& error) {
      r_.modes.resize(at);
      r_.modes.push_back({.name = mode_name(mode), .left_out = reason(error)});
    };
    const auto start = std::chrono::steady_clock::now();
    const FuncId derivative = c_.derivative(request(mode), f().loc);
    if (!derivative) return leave_out({});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (auto done = measure(mode_name(mode), derivative, with_seed(), seconds); !done) return leave_out(done.error());
    r_.modes[at].passes = pass_text(m_, request(mode), sizes_);
    if (mode != Mode::numeric) r_.modes[at].size = size_of(derivative, r_.is_scalar ? static_cast<size_t>(n_leaves(m_.types, f().result_type())) : 0);
    if (!r_.is_scalar) return;
    auto d = differentiate(c_, func_, {.mode = mode, .wrt = wrt_, .opt_level = options_.opt_level, .sizes = sizes_}, args_);
    if (!d) return leave_out(d.error());
    r_.modes[at].gradient = std::move(d->gradient);
    if (d->form) r_.gradient_form = std::move(d->form);
  }

  void compare() {
    CheckOptions options;
    options.seed = options_.seed, options.n_samples = options_.n_samples, options.opt_level = options_.opt_level;
    options.seconds = kSecondsOfCheck;
    auto check = check_function(c_, func_, options);
    if (check) r_.check = std::move(*check);
    c_.diagnostics.clear();
  }

  // ---- formulas and their sizes

  std::optional<Swell> size_of(FuncId f, size_t from) {
    Diagnostics unwanted;
    const FuncId straight = straight_line(m_, f, m_.unique_name(m_[f].name + ".size"), unwanted);
    if (!straight) return std::nullopt;
    return swell(m_, straight, from);
  }

  void write_value_form() {
    if (auto size = size_of(func_, 0)) r_.value_size = *size, r_.has_value_size = true;
    r_.value_form = closed_form(m_, func_, value_names(m_, func_), &c_.sources, c_.diagnostics);
    if (!r_.value_form) r_.no_form = reason({});
    for (auto* form : {&r_.value_form, &r_.gradient_form}) {
      if (!*form || as_latex(**form).size() <= kLongestForm) continue;
      r_.no_form = fmt::format("one of {} characters is left out", as_latex(**form).size());
      form->reset();
    }
  }

  void count_textbook() {
    Diagnostics unwanted;
    const FuncId straight = r_.has_value_size && r_.is_scalar ? straight_line(m_, func_, m_.unique_name(r_.name + ".textbook"), unwanted) : FuncId{};
    if (!straight || !r_.no_derivative.empty()) return;
    const Func& s = m_[straight];
    ExpressionDag dag;
    std::vector<ExpressionDag::Node> leaves;
    for (ValueId p : s.body().params) leaves.push_back(dag.add(m_, s, p));
    ValueId root = s.body().result;
    for (int field = of_; field >= 0 && s[root].op == "tuple"_op; field = 0) root = s.operand(root, field);
    const auto of = dag.add(m_, s, root);
    for (size_t k = 0; k < wrt_.size(); ++k) {
      const auto p = static_cast<size_t>(wrt_[k]);
      const Type& type = m_.types[s[s.body().params[p]].type];
      if (type.is_tuple() || type.rank() > 0 || leaves[p] > of) continue;
      const auto d = dag.derivative(of, leaves[p]);
      if (d) r_.textbook.push_back({r_.wrt[k], dag.tree_size(*d), dag.dag_size(*d)});
    }
  }

  // ---- traces

  void add_traces() {
    const auto& body = f().body().body;
    const auto is_written_inline = [&](ValueId v) { return f()[v].op == "const"_op || f()[v].op == "size"_op; };
    const size_t n = f().body().params.size() + body.size() - static_cast<size_t>(std::count_if(body.begin(), body.end(), is_written_inline));
    if (n > kLargestTrace) {
      r_.no_trace = fmt::format("left out: {} lines are more than a reader can follow (the limit is {})", n, kLargestTrace);
      r_.no_graph = fmt::format("left out: {} nodes are more than a reader can follow", n);
      return;
    }
    auto forward = trace(c_, {func_}, Mode::forward, wrt_, args_, sizes_);
    if (!forward) {
      r_.no_trace = r_.no_graph = "left out: " + reason(forward.error());
      return;
    }
    r_.forward = std::move(*forward);
    if (r_.no_derivative.empty()) {
      auto reverse = trace(c_, {func_}, Mode::reverse, wrt_, args_, sizes_);
      if (reverse) r_.reverse = std::move(*reverse);
      else r_.no_trace = "left out: " + reason(reverse.error());
    }
    auto svg = trace_graph(f(), *r_.forward, r_.reverse ? &*r_.reverse : nullptr);
    if (svg) r_.graph_svg = std::move(*svg);
    else r_.no_graph = svg.error().message;
  }

  Compilation& c_;
  Module& m_;
  FuncId func_;
  const ReportOptions& options_;
  Args args_;
  std::map<StrId, int64_t> sizes_;
  std::vector<int> wrt_;
  int of_ = -1;
  FunctionReport r_;
};

}  // namespace

Result<FunctionReport> report_function(Compilation& c, FuncId f, const Args& args, const ReportOptions& options) {
  return Reporter(c, f, args, options).run();
}

}  // namespace dlc
