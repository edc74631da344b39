// All rows of the op table; for the two files that make the table of them. Everybody else wants ops/table.h.
#pragma once
#include "ops/rows_arithmetic.h"
#include "ops/rows_array.h"
#include "ops/rows_elementary.h"
#include "ops/rows_internal.h"

namespace dlc {

/// Stands in for Meaning where only the rest of a row is wanted: the lambda's body is never instantiated.
struct NoMeaning {
  constexpr NoMeaning() = default;
  template <class F>
  constexpr NoMeaning(F) {}  // NOLINT: implicit on purpose, as Meaning
};

}  // namespace dlc
