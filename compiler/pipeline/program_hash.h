// Which program a file of weights belongs to: a number of the meaning of its functions (their IR as sema left it), so
// that a comment or a line's place does not matter.
#pragma once
#include <cstdint>
#include <string_view>

#include "pipeline/compilation.h"

namespace dlc {

/// FNV-1a, 64 bits. Each text counts with its end.
struct ProgramHash {
  uint64_t value = 14695981039346656037u;
  void add(std::string_view text) {
    for (char ch : text) value = (value ^ static_cast<unsigned char>(ch)) * 1099511628211u;
    value = (value ^ 0x100) * 1099511628211u;
  }
};

/// Of what a training step calls. To be asked before the functions are optimised.
uint64_t training_hash(const Compilation& c, const TrainSpec& spec);
/// Of `predict` at the spec's sizes; 0 without one.
uint64_t prediction_hash(const Compilation& c, const TrainSpec& spec);

}  // namespace dlc
