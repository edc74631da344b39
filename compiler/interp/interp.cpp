// The interpreter's control: functions, blocks, regions and the limits. Every value of a call is kept in its frame by
// ValueId; a parameter is a pointer to what was passed, so a `map` body does not copy the arrays it captures. Blocks
// wait for the ones they entered on an explicit stack. What the array ops compute is in arrays.h, one element of an
// elementwise op in elementwise.h.
#include "interp/interp.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <deque>

#include "interp/arrays.h"
#include "interp/elementwise.h"
#include "interp/errors.h"
#include "ops/errors.h"
#include "ops/size_check.h"
#include "ops/table.h"

namespace dlc {
namespace {

using namespace interp;

constexpr size_t kMaxDepth = 10000;                  // calls and regions within one another
constexpr size_t kMaxFrameValues = size_t{1} << 22;  // instructions of all calls in progress but the outermost

template <class T>
class Machine {
 public:
  using Value = InterpValue<T>;

  Machine(const Module& m, const InterpOptions& options, const InterpObserver<T>& observer)
      : m_(m), options_(options), observer_(observer) {}

  bool run(FuncId id, std::span<const Value* const> args, std::map<StrId, int64_t> sizes);
  Value take_result() { return std::move(result_); }
  Error take_error() { return std::move(error_); }

 private:
  /// One call of a function.
  struct Frame {
    FuncId id;
    const Func& f;
    std::map<StrId, int64_t> sizes;
    std::vector<Value> values;     // what instructions computed
    std::vector<const Value*> at;  // by ValueId: into `values`, or to an argument or capture

    const Value& operand(ValueId v, int k) const { return *at[static_cast<size_t>(f.operand(v, k).i)]; }
  };

  /// A block that is being run: a function's body, a branch, the body of a map at one of its points.
  struct Activation {
    Frame* frame;
    BlockId block;
    ValueId owner;    // the region in `frame`; of a body the call in the caller's frame, absent outermost
    size_t next = 0;  // in Block::body
    Value out;        // of a map: what is done so far
    std::vector<int64_t> box, index;  // of a map
    int64_t point = 0;                // of a map: `index` in row-major order; of a loop: the step
    int64_t n_steps = 0;              // of a loop: how many there are, or may be; negative: any number
  };

  // Each is false after an error.
  bool step();
  bool run_inst(Frame& frame, ValueId v);
  bool finish_block();
  void finish_point(Activation& a);
  bool enter_function(FuncId id, std::span<const Value* const> args, std::map<StrId, int64_t> sizes, ValueId owner);
  bool enter_call(Frame& frame, ValueId v);
  bool enter_if(Frame& frame, ValueId v);
  bool enter_map(Frame& frame, ValueId v);
  void set_indices(Activation& a);
  bool enter_loop(Frame& frame, ValueId v);
  bool finish_loop_block(Activation& a);
  bool begin_step(Activation& a);
  bool end_loop(Activation& a);
  void set(Frame& frame, ValueId v, Value value);

  bool run_array_op(Frame& frame, ValueId v, Value& out);
  bool run_constant(const Frame& frame, const Inst& in, Value& out);
  bool run_elementwise(const Frame& frame, ValueId v, Value& out);
  bool run_reduction(const Frame& frame, ValueId v, Value& out);
  bool run_fold(const Frame& frame, ValueId v, OpId fold, Value& out);
  bool run_view(const Frame& frame, ValueId v, Value& out);
  bool run_view_adjoint(const Frame& frame, ValueId v, Value& out);
  bool positions(const Frame& frame, ValueId v, int first, std::vector<int64_t>& at);
  bool run_index(const Frame& frame, ValueId v, Value& out);
  bool run_store(const Frame& frame, ValueId v, Value& out);

  bool check_sizes(const Frame& frame, ValueId call);
  bool size_of(const Frame& frame, DimId d, Loc loc, int64_t& out);
  bool is_of_type(const Frame& frame, const Value& v, TypeId type) const;
  bool make(const Frame& frame, TypeId type, Loc loc, Value& out);
  bool index_map(const Frame& frame, ValueId v, IndexMap& out);
  bool can_visit(const std::vector<int64_t>& a, std::span<const int64_t> b, Loc loc);
  bool can_enter(Loc loc) {
    return activations_.size() < kMaxDepth || reject(call_error("too-large-to-run"), loc, "calls and regions are nested deeper than {}", kMaxDepth);
  }
  bool spend(int64_t steps, Loc loc) {
    steps_ += std::min(steps, options_.max_steps);  // both are far from overflow: what a step visits is limited first
    return steps_ <= options_.max_steps ||
           reject(call_error("too-large-to-run"), loc, "the interpreter's limit of {} steps is used up", options_.max_steps);
  }

