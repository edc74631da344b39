// Running a function once and looking at every value: names for the values, then tangents down or adjoints up.
#include "pipeline/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "ad/leaves.h"
#include "base/utf8.h"
#include "interp/interp.h"
#include "ops/builder.h"
#include "ops/request.h"
#include "ops/table.h"
#include "pipeline/arguments.h"
#include "pipeline/local_derivative.h"
#include "pipeline/native.h"
#include "pipeline/pass_text.h"
#include "pipeline/rendering.h"
#include "pipeline/requests.h"
#include "pipeline/values.h"

namespace dlc {
namespace {

class Tracer {
 public:
  Tracer(Compilation& c, FuncId f, const std::vector<std::string>& names) : c_(c), m_(c.module), func_(f), f_(c.module[f]) {
    results_ = result_values(names.size());
    name_values(names);
  }

  Result<bool> run(const std::vector<InterpValue<double>>& args, const std::map<StrId, int64_t>& given) {
    std::vector<Shape> shapes;
    for (const auto& a : args) shapes.push_back(shape_of(a));
    auto sizes = bind_sizes(m_, f_, shapes, given);
    if (!sizes) return sizes.error();
    sizes_ = std::move(*sizes);
    values_.assign(f_.insts.size(), std::nullopt);
    const InterpObserver<double> observer = [&](FuncId in, ValueId v, const InterpValue<double>& value) {
      if (in == func_) values_[static_cast<size_t>(v.i)] = value;
    };
    const auto result = interpret<double>(m_, func_, args, sizes_, {.sources = &c_.sources}, observer);
    if (!result) return result.error();
    return true;
  }

  std::vector<TraceLine> lines() const {
    std::vector<TraceLine> all;
    for (ValueId p : f_.body().params) all.push_back({p, name(p), "", value(p), {}});
    for (ValueId v : f_.body().body)
      if (is_shown(v)) all.push_back({v, name(v), expression(v), value(v), {}});
    for (size_t k = 0; k < results_.size(); ++k)
      if (alias_[k]) all.push_back({results_[k], function_names_[k], name(results_[k]), value(results_[k]), {}});
    return all;
  }

  /// One pass: the tangent of every value for a direction of one parameter. Absent ones are zero.
  Result<Values> tangents(int wrt) {
    Values d(f_.insts.size());
    const ValueId x = f_.body().params[static_cast<size_t>(wrt)];
    d[index(x)] = filled(m_, f_[x].type, sizes_, 1);
    for (ValueId v : f_.body().body) {
      Values d_operands;
      for (ValueId o : f_.operands(v)) d_operands.push_back(d[index(o)]);
      auto dy = local(v).tangent(d_operands);
      if (!dy) return dy.error();
      d[index(v)] = std::move(*dy);
    }
    return d;
  }

  /// One sweep from result `k` back.
  Result<BackwardSweep> adjoints(size_t k, const std::vector<int>& wrt) {
    std::vector<bool> active = depends_on(wrt);
    std::vector<AdjointLine> open(f_.insts.size());
    std::vector<bool> has_adjoint(f_.insts.size());
    BackwardSweep sweep{function_names_[k], {}};
    const auto show = [&](ValueId v) {
      if (!has_adjoint[index(v)]) open[index(v)].value = filled(m_, float_part(m_.types, f_[v].type), sizes_, 0);
      open[index(v)].name = barred(name(v));
      sweep.lines.push_back(open[index(v)]);
    };
    const ValueId y = results_[k];
    open[index(y)].value = filled(m_, f_[y].type, sizes_, 1);
    has_adjoint[index(y)] = true;
    if (alias_[k]) sweep.lines.push_back({barred(function_names_[k]), open[index(y)].value, {}});
    const auto& body = f_.body().body;
    for (size_t i = body.size(); i-- > 0;) {
      const ValueId v = body[i];
      if (!has_adjoint[index(v)] || !active[index(v)]) continue;
      if (is_shown(v)) show(v);
      if (auto done = pull_back(v, active, open, has_adjoint); !done) return done.error();
    }
    std::vector<int> order = wrt;
    std::sort(order.rbegin(), order.rend());
    for (int p : order) show(f_.body().params[static_cast<size_t>(p)]);
    return sweep;
  }

