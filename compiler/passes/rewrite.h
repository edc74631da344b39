// The frame of a pass that replaces instructions one by one: takes the old body out, walks it in order, region by
// region, and asks the pass for the new value of each instruction.
//
//   rewrite_body(m, f, [&](Builder& b, const Inst& in, std::span<const ValueId> operands) {
//     return b.rebuild(in, operands, in.loc);                      // operands are already the new ones
//   });
#pragma once
#include <utility>
#include <vector>

#include "ops/builder.h"

namespace dlc {

/// Moves the body out of `f` and leaves a fresh one with the same parameters, for a pass to build into. Parameter k
/// of the returned function corresponds to parameter k of the new one.
Func begin_rewrite(Module& m, FuncId f);

/// `Visit(Builder&, const Inst&, span<const ValueId>) -> ValueId` for instructions without regions;
/// `Branch(Builder&, const Inst&, span<const ValueId>) -> int` names the block that a region op reduces to (its
/// parameters then are the operands from `1` on), or −1 to keep the op and rewrite its blocks, which are then the next of the function.
template <class Visit, class Branch>
class BodyRewriter {
 public:
  BodyRewriter(Module& m, FuncId f, Visit visit, Branch branch)
      : m_(m), func_(f), old_(begin_rewrite(m, f)), map_(old_.insts.size()), visit_(std::move(visit)), branch_(std::move(branch)) {}

  void run() {
    for (size_t k = 0; k < old_.body().params.size(); ++k) at(old_.body().params[k]) = m_[func_].body().params[k];
    Builder b(m_, func_, BlockId{0});
    b.set_result(block(b, old_.body()));
  }

 private:
  ValueId& at(ValueId v) { return map_[static_cast<size_t>(v.i)]; }

  ValueId block(Builder& b, const Block& source) {
    std::vector<ValueId> operands;
    for (ValueId v : source.body) {
      const Inst in = old_[v];
      operands.clear();
      for (ValueId o : old_.operands(v)) operands.push_back(at(o));
      at(v) = in.n_blocks ? region(b, in, operands) : visit_(b, in, std::span<const ValueId>(operands));
    }
    return at(source.result);
  }

  ValueId region(Builder& b, Inst in, std::span<const ValueId> operands) {
    const int taken = branch_(b, in, operands);
    if (taken >= 0) {
      const Block& source = old_[BlockId{in.first_block.i + taken}];
      for (size_t k = 0; k < source.params.size(); ++k) at(source.params[k]) = operands[k + 1];
      return block(b, source);
    }
    const BlockId first{static_cast<int32_t>(b.func().blocks.size())};
    for (int k = 0; k < in.n_blocks; ++k) b.func().blocks.emplace_back();
    for (int k = 0; k < in.n_blocks; ++k) {
      Builder inner = b.in(BlockId{first.i + k});
      const Block& source = old_[BlockId{in.first_block.i + k}];
      for (ValueId p : source.params) {
        const Inst param = old_[p];
        at(p) = append_param(m_, b.func(), inner.block(), param.op, param.type, m_[param.attr].name, param.loc);
      }
      inner.set_result(block(inner, source));
    }
    in.first_block = first;
    return b.raw(in, operands);
  }

  Module& m_;
  FuncId func_;
  const Func old_;
  std::vector<ValueId> map_;
  Visit visit_;
  Branch branch_;
};

template <class Visit>
void rewrite_body(Module& m, FuncId f, Visit visit) {
  auto keep = [](Builder&, const Inst&, std::span<const ValueId>) { return -1; };
  BodyRewriter<Visit, decltype(keep)>(m, f, std::move(visit), keep).run();
}

template <class Visit, class Branch>
void rewrite_body(Module& m, FuncId f, Visit visit, Branch branch) {
  BodyRewriter<Visit, Branch>(m, f, std::move(visit), std::move(branch)).run();
}

}  // namespace dlc