  template <class... Args>
  bool fail(Loc loc, fmt::format_string<Args...> format, Args&&... args) {
    error_.message = options_.sources && loc.span ? options_.sources->place(loc.span) + ": " : "";
    error_.message += fmt::format(format, std::forward<Args>(args)...);
    return false;
  }
  /// The same for what the program's text explains.
  template <class... Args>
  bool reject(const DiagnosticKind& kind, Loc loc, fmt::format_string<Args...> format, Args&&... args) {
    Diagnostic d{.kind = &kind, .message = fmt::format(format, std::forward<Args>(args)...), .span = loc.span};
    return reject(std::move(d));
  }
  bool reject(Diagnostic d);

  const Module& m_;
  const InterpOptions& options_;
  const InterpObserver<T>& observer_;
  std::deque<Frame> frames_;            // deques: references into them outlive further pushes
  std::deque<Activation> activations_;  // instead of recursion, so that no program can use up the stack
  size_t n_frame_values_ = 0;
  int64_t steps_ = 0;
  Value result_;
  Error error_;
};

// --------------------------------------------------------------------------------------------- functions, blocks

template <class T>
bool Machine<T>::run(FuncId id, std::span<const Value* const> args, std::map<StrId, int64_t> sizes) {
  if (!enter_function(id, args, std::move(sizes), {})) return false;
  while (!activations_.empty())
    if (!step()) return false;
  return true;
}

/// Calls in progress are shown, the outermost last; they end where the error is, so the innermost frame is left out.
template <class T>
bool Machine<T>::reject(Diagnostic d) {
  constexpr size_t kMostCalls = 8;
  for (size_t k = activations_.size(); k-- > 0 && d.labels.size() < kMostCalls;) {
    const Activation& a = activations_[k];
    if (a.block != BlockId{0} || !a.owner || k == 0) continue;
    d.label(activations_[k - 1].frame->f[a.owner].loc.span, "called here");
  }
  return error_ = as_error(std::move(d), options_.sources), false;
}

template <class T>
bool Machine<T>::step() {
  Activation& a = activations_.back();
  const Block& block = a.frame->f[a.block];
  if (a.next < block.body.size()) return run_inst(*a.frame, block.body[a.next++]);
  return finish_block();
}

/// Computes the instruction, or enters the block that does.
template <class T>
bool Machine<T>::run_inst(Frame& frame, ValueId v) {
  const Inst& in = frame.f[v];
  if (!spend(1, in.loc)) return false;
  switch (in.op.i) {
    case "call"_op.i: return enter_call(frame, v);
    case "if"_op.i: return enter_if(frame, v);
    case "map"_op.i: return enter_map(frame, v);
    case "for"_op.i:
    case "while"_op.i: return enter_loop(frame, v);
    default: break;
  }
  Value out;
  if (!run_array_op(frame, v, out)) return false;
  set(frame, v, std::move(out));
  return true;
}

template <class T>
void Machine<T>::set(Frame& frame, ValueId v, Value value) {
  const auto i = static_cast<size_t>(v.i);
  frame.values[i] = std::move(value);
  frame.at[i] = &frame.values[i];
  if (observer_) observer_(frame.id, v, frame.values[i]);
}

/// Hands the result of the innermost block to the instruction that owns it.
template <class T>
bool Machine<T>::finish_block() {
  Activation& a = activations_.back();
  const bool is_body = a.block == BlockId{0};
  const OpId op = is_body ? OpId{} : a.frame->f[a.owner].op;
  if (op == "map"_op) return finish_point(a), true;
  if (op == "for"_op || op == "while"_op) return finish_loop_block(a);
  const ValueId owner = a.owner;
  Value out = *a.frame->at[static_cast<size_t>(a.frame->f[a.block].result.i)];
  activations_.pop_back();
  if (is_body) {
    n_frame_values_ -= frames_.back().f.insts.size();
    frames_.pop_back();
  }
  if (activations_.empty())
    result_ = std::move(out);
  else
    set(*activations_.back().frame, owner, std::move(out));
  return true;
}

template <class T>
void Machine<T>::finish_point(Activation& a) {
  Frame& frame = *a.frame;
  copy_row(a.out, a.point++, *frame.at[static_cast<size_t>(frame.f[a.block].result.i)]);
  if (next_index(a.box, a.index)) {
    a.next = 0;
    return set_indices(a);
  }
  const ValueId owner = a.owner;
  Value out = std::move(a.out);
  activations_.pop_back();
  set(frame, owner, std::move(out));
}

template <class T>
bool Machine<T>::enter_function(FuncId id, std::span<const Value* const> args, std::map<StrId, int64_t> sizes,
                                ValueId owner) {
  const Func& f = m_[id];
  if (!f.body().result) return fail(f.loc, "`{}` has no body yet", f.name);
  if (!spend(static_cast<int64_t>(f.insts.size()), f.loc)) return false;
  n_frame_values_ += f.insts.size();
  if (!frames_.empty() && n_frame_values_ - frames_.front().f.insts.size() > kMaxFrameValues)
    return reject(call_error("too-large-to-run"), f.loc, "the calls in progress hold more than {} values", kMaxFrameValues);
  Frame& frame = frames_.emplace_back(
      Frame{id, f, std::move(sizes), std::vector<Value>(f.insts.size()), std::vector<const Value*>(f.insts.size())});
  if (!check_sizes(frame, owner)) return false;
  const auto& params = f.body().params;
  for (size_t k = 0; k < params.size(); ++k) {
    if (!is_of_type(frame, *args[k], f[params[k]].type))
      return fail(f.loc, "argument {} of `{}` has not the type {}", k, f.name, m_.types.text(f[params[k]].type));
    frame.at[static_cast<size_t>(params[k].i)] = args[k];
    if (observer_) observer_(id, params[k], *args[k]);
  }
  activations_.push_back({&frame, BlockId{0}, owner, 0, {}, {}, {}, 0, 0});
  return true;
}

template <class T>
bool Machine<T>::check_sizes(const Frame& frame, ValueId call) {
  for (const SizeCheck& c : frame.f.checks) {
    int64_t value = 0;
    if (!size_of(frame, c.nonnegative, c.loc, value)) return false;
    if (value >= 0) continue;
    Diagnostic d = failed_check(m_, frame.f, c, value, frame.sizes);
    if (call) d.label(activations_.back().frame->f[call].loc.span, "called here");
    return reject(std::move(d));
  }
  return true;
}

template <class T>
bool Machine<T>::enter_call(Frame& frame, ValueId v) {
  const Inst& in = frame.f[v];
  const Attr& a = m_[in.attr];
  const Func& callee = m_[a.func];
  if (!can_enter(in.loc)) return false;
  std::map<StrId, int64_t> sizes;
  for (size_t k = 0; k < a.dims.size(); ++k)
    if (!size_of(frame, a.dims[k], in.loc, sizes[callee.size_vars[k]])) return false;
  const int n_args = in.n_operands - n_size_operands(m_, in);
  for (size_t k = 0; k < a.ints.size(); ++k)
    sizes[callee.size_vars[static_cast<size_t>(a.ints[k])]] = std::max<int64_t>(frame.operand(v, n_args + static_cast<int>(k)).ints[0], 0);
  std::vector<const Value*> args;
  for (int k = 0; k < n_args; ++k) args.push_back(&frame.operand(v, k));
  return enter_function(a.func, args, std::move(sizes), v);
}

template <class T>
bool Machine<T>::enter_if(Frame& frame, ValueId v) {
  const Inst& in = frame.f[v];
  if (!can_enter(in.loc)) return false;
  const BlockId block{in.first_block.i + (frame.operand(v, 0).ints[0] ? 0 : 1)};
  const auto& params = frame.f[block].params;
  for (size_t k = 0; k < params.size(); ++k)
    frame.at[static_cast<size_t>(params[k].i)] = &frame.operand(v, static_cast<int>(k) + 1);
  activations_.push_back({&frame, block, v, 0, {}, {}, {}, 0, 0});
  return true;
}

template <class T>
bool Machine<T>::enter_map(Frame& frame, ValueId v) {
  const Inst& in = frame.f[v];
  if (!can_enter(in.loc)) return false;
  Activation a{&frame, in.first_block, v, 0, {}, {}, {}, 0, 0};
  for (DimId d : m_[in.attr].dims)
    if (!size_of(frame, d, in.loc, a.box.emplace_back())) return false;
  if (!make(frame, in.type, in.loc, a.out) || !can_visit(a.box, {}, in.loc)) return false;
  const auto& params = frame.f[in.first_block].params;
  for (int k = 0; k < in.n_operands; ++k)
    frame.at[static_cast<size_t>(params[a.box.size() + static_cast<size_t>(k)].i)] = &frame.operand(v, k);
  if (std::find(a.box.begin(), a.box.end(), 0) != a.box.end()) return set(frame, v, std::move(a.out)), true;
  a.index.assign(a.box.size(), 0);
  activations_.push_back(std::move(a));
  set_indices(activations_.back());
  return true;
}

template <class T>
void Machine<T>::set_indices(Activation& a) {
  for (size_t k = 0; k < a.index.size(); ++k) {
    const auto param = static_cast<size_t>(a.frame->f[a.block].params[k].i);
    a.frame->values[param] = Value::of_int(a.index[k]);
    a.frame->at[param] = &a.frame->values[param];
  }
}

/// A loop's blocks find the carried values in `values`, like what instructions compute; captures where they are.
template <class T>
bool Machine<T>::enter_loop(Frame& frame, ValueId v) {
  const Inst& in = frame.f[v];
  if (!can_enter(in.loc)) return false;
  const RegionShape shape = region_shape(m_, in);
  Activation a{&frame, in.first_block, v, 0, {}, {}, {}, 0, -1};
  if (in.op == "for"_op) {
    a.n_steps = std::max<int64_t>(frame.operand(v, 0).ints[0], 0);
  } else if (const DimId bound = loop_options(m_, in.attr).bound) {
    if (!size_of(frame, bound, in.loc, a.n_steps)) return false;
    a.n_steps = std::max<int64_t>(a.n_steps, 0);
  }
  for (int32_t block = 0; block < in.n_blocks; ++block) {
    const auto& params = frame.f[BlockId{in.first_block.i + block}].params;
    for (int k = 0; k + shape.own_operands < in.n_operands; ++k) {
      const auto param = static_cast<size_t>(params[static_cast<size_t>(shape.own_params + k)].i);
      const Value& given = frame.operand(v, shape.own_operands + k);
      if (k < shape.n_carried) frame.values[param] = given;
      frame.at[param] = k < shape.n_carried ? &frame.values[param] : &given;
    }
  }
  activations_.push_back(std::move(a));
  return begin_step(activations_.back());
}

/// A step of a `for`, or its end; of a `while`, the condition.
template <class T>
bool Machine<T>::begin_step(Activation& a) {
  Frame& frame = *a.frame;
  const Inst& in = frame.f[a.owner];
  a.next = 0;
  a.block = in.first_block;
  if (in.op == "while"_op) return true;
  if (a.point == a.n_steps) return end_loop(a);
  const auto step = static_cast<size_t>(frame.f[a.block].params[0].i);
  frame.values[step] = Value::of_int(a.point);
  frame.at[step] = &frame.values[step];
  return true;
}

template <class T>
bool Machine<T>::end_loop(Activation& a) {
  Frame& frame = *a.frame;
  const Inst& in = frame.f[a.owner];
  const RegionShape shape = region_shape(m_, in);
  const auto& params = frame.f[in.first_block].params;
  Value out;
  out.dtype = DType::tuple;
  for (int k = 0; k < shape.n_carried; ++k)
    out.fields.push_back(frame.values[static_cast<size_t>(params[static_cast<size_t>(shape.own_params + k)].i)]);
  if (shape.n_carried == 1) out = Value(std::move(out.fields[0]));
  const ValueId owner = a.owner;
  activations_.pop_back();
  set(frame, owner, std::move(out));
  return true;
}

/// A `for`'s body made the next carried values; so did a `while`'s, and its condition says whether it runs at all.
template <class T>
bool Machine<T>::finish_loop_block(Activation& a) {
  Frame& frame = *a.frame;
  const Inst& in = frame.f[a.owner];
  const Value& result = *frame.at[static_cast<size_t>(frame.f[a.block].result.i)];
  if (in.op == "while"_op && a.block == in.first_block) {
    if (result.ints[0] == 0) return end_loop(a);
    if (a.n_steps >= 0 && a.point == a.n_steps)
      return reject(size_error("max-iters"), in.loc, "this loop is not done after {} step{}", a.n_steps, a.n_steps == 1 ? "" : "s");
    a.block = BlockId{in.first_block.i + 1}, a.next = 0;
    return true;
  }
  const RegionShape shape = region_shape(m_, in);
  std::vector<Value> next;
  for (int k = 0; k < shape.n_carried; ++k) next.push_back(shape.n_carried == 1 ? result : result.fields[static_cast<size_t>(k)]);
  for (int32_t block = 0; block < in.n_blocks; ++block) {
    const auto& params = frame.f[BlockId{in.first_block.i + block}].params;
    for (int k = 0; k < shape.n_carried; ++k)
      frame.values[static_cast<size_t>(params[static_cast<size_t>(shape.own_params + k)].i)] = next[static_cast<size_t>(k)];
  }
  ++a.point;
  return begin_step(a);
}

// --------------------------------------------------------------------------------------------- sizes and memory

template <class T>
bool Machine<T>::size_of(const Frame& frame, DimId d, Loc loc, int64_t& out) {
  const auto value = m_.types.dims.evaluate(d, frame.sizes);
  if (!value) return reject(size_error("size-too-large"), loc, "the size `{}` overflows or divides by zero", m_.types.dims.text(d));
  out = *value;
  return true;
}

/// Also that the elements are there: what follows indexes them without looking.
template <class T>
bool Machine<T>::is_of_type(const Frame& frame, const Value& v, TypeId type) const {
  const Type& t = m_.types[type];
  if (v.dtype != t.dtype || v.dims.size() != t.dims.size() || v.fields.size() != t.fields.size()) return false;
  for (size_t k = 0; k < t.fields.size(); ++k)
    if (!is_of_type(frame, v.fields[k], t.fields[k].type)) return false;
  if (t.is_tuple()) return true;
  int64_t count = 1, n_nonzero = 1;
  for (size_t k = 0; k < t.dims.size(); ++k) {
    if (v.dims[k] < 0 || m_.types.dims.evaluate(t.dims[k], frame.sizes) != v.dims[k]) return false;
    if (__builtin_mul_overflow(n_nonzero, std::max<int64_t>(v.dims[k], 1), &n_nonzero)) return false;
    count *= v.dims[k];
  }
  const int64_t n_ints = is_float(t.dtype) ? 0 : count;
  return static_cast<int64_t>(v.floats.size()) == (is_float(t.dtype) ? count : 0) &&
         static_cast<int64_t>(v.ints.size()) == n_ints;
}

/// Whether the product of all these sizes stays within the limit.
template <class T>
bool Machine<T>::can_visit(const std::vector<int64_t>& a, std::span<const int64_t> b, Loc loc) {
  int64_t n = 1;
  for (const std::span<const int64_t> sizes : {std::span<const int64_t>(a), b})
    for (int64_t d : sizes)  // a 0 counts as 1, so that products of some of the sizes do not overflow either
      if (__builtin_mul_overflow(n, std::max<int64_t>(d, 1), &n) || n > options_.max_elements)
        return reject(call_error("too-large-to-run"), loc, "more than {} elements", options_.max_elements);
  return spend(n, loc);
}

/// A value of this type with zeros in it.
template <class T>
bool Machine<T>::make(const Frame& frame, TypeId type, Loc loc, Value& out) {
  const Type& t = m_.types[type];
  out.dtype = t.dtype;
  for (const Field& f : t.fields)
    if (!make(frame, f.type, loc, out.fields.emplace_back())) return false;
  if (t.is_tuple()) return true;
  for (DimId d : t.dims) {
    int64_t& n = out.dims.emplace_back();
    if (!size_of(frame, d, loc, n)) return false;
    if (n < 0) return reject(size_error("negative-size"), loc, "the size `{}` is negative: {}", m_.types.dims.text(d), n);
  }
  if (!can_visit(out.dims, {}, loc)) return false;
  const auto count = static_cast<size_t>(out.count());
  if (is_float(t.dtype))
    out.floats.assign(count, T(0.0));
  else
    out.ints.assign(count, 0);
  return true;
}

// ---------------------------------------------------------------------------------------------------- instructions

template <class T>
bool Machine<T>::run_array_op(Frame& frame, ValueId v, Value& out) {
  const Inst& in = frame.f[v];
  if (in.op == "tuple"_op) {
    out.dtype = DType::tuple;
    for (int k = 0; k < in.n_operands; ++k) out.fields.push_back(frame.operand(v, k));
    return true;
  }
  if (in.op == "get"_op) return out = frame.operand(v, 0).fields[static_cast<size_t>(m_[in.attr].ints[0])], true;
  if (!make(frame, in.type, in.loc, out)) return false;
  switch (in.op.i) {
    case "const"_op.i: return run_constant(frame, in, out);
    case "size"_op.i: return size_of(frame, m_[in.attr].dims[0], in.loc, out.ints[0]);
    case "iota"_op.i:
      for (size_t k = 0; k < out.ints.size(); ++k) out.ints[k] = static_cast<int64_t>(k);
      return true;
    case "batch_sum"_op.i:  // outside a batch the batch is this one example
      return copy_elements(out, 0, frame.operand(v, 0), 0, out.count()), true;
    case "reshape"_op.i:  // equal numbers of elements: the verifier compared the polynomials
      return copy_elements(out, 0, frame.operand(v, 0), 0, out.count()), true;
    case "stack"_op.i:
      for (int k = 0; k < in.n_operands; ++k) copy_row(out, k, frame.operand(v, k));
      return true;
    case "view"_op.i: return run_view(frame, v, out);
    case "view_adjoint"_op.i: return run_view_adjoint(frame, v, out);
    case "index"_op.i: return run_index(frame, v, out);
    case "put"_op.i:
    case "add_at"_op.i: return run_store(frame, v, out);
    case "matmul"_op.i: {
      const MatmulRanks ranks = matmul_ranks(m_, in.attr);
      const Value &a = frame.operand(v, 0), &b = frame.operand(v, 1);
      if (!can_visit(a.dims, std::span(b.dims).subspan(static_cast<size_t>(ranks.batch + ranks.k)), in.loc))
        return false;
      matmul(a, b, ranks, out);
      return true;
    }
    default: break;
  }
  const Op& row = op_row(in.op);
  if (row.kind == OpKind::elementwise) return run_elementwise(frame, v, out);
  if (row.kind == OpKind::reduction || in.op == "sum"_op || in.op == "cumsum"_op) return run_reduction(frame, v, out);
  return fail(in.loc, "the interpreter does not know `{}`", row.name);
}

template <class T>
bool Machine<T>::run_constant(const Frame&, const Inst& in, Value& out) {
  const int64_t bits = m_[in.attr].ints[0];
  if (is_float(out.dtype))
    out.floats[0] = T(std::bit_cast<double>(bits));
  else
    out.ints[0] = bits;
  return true;
}

template <class T>
bool Machine<T>::run_elementwise(const Frame& frame, ValueId v, Value& out) {
  const Inst& in = frame.f[v];
  const size_t count = is_float(out.dtype) ? out.floats.size() : out.ints.size();
  const auto n = static_cast<size_t>(in.n_operands);
  Element<T> operands[3];
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < n; ++k) {
      const Value& x = frame.operand(v, static_cast<int>(k));
      operands[k].dtype = x.dtype;
      if (is_float(x.dtype))
        operands[k].real = x.floats[i];
      else
        operands[k].integer = x.ints[i];
    }
    const auto y = evaluate(in.op, out.dtype, std::span<const Element<T>>(operands, n));
    if (!y) return fail(in.loc, "`{}` has no complex step: it is not analytic", op_row(in.op).name);
    if (is_float(out.dtype))
      out.floats[i] = y->real;
    else
      out.ints[i] = y->integer;
  }
  return true;
}

