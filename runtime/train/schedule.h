// The learning rate of each update, as a pure function of the update's number t = 0, 1, 2, …: a resumed run needs
// nothing but t.
//
//   warm-up      t < w    lr · (t + 1) / (w + 1)                    climbs evenly, and is lr at t = w
//   constant     t ≥ w    lr
//   step                  lr · factor ^ ⌊(t − w) / every⌋
//   cosine                floor + (lr − floor) · (1 + cos(π u)) / 2,  u = (t − w) / (total − w), at most 1
//
// Everything is in updates; a program that counts in epochs multiplies by the updates of one.
#pragma once
#include <cstdint>

#include "runtime/result.h"

namespace dlc::runtime {

struct Schedule {
  enum class Kind { constant, step, cosine };
  Kind kind = Kind::constant;
  double lr = 0;
  int64_t warmup = 0;  // w
  int64_t every = 1;   // step: updates between two reductions
  double factor = 0.1;
  int64_t total = 0;  // cosine: updates of the whole run, warm-up included
  double floor = 0;   // and the rate at its end
};

/// What makes a schedule meaningless: a rate, factor or floor that is negative or not finite, a count below 0 (`every`:
/// below 1).
MaybeError check_schedule(const Schedule& schedule);

/// Of a checked schedule, t ≥ 0.
double learning_rate(const Schedule& schedule, int64_t t);

}  // namespace dlc::runtime
