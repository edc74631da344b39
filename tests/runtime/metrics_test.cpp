// Metrics against scikit-learn, schedules against their formulas at points where those are known by heart.
#include "runtime/train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "runtime/train/schedule.h"

namespace dlc::runtime {
namespace {

using Values = std::vector<double>;

const Values kTargets = {0, 0, 1, 1, 0, 1, 0, 1, 1, 0};
const Values kScores = {.1, .4, .35, .8, .4, .4, .2, .5, .9, .5};

// roc_auc_score(targets, scores), accuracy_score(targets, scores >= .5)
TEST(Metrics, ClassesAsInScikitLearn) {
  EXPECT_DOUBLE_EQ(*auc(kScores, kTargets), 0.78);
  EXPECT_DOUBLE_EQ(*accuracy(kScores, kTargets), 0.7);
  EXPECT_DOUBLE_EQ(*accuracy(kScores, kTargets, 0.4), 0.6);
}

// i = arange(1000); roc_auc_score(i * 104729 % 97 < 40, round(i * 7919 % 1000 / 1000, 1)): eleven scores, so nearly all
// pairs are of rows that tie with others.
TEST(Metrics, AucWithManyTies) {
  Values scores, targets;
  for (int64_t i = 0; i < 1000; ++i) {
    scores.push_back(std::nearbyint(static_cast<double>(i * 7919 % 1000) / 1000 * 10) / 10);
    targets.push_back(i * 104729 % 97 < 40);
  }
  EXPECT_NEAR(*auc(scores, targets), 0.49400257209279314, 1e-15);
  EXPECT_EQ(*auc(Values{1, 1, 1}, Values{0, 1, 0}), 0.5);
  EXPECT_EQ(*auc(Values{1, 2, 3}, Values{0, 0, 1}), 1);
  EXPECT_EQ(*auc(Values{3, 2, 1}, Values{0, 0, 1}), 0);
}

// mean_absolute_error, root_mean_squared_error, r2_score
TEST(Metrics, RegressionAsInScikitLearn) {
  const Values targets = {3, -.5, 2, 7, 1.25}, predictions = {2.5, 0., 2, 8, 1.5};
  EXPECT_DOUBLE_EQ(*mae(predictions, targets), 0.45);
  EXPECT_DOUBLE_EQ(*rmse(predictions, targets), 0.5590169943749475);
  EXPECT_DOUBLE_EQ(*r2(predictions, targets), 0.9500798722044729);
  EXPECT_DOUBLE_EQ(*mean(targets), 2.55);
  EXPECT_EQ(*r2(targets, targets), 1);
}

TEST(Metrics, SeveralClasses) {
  const Values scores = {.1, .7, .2, /**/ .5, .5, 0, /**/ 0, 0, 1, /**/ .3, .3, .4};
  EXPECT_EQ(*class_accuracy(scores, 3, Values{1, 0, 2, 0}), 0.75);
  EXPECT_EQ(*class_accuracy(scores, 3, Values{1, 1, 2, 2}), 0.75);  // of equal scores the first
  EXPECT_EQ(class_accuracy(scores, 3, Values{1, 0, 3, 0}).error().message, "class 3 of row 2 is none of 0..3");
  EXPECT_EQ(class_accuracy(scores, 3, Values{1, 0, .5, 0}).error().message, "class 0.5 of row 2 is none of 0..3");
  EXPECT_EQ(class_accuracy(scores, 3, Values{1, 0, NAN, 0}).error().message, "class nan of row 2 is none of 0..3");
}

TEST(Metrics, NanNeverLooksGood) {
  const Values bad = {NAN, NAN}, targets = {0, 1};
  EXPECT_EQ(*accuracy(bad, targets), 0);
  EXPECT_EQ(*class_accuracy(Values{NAN, 0, 0, NAN}, 2, targets), 0);
  EXPECT_TRUE(std::isnan(*auc(bad, targets)) && std::isnan(*mae(bad, targets)) && std::isnan(*r2(bad, targets)));
}

TEST(Metrics, UndefinedOnes) {
  EXPECT_EQ(auc(Values{1, 2}, Values{1, 1}).error().message,
            "auc needs rows of both classes, and all 2 are of class 1");
  EXPECT_EQ(auc(Values{1, 2}, Values{0, 0}).error().message,
            "auc needs rows of both classes, and all 2 are of class 0");
  EXPECT_EQ(r2(Values{1, 2}, Values{5, 5}).error().message, "r2 needs targets that differ, and all 2 are 5");
  EXPECT_EQ(mae(Values{1, 2}, Values{5}).error().message, "2 predictions for 1 targets");
  EXPECT_EQ(mean({}).error().message, "a metric of no rows");
}

TEST(Schedule, Constant) {
  const Schedule s{.lr = 0.1};
  EXPECT_EQ(learning_rate(s, 0), 0.1);
  EXPECT_EQ(learning_rate(s, 1'000'000), 0.1);
}

TEST(Schedule, WarmUpClimbsEvenly) {
  const Schedule s{.lr = 0.5, .warmup = 4};
  for (int64_t t = 0; t < 4; ++t) EXPECT_DOUBLE_EQ(learning_rate(s, t), 0.1 * static_cast<double>(t + 1));
  EXPECT_EQ(learning_rate(s, 4), 0.5);
}

TEST(Schedule, Step) {
  const Schedule s{.kind = Schedule::Kind::step, .lr = 8, .warmup = 2, .every = 3, .factor = 0.5};
  const double rates[] = {8.0 / 3, 16.0 / 3, 8, 8, 8, 4, 4, 4, 2};
  for (int64_t t = 0; t < 9; ++t) EXPECT_DOUBLE_EQ(learning_rate(s, t), rates[t]) << t;
}

TEST(Schedule, Cosine) {
  const Schedule s{.kind = Schedule::Kind::cosine, .lr = 1, .warmup = 10, .total = 22, .floor = 0.2};
  EXPECT_EQ(learning_rate(s, 10), 1);
  EXPECT_DOUBLE_EQ(learning_rate(s, 13), 0.6 + 0.4 * std::numbers::sqrt2 / 2);
  EXPECT_DOUBLE_EQ(learning_rate(s, 14), 0.8);  // cos(π/3) = 1/2
  EXPECT_DOUBLE_EQ(learning_rate(s, 16), 0.6);
  EXPECT_DOUBLE_EQ(learning_rate(s, 18), 0.4);
  EXPECT_DOUBLE_EQ(learning_rate(s, 22), 0.2);
  EXPECT_DOUBLE_EQ(learning_rate(s, 99), 0.2);
  EXPECT_TRUE(std::isfinite(learning_rate({.kind = Schedule::Kind::cosine, .lr = 1, .warmup = 5, .total = 5}, 5)));
}

TEST(Schedule, MeaninglessOnes) {
  EXPECT_FALSE(check_schedule({.lr = 0.1}));
  EXPECT_EQ(check_schedule({.lr = -1})->message, "schedule: lr = -1 is not a rate");
  EXPECT_EQ(check_schedule({.lr = 1, .factor = NAN})->message, "schedule: factor = nan is not a rate");
  EXPECT_EQ(check_schedule({.lr = 1, .every = 0})->message, "schedule: every = 0 is less than 1");
  EXPECT_EQ(check_schedule({.lr = 1, .warmup = -1})->message, "schedule: warmup = -1 is less than 0");
}

}  // namespace
}  // namespace dlc::runtime