template <class T>
bool Machine<T>::run_reduction(const Frame& frame, ValueId v, Value& out) {
  const Inst& in = frame.f[v];
  const std::vector<int64_t>& ints = m_[in.attr].ints;
  const Value& x = frame.operand(v, 0);
  if (!can_visit(x.dims, {}, in.loc)) return false;
  switch (in.op.i) {
    case "sum"_op.i: return sum(x, ints, out), true;
    case "cumsum"_op.i: return cumsum(x, ints[0], ints[1] != 0, out), true;
    case "prod"_op.i: return run_fold(frame, v, "mul"_op, out);
    case "max_over"_op.i: return run_fold(frame, v, "max"_op, out);
    case "min_over"_op.i: return run_fold(frame, v, "min"_op, out);
    case "any"_op.i: return run_fold(frame, v, "or"_op, out);
    case "all"_op.i: return run_fold(frame, v, "and"_op, out);
    case "argmax"_op.i:
    case "argmin"_op.i: break;
    default: return fail(in.loc, "the interpreter does not know `{}`", op_row(in.op).name);
  }
  arg_extreme(x, ints[0], in.op == "argmax"_op, out);
  return true;
}

template <class T>
Element<T> of_no_elements(OpId reduction, DType dtype) {
  if (reduction == "max_over"_op) return {dtype, T(-HUGE_VAL), std::numeric_limits<int64_t>::min()};
  if (reduction == "min_over"_op) return {dtype, T(HUGE_VAL), std::numeric_limits<int64_t>::max()};
  return {dtype, T(1.0), reduction == "any"_op ? 0 : 1};
}

