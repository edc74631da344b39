// Writing out calls and cases, see straight_line.h.
#include "symbolic/straight_line.h"

#include <fmt/format.h>

#include "ops/builder.h"
#include "ops/size_check.h"
#include "ops/table.h"
#include "symbolic/errors.h"

namespace dlc {
namespace {

constexpr size_t kMaxInstructions = 1'000'000;  // past this nobody reads or compiles the result
constexpr int64_t kMaxSteps = 1000;             // of a loop that is written out
constexpr int kMaxDepth = 700;                  // of regions and calls within each other: native stack

class Straightener {
 public:
  Straightener(Module& m, FuncId source, FuncId target, Diagnostics& diagnostics)
      : m_(m), source_(source), b_(m, target, BlockId{0}), diagnostics_(diagnostics) {}

  /// Absent after an error.
  ValueId function(const Func& from, std::vector<ValueId> args, const std::map<StrId, DimId>& sizes) {
    std::vector<ValueId> map(from.insts.size());
    for (size_t k = 0; k < args.size(); ++k) map[static_cast<size_t>(from.body().params[k].i)] = args[k];
    return block({from, sizes, map}, from.body());
  }

  /// A parameter as the tuple of its leaves.
  ValueId taken_apart(ValueId v, Loc loc) {
    const Type t = b_.type(v);
    if (!t.is_tuple()) return v;
    std::vector<ValueId> fields;
    for (size_t k = 0; k < t.fields.size(); ++k)
      fields.push_back(taken_apart(b_.get(v, static_cast<int>(k), loc), loc));
    Inst in;
    in.op = "tuple"_op, in.type = b_.type_id(v), in.loc = loc;
    return unique(in, fields);
  }

 private:
  struct Frame {
    const Func& from;
    const std::map<StrId, DimId>& sizes;
    std::vector<ValueId>& map;
    ValueId& at(ValueId v) const { return map[static_cast<size_t>(v.i)]; }
  };

  ValueId block(Frame frame, const Block& source) {
    if (++depth_ > kMaxDepth) return fail(frame.from.loc, "calls nest too deeply");
    for (ValueId v : source.body) {
      if (b_.func().insts.size() > kMaxInstructions)
        return fail(m_[source_].loc, "it has more than a million operations");
      if (!(frame.at(v) = instruction(frame, v))) return {};
    }
    --depth_;
    return frame.at(source.result);
  }

  ValueId instruction(Frame frame, ValueId v) {
    std::vector<ValueId> operands;
    for (ValueId o : frame.from.operands(v)) operands.push_back(frame.at(o));
    const Inst in = adapted(frame.from[v], frame.sizes);
    if (in.op == "if"_op) return cases(frame, in, operands);
    if (in.op == "call"_op) return call(in, operands);
    if (in.op == "for"_op) return steps(frame, in, operands);
    if (in.op == "while"_op) return fail(in.loc, "how often this loop runs depends on what it computes");
    if (in.op == "index"_op) return subscripted(in, operands);
    if (in.op == "put"_op || in.op == "add_at"_op) return fail(in.loc, "it assigns elements of an array");
    if (in.op == "get"_op) return b_.get(operands[0], static_cast<int>(m_[in.attr].ints[0]), in.loc);
    if (is_of_known_ints(in, operands)) return shared(b_.op(in.op, operands, in.loc));
    return unique(in, operands);
  }

  // ---- loops: what counts their steps and subscripts arrays becomes numbers
  std::optional<int64_t> known_int(ValueId v) {
    if (b_.type(v).dtype != DType::i64 && b_.type(v).dtype != DType::b1) return std::nullopt;
    const Inst in = b_.func()[v];
    if (in.op == "size"_op) return b_.dims().as_constant(m_[in.attr].dims[0]);
    return in.op == "const"_op ? std::optional(m_[in.attr].ints[0]) : std::nullopt;
  }
  bool is_of_known_ints(const Inst& in, std::span<const ValueId> operands) {
    if (op_row(in.op).kind != OpKind::elementwise || m_.types[in.type].rank() > 0) return false;
    return std::all_of(operands.begin(), operands.end(), [&](ValueId o) { return known_int(o).has_value(); });
  }

