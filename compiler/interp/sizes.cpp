// Binding of size variables: rounds of solving linear occurrences until nothing more is found, then one check of all.
#include "interp/sizes.h"

#include <fmt/format.h>

#include <algorithm>

#include "interp/errors.h"
#include "ops/errors.h"
#include "ops/size_check.h"

namespace dlc {
namespace {

/// One size of one parameter: what its type says and what the argument has.
struct Occurrence {
  DimId dim;
  int64_t actual = 0;
  size_t param = 0;
  size_t axis = 0;
};

class Binder {
 public:
  Binder(const Module& m, const Func& f, const std::map<StrId, int64_t>& given) : m_(m), f_(f), known_(given) {}

  Result<std::map<StrId, int64_t>> bind(std::span<const Shape> args) {
    const auto& params = f_.body().params;
    if (args.size() != params.size())
      return Error{fmt::format("`{}` takes {} arguments, not {}", f_.name, params.size(), args.size())};
    for (size_t k = 0; k < args.size(); ++k)
      if (!collect(k, f_[params[k]].type, args[k]))
        return rejected(k, fmt::format("argument {} is {}, but its type is {}", param_name(k), shape_text(args[k]),
                                       m_.types.text(f_[params[k]].type)));
    solve();
    for (StrId name : f_.size_vars)
      if (!known_.contains(name)) return unbound(name);
    for (const auto& [name, value] : known_)
      if (value < 0) return negative(name);
    for (const Occurrence& o : occurrences_)
      if (m_.types.dims.evaluate(o.dim, known_) != o.actual) return mismatch(o);
    return known_;
  }

 private:
  // Shapes come from outside, so their nesting follows the type's or they do not fit it.
  bool collect(size_t param, TypeId id, const Shape& s) {
    const Type& t = m_.types[id];
    if (t.dtype != s.dtype || t.dims.size() != s.dims.size() || t.fields.size() != s.fields.size()) return false;
    for (size_t k = 0; k < t.dims.size(); ++k) occurrences_.push_back({t.dims[k], s.dims[k], param, k});
    for (size_t k = 0; k < t.fields.size(); ++k)
      if (!collect(param, t.fields[k].type, s.fields[k])) return false;
    return true;
  }

  void solve() {
    for (bool is_progress = true; is_progress;) {
      is_progress = false;
      for (const Occurrence& o : occurrences_) {
        const auto found = m_.types.dims.solve(o.dim, o.actual, known_);
        if (!found || known_.contains(found->first)) continue;
        known_[found->first] = found->second;
        source_[found->first] = o.param;
        is_progress = true;
      }
    }
  }

  std::string plain_name(size_t k) const {
    const ValueId p = f_.body().params[k];
    const StrId name = f_[p].attr ? m_[f_[p].attr].name : StrId{};
    return name ? std::string(m_.strings[name]) : fmt::format("%{}", k);
  }
  std::string param_name(size_t k) const { return fmt::format("`{}`", plain_name(k)); }

  /// "n = 4 (from argument `w`)".
  std::string value_text(StrId name) const {
    return fmt::format("{} = {}{}", m_.strings[name], known_.at(name), source_text(name));
  }

  std::string source_text(StrId name) const {
    const auto it = source_.find(name);
    return it == source_.end() ? "" : fmt::format(" (from argument {})", param_name(it->second));
  }

  std::string values_text(DimId d) const {
    std::string text;
    for (StrId name : m_.types.dims.variables(d))
      if (known_.contains(name)) text += (text.empty() ? " with " : ", ") + value_text(name);
    return text;
  }

  Span span_of(size_t param) const { return f_[f_.body().params[param]].loc.span; }

  Error rejected(size_t param, std::string message) const {
    Diagnostic d{.kind = &call_error("argument-size-mismatch"), .message = std::move(message), .span = span_of(param)};
    return as_error(std::move(d));
  }

