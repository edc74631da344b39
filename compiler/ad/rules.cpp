// Declared derivatives, see rules.h.
#include "ad/rules.h"

#include <fmt/format.h>

#include "ad/errors.h"
#include "ad/reverse.h"
#include "ops/table.h"

namespace dlc {
namespace {

std::vector<DimId> own_sizes(Module& m, const Func& f) {
  std::vector<DimId> sizes;
  for (StrId name : f.size_vars) sizes.push_back(m.types.dims.variable(name));
  return sizes;
}

std::string direction_text(const Module& m, const Func& f, size_t k) { return fmt::format("d{}", m.strings[m[f[f.body().params[k]].attr].name]); }
StrId direction_name(Module& m, const Func& f, size_t k) { return m.strings.intern(direction_text(m, f, k)); }

/// The position of a parameter's direction among the parameters of the rule; −1: it has none.
int direction_position(const Module& m, FuncId f, size_t k) {
  const Func& rule = m[m[f].rule];
  const std::string name = direction_text(m, m[f], k);
  int position = -1;
  for (size_t p = m[f].body().params.size(); p < rule.body().params.size(); ++p)
    if (m.strings[m[rule[rule.body().params[p]].attr].name] == name) position = static_cast<int>(p);
  return position;
}

std::vector<int> direction_positions(const Module& m, FuncId f) {
  std::vector<int> positions;
  for (size_t k = 0; k < m[f].body().params.size(); ++k) positions.push_back(direction_position(m, f, k));
  return positions;
}

/// False, after reporting: a parameter that varies has no direction.
bool has_directions(Module& m, FuncId f, const Wrt& wrt, const std::vector<int>& positions, Diagnostics& diagnostics) {
  for (size_t k = 0; k < positions.size(); ++k) {
    const Inst p = m[f][m[f].body().params[k]];
    if (!wrt.active[k] || positions[k] >= 0 || !has_float(m.types, p.type)) continue;
    const std::string_view name = m.strings[m[p.attr].name], written = written_name(name);
    const bool is_captured = written != name;
    if (is_captured && !m.types.all_float(p.type)) {
      diagnostics.error(find_kind<kAdErrors>("no-derivative"), m[m[f].rule].loc.span,
                        fmt::format("no derivative of `{}` by what `{}` captured: it holds {}, and a direction is of floats", written_name(m[f].name), written, m.types.text(p.type)))
          .label(m[f].loc.span, "the function is declared here")
          .help("bind the floats of it by `let`, and let the function capture these");
      return false;
    }
    diagnostics.error(find_kind<kAdErrors>("no-derivative"), m[m[f].rule].loc.span,
                      fmt::format("no derivative of `{}` by {}`{}`{}: the one that is declared has no `d{}`", written_name(m[f].name), is_captured ? "what " : "",
                                  written, is_captured ? " captured" : "", written))
        .label(m[f].loc.span, "the function is declared here");
    return false;
  }
  return true;
}

}  // namespace

bool has_direction(const Module& m, FuncId f, size_t k) { return !m[f].rule || direction_position(m, f, k) >= 0; }

std::string_view written_name(std::string_view name) { return name.substr(0, name.find('.')); }

FuncId forward_by_rule(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics) {
  const std::vector<int> positions = direction_positions(m, f);
  if (!has_directions(m, f, wrt, positions, diagnostics)) return {};
  const FuncId rule = m[f].rule;
  const Loc loc = m[f].loc.because(Reason::jvp_of);
  const FuncId id = start_function(m, m[f].name + ".forward", m[f]);
  Builder b(m, id, BlockId{0});
  const std::vector<ValueId> params = m[id].body().params;
  std::vector<ValueId> all = params;
  all.resize(m[rule].body().params.size());
  for (size_t k = 0; k < positions.size(); ++k) {
    const TypeId type = m[f][m[f].body().params[k]].type;
    const bool is_active = wrt.active[k] && has_float(m.types, type);
    const ValueId dx = is_active ? append_param(m, b.func(), BlockId{0}, "param"_op, type, direction_name(m, m[f], k), loc) : ValueId{};
    if (positions[k] >= 0) all[static_cast<size_t>(positions[k])] = dx ? dx : b.zeros(type, loc);
  }
  const ValueId y = b.call(f, own_sizes(m, m[f]), params, loc);
  ValueId dy = b.call(rule, own_sizes(m, m[rule]), all, loc);
  if (wrt.of >= 0) dy = b.get(dy, wrt.of, loc);
  const ValueId results[] = {y, dy};
  b.set_result(b.tuple(results, loc));
  return id;
}

FuncId reverse_by_rule(Module& m, FuncId f, const Wrt& wrt, bool with_unit_seed, Diagnostics& diagnostics) {
  const std::vector<int> positions = direction_positions(m, f);
  if (!has_directions(m, f, wrt, positions, diagnostics)) return {};
  const FuncId rule = m[f].rule;
  const Loc loc = m[f].loc.because(Reason::vjp_of);
  Wrt in_directions(std::vector<bool>(m[rule].body().params.size()));
  for (size_t k = 0; k < positions.size(); ++k)
    if (wrt.active[k] && positions[k] >= 0) in_directions.active[static_cast<size_t>(positions[k])] = true;
  const FuncId transposed = reverse(m, rule, in_directions, diagnostics);
  if (!transposed) return {};
  const FuncId id = start_function(m, m[f].name + (with_unit_seed ? ".gradient" : ".reverse"), m[f]);
  Builder b(m, id, BlockId{0});
  const std::vector<ValueId> params = m[id].body().params;
  const TypeId result = m[f].result_type(), part = differentiated_type(m, m[f], wrt);
  ValueId y_bar = with_unit_seed ? b.full(part, 1, loc) : append_param(m, b.func(), BlockId{0}, "param"_op, part, m.strings.intern("bar"), loc);
  if (wrt.of >= 0) {
    std::vector<ValueId> fields;
    const std::vector<Field> of_result = m.types[result].fields;
    for (size_t k = 0; k < of_result.size(); ++k)
      fields.push_back(static_cast<int>(k) == wrt.of ? y_bar : b.zeros(of_result[k].type, loc));
    y_bar = b.tuple(fields, result, loc);
  }
  std::vector<ValueId> all = params;
  for (size_t p = params.size(); p < m[rule].body().params.size(); ++p) all.push_back(b.zeros(m[rule][m[rule].body().params[p]].type, loc));
  all.push_back(y_bar);
  const ValueId y = b.call(f, own_sizes(m, m[f]), params, loc);
  const ValueId back = b.call(transposed, own_sizes(m, m[transposed]), all, loc);
  std::vector<ValueId> results{y};
  for (size_t k = 0; k < positions.size(); ++k) {
    if (!wrt.active[k] || positions[k] < 0) continue;
    int field = 1;  // the cotangents come in the order of the rule's parameters
    for (size_t other = 0; other < positions.size(); ++other)
      if (wrt.active[other] && positions[other] >= 0 && positions[other] < positions[k]) ++field;
    results.push_back(b.get(back, field, loc));
  }
  b.set_result(b.tuple(results, loc));
  return id;
}

}  // namespace dlc