  const std::map<StrId, int64_t>& sizes() const { return sizes_; }
  const std::vector<ValueId>& results() const { return results_; }

 private:
  static size_t index(ValueId v) { return static_cast<size_t>(v.i); }
  const InterpValue<double>& value(ValueId v) const { return *values_[index(v)]; }
  const std::string& name(ValueId v) const { return names_[index(v)]; }

  /// The values that are the functions' results: the first of a tuple (LANGUAGE, rule 1), or each of a joint function.
  std::vector<ValueId> result_values(size_t n) const {
    const ValueId result = f_.body().result;
    if (f_[result].op != "tuple"_op) return {result};
    std::vector<ValueId> all;
    for (size_t k = 0; k < n; ++k) {
      ValueId v = f_.operand(result, static_cast<int>(k));
      while (f_[v].op == "tuple"_op && f_[v].n_operands > 0) v = f_.operand(v, 0);
      all.push_back(v);
    }
    return all;
  }

  /// Constants and sizes are written where they are used; a tuple is no value of its own.
  bool is_shown(ValueId v) const {
    const OpId op = f_[v].op;
    return op != "const"_op && op != "size"_op && op != "tuple"_op;
  }

  void name_values(const std::vector<std::string>& functions) {
    names_.assign(f_.insts.size(), "");
    function_names_ = functions;
    function_names_.resize(results_.size());
    alias_.assign(results_.size(), true);
    for (size_t k = 0; k < f_.body().params.size(); ++k) names_[index(f_.body().params[k])] = parameter_name(m_, f_, k);
    int next = 1;
    for (ValueId v : f_.body().body) {
      std::string& name = names_[index(v)];
      if (f_[v].op == "const"_op || f_[v].op == "size"_op) {
        name = inline_text(v);
        continue;
      }
      if (!is_shown(v)) {
        name = "(…)";
        continue;
      }
      for (size_t k = 0; k < results_.size() && name.empty(); ++k)
        if (results_[k] == v && alias_[k]) name = function_names_[k], alias_[k] = false;
      if (name.empty()) name = fmt::format("v{}", next++);
    }
  }

  std::string inline_text(ValueId v) const {
    const Inst& in = f_[v];
    if (in.op == "size"_op) return m_.types.dims.text(m_[in.attr].dims[0]);
    const int64_t bits = m_[in.attr].ints[0];
    const DType dtype = m_.types[in.type].dtype;
    if (dtype == DType::b1) return bits ? "true" : "false";
    if (!is_float(dtype)) return fmt::to_string(bits);
    double x;
    static_assert(sizeof x == sizeof bits);
    std::memcpy(&x, &bits, sizeof x);
    return number_text(x, dtype);
  }

  /// The instruction in the language's own spelling, over names.
  std::string expression(ValueId v) const {
    const Inst& in = f_[v];
    const Op& row = op_row(in.op);
    std::vector<std::string> args;
    for (ValueId o : f_.operands(v)) args.push_back(name(o));
    if (row.symbol && row.precedence > 0 && args.size() == 2) return fmt::format("{} {} {}", args[0], row.symbol, args[1]);
    if (row.symbol && row.precedence > 0 && args.size() == 1) return row.symbol + args[0];
    std::string list;
    for (const std::string& a : args) list += (list.empty() ? "" : ", ") + a;
    if (in.op == "call"_op) return fmt::format("{}({})", m_[m_[in.attr].func].name, list);
    if (in.op == "get"_op) return fmt::format("{}.{}", list, m_[in.attr].ints[0]);
    if (in.op == "view"_op) return fmt::format("{}({})", view_name(in, f_.operand(v, 0)), list);
    return fmt::format("{}({})", row.symbol ? row.symbol : row.name, list);
  }