  /// The same with the arguments that told the sizes in `dim`.
  Error rejected(const Occurrence& o, std::string message) const {
    Diagnostic d{.kind = &call_error("argument-size-mismatch"), .message = std::move(message), .span = span_of(o.param)};
    d.here(fmt::format("size {} is {} here", o.axis, o.actual));
    for (StrId name : m_.types.dims.variables(o.dim))
      if (const auto it = source_.find(name); it != source_.end() && it->second != o.param)
        label_origin(d, {std::string(m_.strings[name]), plain_name(it->second), span_of(it->second)}, known_.at(name));
    return as_error(std::move(d));
  }

  Error mismatch(const Occurrence& o) const {
    const DimTable& dims = m_.types.dims;
    if (const auto number = dims.as_constant(o.dim))
      return rejected(o, fmt::format("size {} of argument {} is {}, and must be {}", o.axis, param_name(o.param), o.actual, *number));
    const auto expected = dims.evaluate(o.dim, known_);
    const StrId variable = dims.as_variable(o.dim);
    return rejected(o, fmt::format("size {} of argument {} is {}, but `{}` is {}{}", o.axis, param_name(o.param), o.actual, dims.text(o.dim),
                                   expected ? std::to_string(*expected) : "not a number", variable ? source_text(variable) : values_text(o.dim)));
  }

  Error unbound(StrId name) const {
    for (const Occurrence& o : occurrences_) {
      const auto names = m_.types.dims.variables(o.dim);
      if (std::find(names.begin(), names.end(), name) == names.end()) continue;
      if (!is_linear(o.dim, name)) return unbound(name, &o);
      return rejected(o, fmt::format("no {} fits argument {}: its size {} is {}, and should be `{}`{}", m_.strings[name], param_name(o.param),
                                     o.axis, o.actual, m_.types.dims.text(o.dim), values_text(o.dim)));
    }
    return unbound(name, nullptr);
  }

  /// Whether a number follows for `name` from one for `d`, the other sizes being known.
  bool is_linear(DimId d, StrId name) const {
    int64_t at[3];
    for (int64_t k = 0; k < 3; ++k) {
      auto sizes = known_;
      sizes[name] = k;
      const auto value = m_.types.dims.evaluate(d, sizes);
      if (!value) return false;
      at[k] = *value;
    }
    return at[2] - at[1] == at[1] - at[0];
  }

  /// `o`: an occurrence that does not tell either.
  Error unbound(StrId name, const Occurrence* o) const {
    const std::string_view n = m_.strings[name];
    Diagnostic d{.kind = &call_error("argument-size-mismatch"),
                 .message = fmt::format("no argument of `{}` says what the size {} is", f_.name, n),
                 .span = o ? span_of(o->param) : f_.loc.span};
    if (o) d.here(fmt::format("size {} is {} here, and `{}` does not tell {}", o->axis, o->actual, m_.types.dims.text(o->dim), n));
    d.help(fmt::format("give it: `--size {}=…` on the command line", n));
    return as_error(std::move(d));
  }

  Error negative(StrId name) const {
    Diagnostic d{.kind = &size_error("negative-size"), .message = fmt::format("{} is negative", value_text(name)), .span = f_.loc.span};
    if (const auto it = source_.find(name); it != source_.end())
      label_origin(d, {std::string(m_.strings[name]), plain_name(it->second), span_of(it->second)}, known_.at(name));
    return as_error(std::move(d));
  }

  const Module& m_;
  const Func& f_;
  std::map<StrId, int64_t> known_;
  std::map<StrId, size_t> source_;  // the parameter that told a size
  std::vector<Occurrence> occurrences_;
};

}  // namespace

std::string shape_text(const Shape& s) {
  std::string out;
  if (s.dtype == DType::tuple) {
    for (const Shape& f : s.fields) out += (out.empty() ? "" : ", ") + shape_text(f);
    return "(" + out + ")";
  }
  for (int64_t d : s.dims) out += (out.empty() ? "[" : ", ") + std::to_string(d);
  return dtype_name(s.dtype) + (out.empty() ? out : out + "]");
}

Result<std::map<StrId, int64_t>> bind_sizes(const Module& m, const Func& f, std::span<const Shape> args,
                                            const std::map<StrId, int64_t>& given) {
  return Binder(m, f, given).bind(args);
}

}  // namespace dlc