/// A reduction by a binary row, from the first element on.
template <class T>
bool Machine<T>::run_fold(const Frame& frame, ValueId v, OpId fold, Value& out) {
  const Inst& in = frame.f[v];
  const Value& x = frame.operand(v, 0);
  const ReductionBox box = reduction_box(x.dims, m_[in.attr].ints);
  const auto element = [&](int64_t at) {
    const auto i = static_cast<size_t>(at);
    return is_float(x.dtype) ? Element<T>{x.dtype, x.floats[i], 0} : Element<T>{x.dtype, T(0.0), x.ints[i]};
  };
  for (size_t k = 0; k < box.kept.size(); ++k) {
    Element<T> y = of_no_elements<T>(in.op, x.dtype);
    for (size_t r = 0; r < box.reduced.size(); ++r) {
      const Element<T> pair[] = {y, element(box.kept[k] + box.reduced[r])};
      if (r == 0) {
        y = pair[1];
        continue;
      }
      const auto next = evaluate(fold, x.dtype, std::span<const Element<T>>(pair));
      if (!next) return fail(in.loc, "`{}` has no complex step: it is not analytic", op_row(in.op).name);
      y = *next;
    }
    if (is_float(x.dtype))
      out.floats[k] = y.real;
    else
      out.ints[k] = y.integer;
  }
  return true;
}

