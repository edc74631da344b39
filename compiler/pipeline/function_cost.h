// What a function costs by its IR: instructions by kind, and bytes alive at once.
#pragma once
#include <cstdint>
#include <map>

#include "ir/module.h"
#include "pipeline/report.h"

namespace dlc {

/// Of `f`, which is ready, and of all that it calls, each function once. Parameters, constants and tuples are no work
/// and do not count.
OpCounts count_ops(const Module& m, FuncId f);

/// The most bytes of values alive at one time when the body runs in its order and every value is stored whole, from its
/// instruction to its last use. Parameters are the caller's and do not count; results do. Code that is compiled stores
/// less: fused values never reach memory, scalars are in registers.
int64_t live_bytes(const Module& m, FuncId f, const std::map<StrId, int64_t>& sizes);

}  // namespace dlc