  const char* view_name(const Inst& in, ValueId operand) const {
    const ViewMap map = view_map(m_, in.attr);
    std::vector<int> axes;
    if (!is_permutation_broadcast(m_, map, m_.types[f_[operand].type], &axes)) return map.guarded ? "padded" : "slice";
    const bool repeats = std::find(axes.begin(), axes.end(), -1) != axes.end();
    return repeats ? "broadcast" : std::is_sorted(axes.begin(), axes.end()) ? "view" : "transpose";
  }

  LocalDerivative local(ValueId v) const {
    std::vector<InterpValue<double>> operands;
    for (ValueId o : f_.operands(v)) operands.push_back(value(o));
    return LocalDerivative(c_, func_, v, sizes_, std::move(operands), value(v));
  }

  /// Which values a derivative flows through: floats with a path from the parameters in wrt.
  std::vector<bool> depends_on(const std::vector<int>& wrt) const {
    std::vector<bool> active(f_.insts.size());
    for (int p : wrt) active[index(f_.body().params[static_cast<size_t>(p)])] = true;
    for (ValueId v : f_.body().body) {
      bool any = false;
      for (ValueId o : f_.operands(v)) any = any || active[index(o)];
      active[index(v)] = any && has_float(m_.types, f_[v].type);
    }
    return active;
  }

  Result<bool> pull_back(ValueId v, const std::vector<bool>& active, std::vector<AdjointLine>& open, std::vector<bool>& has_adjoint) {
    const std::vector<ValueId> operands(f_.operands(v).begin(), f_.operands(v).end());
    std::vector<bool> wanted;
    for (ValueId o : operands) wanted.push_back(active[index(o)]);
    LocalDerivative derivative = local(v);
    const InterpValue<double> bar = open[index(v)].value;
    auto parts = derivative.cotangents(bar, wanted);
    if (!parts) return parts.error();
    // Operands that are one value get one term: ∂(v·v)/∂v is 2v.
    for (size_t k = 0; k < operands.size(); ++k) {
      if (!(*parts)[k]) continue;
      AdjointTerm term{name(v), bar, derivative.is_scalar_rule() ? derivative.partial(static_cast<int>(k)) : std::nullopt, *(*parts)[k]};
      for (size_t other = k + 1; other < operands.size(); ++other) {
        if (operands[other] != operands[k] || !(*parts)[other]) continue;
        term.contribution = sum_of(term.contribution, *(*parts)[other]);
        if (term.partial) *term.partial += derivative.partial(static_cast<int>(other)).value_or(0);
        (*parts)[other].reset();
      }
      AdjointLine& line = open[index(operands[k])];
      line.value = has_adjoint[index(operands[k])] ? sum_of(line.value, term.contribution) : term.contribution;
      has_adjoint[index(operands[k])] = true;
      line.terms.insert(line.terms.begin(), std::move(term));
    }
    return true;
  }