// -------------------------------------------------------------------------------------------------- views, subscripts

template <class T>
bool Machine<T>::index_map(const Frame& frame, ValueId v, IndexMap& out) {
  const Inst& in = frame.f[v];
  const ViewMap map = view_map(m_, in.attr);
  for (DimId d : map.dims)
    if (!size_of(frame, d, in.loc, out.dims.emplace_back())) return false;
  for (DimId d : map.offsets)
    if (!size_of(frame, d, in.loc, out.offsets.emplace_back())) return false;
  out.coefficients = map.coefficients;
  return true;
}

template <class T>
bool Machine<T>::run_view(const Frame& frame, ValueId v, Value& out) {
  const Inst& in = frame.f[v];
  const Value& x = frame.operand(v, 0);
  const bool is_guarded = m_[in.attr].ints[2] != 0;
  IndexMap map;
  if (!index_map(frame, v, map)) return false;
  return for_each_index(map.dims, [&](int64_t n, const std::vector<int64_t>& j) {
    size_t axis = 0;
    int64_t index = 0;
    const int64_t at = map.position(j, x.dims, axis, index);
    if (at >= 0)
      copy_elements(out, n, x, at, 1);
    else if (!is_guarded)
      return reject(size_error("index-out-of-range"), in.loc, "index {} leaves axis {} of size {}", index, axis, x.dims[axis]);
    return true;
  });
}

