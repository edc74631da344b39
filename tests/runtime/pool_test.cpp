// The pool: every piece once, whatever the number of threads, pieces and jobs; run under the thread sanitizer too, see
// tests/runtime/tsan.sh.
#include "runtime/threads/pool.h"

#include <gtest/gtest.h>

#include <chrono>

namespace dlc::runtime {
namespace {

struct Counts {
  std::vector<int> of_element;
  std::atomic<int64_t> n_pieces{0};
};

void count(void* data, int64_t begin, int64_t end) {
  auto& counts = *static_cast<Counts*>(data);
  ++counts.n_pieces;
  for (int64_t k = begin; k < end; ++k) ++counts.of_element[static_cast<size_t>(k)];
}

TEST(ThreadPool, RunsEveryPieceOnce) {
  for (const int n_threads : {1, 2, 3, 8}) {
    ThreadPool pool(n_threads);
    EXPECT_EQ(pool.n_threads(), n_threads);
    for (int job = 0; job < 300; ++job)
      for (const int64_t n : {0, 1, 7, 64}) {
        Counts counts;
        counts.of_element.assign(static_cast<size_t>(n), 0);
        dlc_ctx ctx{};
        ctx.user = &pool;
        const int64_t grain = 1 + job % 3;
        ThreadPool::parallel_for(&ctx, n, grain, count, &counts);
        EXPECT_EQ(counts.of_element, std::vector<int>(static_cast<size_t>(n), 1));
        if (n > 0) { EXPECT_EQ(counts.n_pieces, n_threads == 1 || n <= grain ? 1 : (n + grain - 1) / grain); }
      }
  }
}

TEST(ThreadPool, WakesWhoSleeps) {
  ThreadPool pool(4);
  for (int job = 0; job < 20; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // longer than any spinning
    Counts counts;
    counts.of_element.assign(16, 0);
    pool.run(16, 1, count, &counts);
    EXPECT_EQ(counts.of_element, std::vector<int>(16, 1));
  }
}

TEST(ThreadPool, UsesItsThreads) {
  ThreadPool pool(3);
  struct Meeting {
    std::atomic<int> n_here{0};
  } meeting;
  // Three pieces that wait for each other end only where three threads take them.
  pool.run(3, 1, [](void* data, int64_t, int64_t) {
    auto& n = static_cast<Meeting*>(data)->n_here;
    ++n;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (n < 3 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  }, &meeting);
  EXPECT_EQ(meeting.n_here, 3);
}

}  // namespace
}  // namespace dlc::runtime
