// contract: a sum over the product of two arrays is a matrix product. What index notation writes as
// `sum[j](A[i, j] * B[j, k])` has come out of `batch` as a sum of a product of two broadcasts of A and B; here it
// becomes the one canonical form of a contraction, which codegen knows how to run at the machine's speed.
//
//   before:  %a = view %A over [i, k, j]   %b = view %B over [i, k, j]   %p = mul %a, %b   %s = sum %p over j
//   after:   %s = matmul %A, %B
#include <algorithm>
#include <optional>

#include "ops/table.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace dlc {
namespace {

/// An operand of the product as (array, for each axis of the product the array's axis or −1).
struct Factor {
  ValueId array;
  std::vector<int> axis;
};

std::optional<Factor> factor_of(Builder& b, ValueId v) {
  const Func& f = b.func();
  const Inst& in = f[v];
  Factor factor;
  if (in.op == "view"_op) {
    const ViewMap map = view_map(b.module(), in.attr);
    factor.array = f.operand(v, 0);
    const Type source = b.type(factor.array);
    if (map.guarded || !is_permutation_broadcast(b.module(), map, source, &factor.axis)) return std::nullopt;
    return factor;
  }
  factor.array = v;
  for (int k = 0; k < b.type(v).rank(); ++k) factor.axis.push_back(k);
  return factor;
}

/// The array with its axes in the order in which the product's axes `groups` name them.
ValueId arranged(Builder& b, const Factor& x, std::initializer_list<const std::vector<int>*> groups, Loc loc) {
  std::vector<int> order;
  for (const auto* group : groups)
    for (int axis : *group) order.push_back(x.axis[static_cast<size_t>(axis)]);
  return b.transpose(x.array, order, loc);
}

ValueId contract_sum(Builder& b, const Inst& in, ValueId product) {
  const Func& f = b.func();
  const Inst p = f[product];
  if (p.op != "mul"_op || !is_float(b.types()[p.type].dtype)) return {};
  const auto left = factor_of(b, f.operand(product, 0)), right = factor_of(b, f.operand(product, 1));
  if (!left || !right) return {};
  const std::vector<int64_t> summed = b.module()[in.attr].ints;
  std::vector<int> batch_axes, m_axes, n_axes, k_axes;
  for (int axis = 0; axis < b.type(product).rank(); ++axis) {
    const bool is_summed = std::find(summed.begin(), summed.end(), axis) != summed.end();
    const bool in_left = left->axis[static_cast<size_t>(axis)] >= 0, in_right = right->axis[static_cast<size_t>(axis)] >= 0;
    if (!in_left && !in_right) return {};
    if (is_summed && !(in_left && in_right)) return {};
    if (is_summed) k_axes.push_back(axis);
    else if (in_left && in_right) batch_axes.push_back(axis);
    else (in_left ? m_axes : n_axes).push_back(axis);
  }
  // With only batch axes left there is no reuse: that is a row-wise sum, and loops fuse better as one.
  if (m_axes.empty() && n_axes.empty() && !batch_axes.empty()) return {};
  const MatmulRanks ranks{static_cast<int>(batch_axes.size()), static_cast<int>(m_axes.size()),
                          static_cast<int>(n_axes.size()), static_cast<int>(k_axes.size())};
  ValueId y;
  std::vector<int> y_axes(batch_axes);  // the product's axis at each axis of y
  const auto then = [&](const std::vector<int>& group) { y_axes.insert(y_axes.end(), group.begin(), group.end()); };
  if (m_axes.empty() && !n_axes.empty()) {
    y = b.matmul(arranged(b, *right, {&batch_axes, &n_axes, &k_axes}, in.loc), arranged(b, *left, {&batch_axes, &k_axes}, in.loc),
                 {ranks.batch, ranks.n, 0, ranks.k}, in.loc);
    then(n_axes);
  } else {
    y = b.matmul(arranged(b, *left, {&batch_axes, &m_axes, &k_axes}, in.loc),
                 arranged(b, *right, {&batch_axes, &k_axes, &n_axes}, in.loc), ranks, in.loc);
    then(m_axes), then(n_axes);
  }
  // y has the product's kept axes grouped; the sum has them in their own order.
  std::vector<int> sorted = y_axes, order;
  std::sort(sorted.begin(), sorted.end());
  for (int axis : sorted) order.push_back(static_cast<int>(std::find(y_axes.begin(), y_axes.end(), axis) - y_axes.begin()));
  return b.transpose(y, order, in.loc);
}

}  // namespace

void contract(Module& m, FuncId f, Diagnostics&) {
  rewrite_body(m, f, [](Builder& b, const Inst& in, std::span<const ValueId> operands) {
    if (in.op == "sum"_op)
      if (const ValueId y = contract_sum(b, in, operands[0])) return y;
    return b.raw(in, operands);
  });
}

}  // namespace dlc