/// Adds each element to where the view had read it, in row-major order.
template <class T>
bool Machine<T>::run_view_adjoint(const Frame& frame, ValueId v, Value& out) {
  const Inst& in = frame.f[v];
  const Value& y_bar = frame.operand(v, 0);
  const bool is_guarded = m_[in.attr].ints[2] != 0;
  IndexMap map;
  if (!index_map(frame, v, map) || !can_visit(map.dims, {}, in.loc)) return false;
  bool is_inside = true;
  in_arithmetic_of<T>(y_bar.dtype, [&](auto zero) {
    using N = decltype(zero);
    is_inside = for_each_index(map.dims, [&](int64_t n, const std::vector<int64_t>& j) {
      size_t axis = 0;
      int64_t index = 0;
      const int64_t at = map.position(j, out.dims, axis, index);
      if (at >= 0)
        store(out, at, load<N>(out, at) + load<N>(y_bar, n));
      else if (!is_guarded)
        return reject(size_error("index-out-of-range"), in.loc, "index {} leaves axis {} of size {}", index, axis, out.dims[axis]);
      return true;
    });
  });
  return is_inside;
}

/// For every point of the subscripts' shape, the position in operand 0 among the axes they subscript; -1: outside, and
/// that is allowed.
template <class T>
bool Machine<T>::positions(const Frame& frame, ValueId v, int first, std::vector<int64_t>& out) {
  const Inst& in = frame.f[v];
  const Value& x = frame.operand(v, 0);
  const int64_t n = frame.operand(v, first).count();
  for (int64_t point = 0; point < n; ++point) {
    int64_t at = 0;
    for (int k = first; k < in.n_operands && at >= 0; ++k) {
      const int64_t subscript = frame.operand(v, k).ints[static_cast<size_t>(point)], extent = x.dims[static_cast<size_t>(k - first)];
      const bool is_inside = subscript >= 0 && subscript < extent;
      const Bounds bounds = bounds_of(m_, in);
      if (!is_inside && bounds == Bounds::nonempty) return reject(size_error("empty-reduction"), in.loc, "a reduction of no elements has no value");
      if (!is_inside && bounds != Bounds::guarded && !(bounds == Bounds::masked && subscript == kNowhere))
        return reject(size_error("index-out-of-range"), in.loc, "subscript {} leaves an axis of size {}", subscript, extent);
      at = is_inside ? at * extent + subscript : -1;
    }
    out.push_back(at);
  }
  return true;
}

