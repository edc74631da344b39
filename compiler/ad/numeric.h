// Numeric mode as IR: central differences, built by ad/elements.h.
#pragma once
#include "ad/elements.h"

namespace dlc {

/// params → (value, grads…), for a function with a scalar result.
[[nodiscard]] inline FuncId numeric(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics) {
  return by_elements(m, f, wrt, true, Along::difference, diagnostics);
}

}  // namespace dlc
