// Simplification is the builder's: this pass only sends every instruction through it again, now that the operands
// are simpler than when the instruction was first made, and decides `if`s on constants (sizes, mostly).
#include "ops/table.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace dlc {

void simplify(Module& m, FuncId f, Diagnostics&) {
  rewrite_body(
      m, f, [](Builder& b, const Inst& in, std::span<const ValueId> operands) { return b.rebuild(in, operands, in.loc); },
      [](Builder& b, const Inst& in, std::span<const ValueId> operands) {
        if (in.op != "if"_op) return -1;
        const auto condition = b.constant_int_value(operands[0]);
        return condition ? (*condition != 0 ? 0 : 1) : -1;
      });
}

}  // namespace dlc
