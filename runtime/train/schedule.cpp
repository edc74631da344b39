// See schedule.h.
#include "runtime/train/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace dlc::runtime {

MaybeError check_schedule(const Schedule& schedule) {
  for (const auto& [name, value] :
       {std::pair{"lr", schedule.lr}, {"factor", schedule.factor}, {"floor", schedule.floor}})
    if (!(value >= 0 && std::isfinite(value)))
      return Error{fmt::format("schedule: {} = {} is not a rate", name, value)};
  for (const auto& [name, value, least] :
       {std::tuple{"warmup", schedule.warmup, 0}, {"every", schedule.every, 1}, {"total", schedule.total, 0}})
    if (value < least) return Error{fmt::format("schedule: {} = {} is less than {}", name, value, least)};
  return std::nullopt;
}

double learning_rate(const Schedule& schedule, int64_t t) {
  const double lr = schedule.lr;
  if (t < schedule.warmup) return lr * static_cast<double>(t + 1) / static_cast<double>(schedule.warmup + 1);
  const int64_t since = t - schedule.warmup;
  switch (schedule.kind) {
    case Schedule::Kind::constant: return lr;
    case Schedule::Kind::step: return lr * std::pow(schedule.factor, static_cast<double>(since / schedule.every));
    case Schedule::Kind::cosine: break;
  }
  const int64_t length = std::max<int64_t>(schedule.total - schedule.warmup, 1);
  const double u = std::min(static_cast<double>(since) / static_cast<double>(length), 1.0);
  return schedule.floor + (lr - schedule.floor) * (1 + std::cos(std::numbers::pi * u)) / 2;
}

}  // namespace dlc::runtime