  Compilation& c_;
  Module& m_;
  FuncId func_;
  const Func& f_;
  std::map<StrId, int64_t> sizes_;
  Values values_;
  std::vector<std::string> names_, function_names_;
  std::vector<ValueId> results_;
  std::vector<bool> alias_;  // the result is a parameter, a constant, or another function's result too
};

/// A function that returns the results of several as one tuple, so that they share what they have in common.
Result<FuncId> joint_function(Compilation& c, const std::vector<FuncId>& functions) {
  Module& m = c.module;
  const Func& first = m[functions[0]];
  std::vector<TypeId> types;
  for (ValueId p : first.body().params) types.push_back(first[p].type);
  for (FuncId f : functions) {
    bool is_same = m[f].body().params.size() == types.size() && m[f].size_vars == first.size_vars;
    for (size_t k = 0; is_same && k < types.size(); ++k)
      is_same = m[f][m[f].body().params[k]].type == types[k] && parameter_name(m, m[f], k) == parameter_name(m, first, k);
    if (!is_same) return Error{fmt::format("`{}` and `{}` have different parameters, so they share no pass", first.name, m[f].name)};
  }
  const FuncId joint = start_function(m, m.unique_name("joint"), first);
  m[joint].size_vars = first.size_vars;
  Builder b(m, joint, BlockId{0});
  std::vector<DimId> sizes;
  for (StrId s : first.size_vars) sizes.push_back(m.types.dims.variable(s));
  std::vector<ValueId> results;
  const std::vector<ValueId> params = m[joint].body().params;
  for (FuncId f : functions) results.push_back(b.call(f, sizes, params, first.loc));
  b.set_result(b.tuple(results, first.loc));
  if (!c.ready(joint)) return Error{render_all(c.diagnostics, c.sources)};
  return joint;
}

}  // namespace

std::string barred(const std::string& name) {
  const size_t first = static_cast<size_t>(decode_utf8(name, 0).size);
  return name.substr(0, first) + "\u0304" + name.substr(first);
}

Result<Trace> trace(Compilation& c, std::vector<FuncId> functions, Mode mode, const std::vector<int>& wrt,
                    const std::vector<InterpValue<double>>& args, const std::map<StrId, int64_t>& sizes) {
  std::vector<std::string> names;
  for (FuncId& one : functions) {
    names.push_back(c.module[one].name);
    const auto special = at_sizes_of(c, one, args, sizes);
    if (!special) return special.error();
    one = *special;
  }
  Result<FuncId> f = functions.size() == 1 ? Result<FuncId>(functions[0]) : joint_function(c, functions);
  if (!f) return f.error();
  // What has no derivative is told by the pass that derives; the table alone would show a zero.
  for (FuncId one : functions) {
    const int of = default_of(c.module, one);
    const TypeId part = differentiated_part(c.module, c.module[one].result_type(), of);
    const Type type = c.module.types[part];
    const auto kind = mode == Mode::forward ? DerivativeRequest::Kind::jvp : DerivativeRequest::Kind::vjp;
    if (is_float(type.dtype) && !c.derivative({.kind = kind, .mode = mode, .base = one, .wrt = wrt, .of = of}, c.module[one].loc)) return Error{};
  }
  Trace t;
  t.mode = mode;
  for (int p : wrt) t.wrt.push_back(parameter_name(c.module, c.module[*f], static_cast<size_t>(p)));
  Tracer tracer(c, *f, names);
  if (auto ran = tracer.run(args, sizes); !ran) return ran.error();
  const DerivativeRequest request{.kind = DerivativeRequest::Kind::grad, .mode = mode, .base = functions[0], .wrt = wrt};
  t.passes = pass_text(c.module, request, tracer.sizes(), static_cast<int64_t>(functions.size()));
  t.lines = tracer.lines();
  if (mode == Mode::forward) {
    for (int p : wrt) {
      auto d = tracer.tangents(p);
      if (!d) return d.error();
      for (TraceLine& line : t.lines) {
        const TypeId part = float_part(c.module.types, c.module[*f][line.id].type);
        const auto& tangent = (*d)[static_cast<size_t>(line.id.i)];
        line.tangents.push_back(tangent ? *tangent : part ? filled(c.module, part, tracer.sizes(), 0) : InterpValue<double>::scalar(0));
      }
      if (!args[static_cast<size_t>(p)].dims.empty() || args[static_cast<size_t>(p)].dtype == DType::tuple)
        t.note = "the direction of an array is all ones: its tangents are sums over its elements";
    }
    return t;
  }
  for (size_t k = 0; k < tracer.results().size(); ++k) {
    auto sweep = tracer.adjoints(k, wrt);
    if (!sweep) return sweep.error();
    t.sweeps.push_back(std::move(*sweep));
  }
  for (ValueId y : tracer.results())
    if (c.module.types[c.module[*f][y].type].rank() > 0) t.note = "the seed of an array is all ones: adjoints are those of the sum of its elements";
  return t;
}

}  // namespace dlc
