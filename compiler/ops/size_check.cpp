// Failed size checks as diagnostics. The primary place is in the user's file even where the check is in the library:
// a check carries the calls through which it came.
#include "ops/size_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "ops/errors.h"

namespace dlc {
namespace {

constexpr size_t kMostCalls = 8;  // that a message shows

bool mentions(const Module& m, TypeId id, StrId variable) {
  const Type type = m.types[id];
  for (DimId d : type.dims) {
    const auto names = m.types.dims.variables(d);
    if (std::find(names.begin(), names.end(), variable) != names.end()) return true;
  }
  return std::any_of(type.fields.begin(), type.fields.end(), [&](const Field& f) { return mentions(m, f.type, variable); });
}

const DiagnosticKind& kind_of(const SizeCheck& check) {
  switch (check.kind) {
    case SizeCheck::Kind::subscript: return size_error("size-check-failed");
    case SizeCheck::Kind::elements: return size_error("empty-reduction");
    case SizeCheck::Kind::size: return size_error("negative-size");
    case SizeCheck::Kind::index: return size_error("index-out-of-range");
    case SizeCheck::Kind::iterations: return size_error("max-iters");
    case SizeCheck::Kind::memory: return size_error("tape-full");
  }
  return size_error("size-check-failed");
}

}  // namespace

std::vector<SizeOrigin> size_origins(const Module& m, const Func& f) {
  std::vector<SizeOrigin> origins;
  for (StrId variable : f.size_vars) {
    SizeOrigin origin{std::string(m.strings[variable]), "", {}};
    for (ValueId p : f.body().params) {
      if (!mentions(m, f[p].type, variable)) continue;
      const StrId name = f[p].attr ? m[f[p].attr].name : StrId{};
      origin.parameter = name ? std::string(m.strings[name]) : "";
      origin.span = f[p].loc.span;
      break;
    }
    origins.push_back(std::move(origin));
  }
  return origins;
}

void label_origin(Diagnostic& d, const SizeOrigin& origin, int64_t value, bool is_fixed) {
  if (!origin.span) return;
  if (is_fixed) d.label(origin.span, fmt::format("`{}` is fixed at {}", origin.size, value));
  else d.label(origin.span, fmt::format("`{}` is {}, from argument `{}`", origin.size, value, origin.parameter));
}

Diagnostic failed_check(const SizeCheck& check, int64_t value, std::optional<int64_t> extent) {
  Diagnostic d;
  d.kind = &kind_of(check);
  switch (check.kind) {
    case SizeCheck::Kind::subscript:
      d.message = fmt::format("a subscript leaves its array{}", extent ? fmt::format(" of size {}", *extent) : "");
      d.here(fmt::format("by {}", -value));
      break;
    case SizeCheck::Kind::elements: d.message = "a reduction of no elements has no value"; break;
    case SizeCheck::Kind::size: d.message = fmt::format("a size is negative: {}", value); break;
    case SizeCheck::Kind::index: d.message = fmt::format("subscript {} leaves an axis{}", value, extent ? fmt::format(" of size {}", *extent) : ""); break;
    case SizeCheck::Kind::memory: 
      if (extent.value_or(0) > 0) d.message = fmt::format("reverse mode of this loop wants {} bytes for what its steps computed, and may have {}", *extent - value, *extent);
      else d.message = fmt::format("reverse mode of this loop wants {} bytes for what its steps computed, and there is no memory for it", value);
      break;
    case SizeCheck::Kind::iterations: d.message = fmt::format("this loop is not done after {} step{}", value, value == 1 ? "" : "s"); break;
  }
  // The innermost place that is in the file of the outermost one is what the user wrote.
  std::vector<Span> places{check.loc.span};
  places.insert(places.end(), check.calls.begin(), check.calls.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());  // a derivative's call within a call
  const auto own = std::find_if(places.begin(), places.end(), [&](Span s) { return s.file == places.back().file; });
  d.span = *own;
  if (own != places.begin()) d.here("called here");
  for (auto it = places.begin(); it != places.end(); ++it)
    if (it != own && *it) d.label(*it, it == places.begin() ? "in the library, here" : "called here");
  return d;
}

Diagnostic failed_check(const Module& m, const Func& f, const SizeCheck& check, int64_t value, const std::map<StrId, int64_t>& sizes,
                        bool are_fixed) {
  Diagnostic d = failed_check(check, value, m.types.dims.evaluate(check.extent, sizes));
  const std::vector<SizeOrigin> origins = size_origins(m, f);
  for (StrId variable : m.types.dims.variables(check.nonnegative)) {
    const auto at = std::find(f.size_vars.begin(), f.size_vars.end(), variable);
    const auto known = sizes.find(variable);
    if (at != f.size_vars.end() && known != sizes.end()) 
      label_origin(d, origins[static_cast<size_t>(at - f.size_vars.begin())], known->second, are_fixed);
  }
  if (check.kind == SizeCheck::Kind::index || check.kind == SizeCheck::Kind::iterations || check.kind == SizeCheck::Kind::memory) return d;
  const std::string why = fmt::format("`{}` is {}", m.types.dims.text(check.nonnegative), value);
  if (check.kind == SizeCheck::Kind::subscript) d.message += ": " + why;
  if (check.kind == SizeCheck::Kind::size) d.message = "a size is negative: " + why;
  return d;
}

void inline_checks(Module& m, Func& caller, const Func& callee, const std::map<StrId, DimId>& sizes, Span call) {
  for (SizeCheck check : callee.checks) {
    check.nonnegative = m.types.dims.substitute(check.nonnegative, sizes);
    check.extent = m.types.dims.substitute(check.extent, sizes);
    if (m.types.dims.is_provably_nonnegative(check.nonnegative)) continue;
    if (check.calls.size() < kMostCalls) check.calls.push_back(call);
    else check.calls.back() = call;
    caller.checks.push_back(std::move(check));
  }
}

}  // namespace dlc