  ValueId steps(Frame frame, const Inst& in, const std::vector<ValueId>& operands) {
    const auto count = known_int(operands[0]);
    if (!count) return fail(in.loc, "how often this loop runs is known only when its sizes are");
    if (*count > kMaxSteps) return fail(in.loc, fmt::format("this loop has {} steps, and at most {} are written out", *count, kMaxSteps));
    const auto n = static_cast<size_t>(region_shape(m_, in).n_carried);
    const Block& body = frame.from[in.first_block];
    std::vector<ValueId> carried(operands.begin() + 1, operands.begin() + 1 + static_cast<ptrdiff_t>(n));
    for (int64_t step = 0; step < *count; ++step) {
      frame.at(body.params[0]) = shared(b_.constant_int(step, in.loc));
      for (size_t k = 1; k < body.params.size(); ++k) frame.at(body.params[k]) = k <= n ? carried[k - 1] : operands[k];
      const ValueId next = block(frame, body);
      if (!next) return {};
      for (size_t k = 0; k < n; ++k) carried[k] = b_.part(next, n, k, in.loc);
    }
    if (n == 1) return carried[0];
    Inst all;
    all.op = "tuple"_op, all.type = in.type, all.loc = in.loc;
    return unique(all, carried);
  }

  ValueId subscripted(const Inst& in, const std::vector<ValueId>& operands) {
    // A check of a size, behind the indices that it is under: x[i, 0].
    if (bounds_of(m_, in) == Bounds::nonempty) return b_.pick(operands[0], in.n_operands - 2, b_.dims().constant(0), in.loc);
    const Type t = b_.type(operands[0]);
    std::vector<int> axes;
    std::vector<DimId> shape;
    for (int axis = in.n_operands - 1; axis < t.rank(); ++axis) axes.push_back(axis), shape.push_back(t.dims[static_cast<size_t>(axis)]);
    ViewMap map = permute_map(m_, t, axes, std::move(shape));
    for (int k = 1; k < in.n_operands; ++k) {
      const auto at = known_int(operands[static_cast<size_t>(k)]);
      const auto extent = b_.dims().as_constant(t.dims[static_cast<size_t>(k - 1)]);
      const bool is_inside = at && *at >= 0 && (!extent || *at < *extent);
      if (!at || (!is_inside && is_checked(bounds_of(m_, in)))) return fail(in.loc, "its subscripts are known only when it runs");
      map.guarded = map.guarded || !is_inside;
      map.offsets[static_cast<size_t>(k - 1)] = b_.dims().constant(*at);
    }
    return shared(b_.view(operands[0], map, in.loc));
  }

  ValueId cases(Frame frame, const Inst& in, const std::vector<ValueId>& operands) {
    ValueId results[2];
    if (const auto taken = known_int(operands[0])) {
      const Block& inner = frame.from[BlockId{in.first_block.i + (*taken ? 0 : 1)}];
      for (size_t p = 0; p < inner.params.size(); ++p) frame.at(inner.params[p]) = operands[p + 1];
      return block(frame, inner);
    }
    for (int k = 0; k < 2; ++k) {
      const Block& inner = frame.from[BlockId{in.first_block.i + k}];
      for (size_t p = 0; p < inner.params.size(); ++p) frame.at(inner.params[p]) = operands[p + 1];
      if (!(results[k] = block(frame, inner))) return {};
    }
    return chosen(operands[0], results[0], results[1], in.loc);
  }

  ValueId chosen(ValueId condition, ValueId x, ValueId y, Loc loc) {
    const Type t = b_.type(x);
    Inst in;
    in.type = b_.type_id(x), in.loc = loc;
    if (!t.is_tuple()) {
      in.op = "select"_op;
      const ValueId operands[] = {t.dims.empty() ? condition : shared(b_.broadcast(condition, t.dims, loc)), x, y};
      return x == y ? x : unique(in, operands);
    }
    std::vector<ValueId> fields;
    for (int k = 0; k < static_cast<int>(t.fields.size()); ++k)
      fields.push_back(chosen(condition, b_.get(x, k, loc), b_.get(y, k, loc), loc));
    in.op = "tuple"_op;
    return unique(in, fields);
  }

