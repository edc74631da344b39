// The rows in one array, with their meanings: the only file that instantiates those.
#include "ops/table.h"

#include <array>

#include "ops/rows.h"
#ifdef DLC_EXTRA_OP_ROWS
#include DLC_EXTRA_OP_ROWS
#endif

namespace dlc {
namespace {

template <size_t... N>
consteval auto concatenate(const Op (&... rows)[N]) {
  std::array<Op, (N + ...)> all{};
  size_t at = 0;
  const auto append = [&](const Op* from, size_t n) {
    for (size_t i = 0; i < n; ++i) all[at++] = from[i];
  };
  (append(rows, N), ...);
  return all;
}

constexpr auto kTable = concatenate(meaning::kArithmeticRows<Meaning>, meaning::kElementaryRows<Meaning>,
                                    meaning::kInternalRows<Meaning>, kArrayRows
#ifdef DLC_EXTRA_OP_ROWS
                                    , meaning::kExtraRows<Meaning>
#endif
);

consteval bool names_match() {
  for (size_t i = 0; i < std::size(kOpNames); ++i)
    if (kOpNames[i] != kTable[i].name) return false;
#ifdef DLC_EXTRA_OP_ROWS
  return true;
#else
  return std::size(kOpNames) == kTable.size();
#endif
}
static_assert(names_match(), "a row of ops/rows_*.h does not begin with {.name = \"…\" on its first line");

}  // namespace

int n_ops() { return static_cast<int>(kTable.size()); }
const Op& op_row(OpId op) { return kTable[static_cast<size_t>(op.i)]; }

}  // namespace dlc
