// Fuse, second half: the steps that compute what Decider (fuse.cpp) gave memory.
#pragma once
#include "passes/loop_tree.h"

namespace dlc {

/// Fills in `program.steps`; leaves and buffers are decided.
void schedule_loops(const Module& m, LoopProgram& program);

}  // namespace dlc