  ValueId call(const Inst& in, const std::vector<ValueId>& args) {
    if (n_size_operands(m_, in) > 0) return fail(in.loc, "how often this loop runs depends on what it computes");
    const Func& callee = m_[m_[in.attr].func];
    std::map<StrId, DimId> sizes;
    for (size_t k = 0; k < callee.size_vars.size(); ++k) sizes[callee.size_vars[k]] = m_[in.attr].dims[k];
    inline_checks(m_, b_.func(), callee, sizes, in.loc.span);
    return function(callee, args, sizes);
  }

  Inst adapted(Inst in, const std::map<StrId, DimId>& sizes) {
    if (sizes.empty()) return in;
    in.type = m_.types.substitute(in.type, sizes);
    if (in.attr && !m_[in.attr].dims.empty()) {
      Attr attr = m_[in.attr];
      for (DimId& d : attr.dims) d = m_.types.dims.substitute(d, sizes);
      in.attr = m_.intern(std::move(attr));
    }
    return in;
  }

  // ---- one value for equal instructions
  static size_t hash(const Inst& in, std::span<const ValueId> operands) {
    size_t h = static_cast<size_t>(in.op.i);
    const auto mix = [&](int32_t x) { h = (h ^ static_cast<size_t>(x)) * 0x9E3779B97F4A7C15ull + (h >> 29); };
    mix(in.type.i), mix(in.attr.i);
    for (ValueId o : operands) mix(o.i);
    return h;
  }
  ValueId known(const Inst& in, std::span<const ValueId> operands, size_t h) {
    for (auto [it, end] = known_.equal_range(h); it != end; ++it) {
      const Inst& other = b_.func()[it->second];
      const auto theirs = b_.func().operands(it->second);
      if (other.op == in.op && other.type == in.type && other.attr == in.attr &&
          std::equal(theirs.begin(), theirs.end(), operands.begin(), operands.end()))
        return it->second;
    }
    return {};
  }
  ValueId unique(const Inst& in, std::span<const ValueId> operands) {
    const size_t h = hash(in, operands);
    if (const ValueId v = known(in, operands, h)) return v;
    return known_.emplace(h, b_.raw(in, operands))->second;
  }
  /// For a value that the builder made.
  ValueId shared(ValueId v) {
    const Inst in = b_.func()[v];
    const std::vector<ValueId> operands(b_.func().operands(v).begin(), b_.func().operands(v).end());
    const size_t h = hash(in, operands);
    if (const ValueId known_value = known(in, operands, h)) return known_value;
    return known_.emplace(h, v)->second;
  }

  ValueId fail(Loc loc, std::string_view why) {
    diagnostics_
        .error(find_kind<kSymbolicErrors>("no-closed-form"), loc.span,
               fmt::format("`{}` cannot be written as one expression: {}", m_[source_].name, why))
        .help("use mode = reverse or forward");
    return {};
  }

  Module& m_;
  FuncId source_;  // what is written out
  Builder b_;
  Diagnostics& diagnostics_;
  std::unordered_multimap<size_t, ValueId> known_;
  int depth_ = 0;
};

}  // namespace

FuncId straight_line(Module& m, FuncId f, const std::string& name, Diagnostics& diagnostics) {
  const FuncId id = start_function(m, name, m[f]);
  Straightener straightener(m, f, id, diagnostics);
  std::vector<ValueId> params = m[id].body().params;
  for (ValueId& p : params) p = straightener.taken_apart(p, m[id][p].loc);
  const ValueId result = straightener.function(m[f], params, {});
  if (!result) return {};
  m[id].body().result = result;
  return id;
}

std::vector<ValueId> needed_values(const Func& straight, std::span<const ValueId> results) {
  std::vector<bool> is_needed(straight.insts.size());
  for (ValueId v : results) is_needed[static_cast<size_t>(v.i)] = true;
  const Block& body = straight.body();
  for (auto v = body.body.rbegin(); v != body.body.rend(); ++v)
    if (is_needed[static_cast<size_t>(v->i)])
      for (ValueId o : straight.operands(*v)) is_needed[static_cast<size_t>(o.i)] = true;
  std::vector<ValueId> needed;
  for (const auto* list : {&body.params, &body.body})
    for (ValueId v : *list)
      if (is_needed[static_cast<size_t>(v.i)]) needed.push_back(v);
  return needed;
}

}  // namespace dlc