/// A guarded subscript that leaves its array reads 0, as the guarded view does that it becomes.
template <class T>
bool Machine<T>::run_index(const Frame& frame, ValueId v, Value& out) {
  std::vector<int64_t> at;
  if (!positions(frame, v, 1, at)) return false;
  const int64_t row = at.empty() ? 0 : out.count() / static_cast<int64_t>(at.size());
  for (size_t point = 0; point < at.size(); ++point)
    if (at[point] >= 0) copy_elements(out, static_cast<int64_t>(point) * row, frame.operand(v, 0), at[point] * row, row);
  return true;
}

template <class T>
bool Machine<T>::run_store(const Frame& frame, ValueId v, Value& out) {
  const Value& value = frame.operand(v, 1);
  std::vector<int64_t> at;
  if (!can_visit(value.dims, {}, frame.f[v].loc) || !positions(frame, v, 2, at)) return false;
  out = frame.operand(v, 0);
  const bool adds = frame.f[v].op == "add_at"_op;
  const int64_t row = at.empty() ? 0 : value.count() / static_cast<int64_t>(at.size());
  for (size_t point = 0; point < at.size(); ++point) {
    const int64_t to = at[point] * row, from = static_cast<int64_t>(point) * row;
    if (at[point] < 0) continue;
    if (!adds) {
      copy_elements(out, to, value, from, row);
      continue;
    }
    in_arithmetic_of<T>(value.dtype, [&](auto zero) {
      using N = decltype(zero);
      for (int64_t k = 0; k < row; ++k) store(out, to + k, load<N>(out, to + k) + load<N>(value, from + k));
    });
  }
  return true;
}

}  // namespace

template <class T>
Result<InterpValue<T>> interpret(const Module& m, FuncId f, std::span<const InterpValue<T>> args,
                                 const std::map<StrId, int64_t>& sizes, const InterpOptions& options,
                                 const InterpObserver<T>& observer) {
  std::vector<Shape> shapes;
  std::vector<const InterpValue<T>*> pointers;
  for (const InterpValue<T>& a : args) shapes.push_back(shape_of(a)), pointers.push_back(&a);
  auto bound = bind_sizes(m, m[f], shapes, sizes);
  if (!bound) return bound.error();
  Machine<T> machine(m, options, observer);
  if (!machine.run(f, pointers, std::move(*bound))) return machine.take_error();
  return machine.take_result();
}

template Result<InterpValue<double>> interpret(const Module&, FuncId, std::span<const InterpValue<double>>,
                                               const std::map<StrId, int64_t>&, const InterpOptions&,
                                               const InterpObserver<double>&);
template Result<InterpValue<Big>> interpret(const Module&, FuncId, std::span<const InterpValue<Big>>,
                                            const std::map<StrId, int64_t>&, const InterpOptions&,
                                            const InterpObserver<Big>&);
template Result<InterpValue<Scaled>> interpret(const Module&, FuncId, std::span<const InterpValue<Scaled>>,
                                               const std::map<StrId, int64_t>&, const InterpOptions&,
                                               const InterpObserver<Scaled>&);
template Result<InterpValue<std::complex<double>>> interpret(const Module&, FuncId,
                                                             std::span<const InterpValue<std::complex<double>>>,
                                                             const std::map<StrId, int64_t>&, const InterpOptions&,
                                                             const InterpObserver<std::complex<double>>&);

}  // namespace dlc
