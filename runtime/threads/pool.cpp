// Waiting is spinning for some microseconds, then sleeping. A training step comes back within microseconds, so a sleeping
// worker would cost it more than its work; a run that pauses, to measure or to read, must not burn a core.
#include "runtime/threads/pool.h"

#include <algorithm>
#include <system_error>

namespace dlc::runtime {
namespace {

/// About 50 µs of pauses: longer than a wake-up costs, so that what comes soon is met awake.
constexpr int kSpins = 1000;

void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int n_threads) {
  // More threads than cores: who spins keeps another from working.
  if (n_threads <= static_cast<int>(std::thread::hardware_concurrency())) n_spins_ = kSpins;
  try {
    for (int k = 1; k < n_threads; ++k) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {  // a limit of the system
  }
}

ThreadPool::~ThreadPool() {
  is_over_.store(true, std::memory_order_relaxed);  // seen with job_
  {
    const std::lock_guard lock(mutex_);
    job_.fetch_add(1, std::memory_order_release);
  }
  begun_.notify_all();
  for (std::thread& t : workers_) t.join();
}

/// Returns when ready() holds; `woken` is notified, under the lock's protection, after it came to.
template <class Ready>
void ThreadPool::wait(std::condition_variable& woken, Ready&& ready) {
  for (int k = 0; k < n_spins_; ++k) {
    if (ready()) return;
    pause_briefly();
  }
  std::unique_lock lock(mutex_);
  woken.wait(lock, ready);
}

void ThreadPool::take_pieces() {
  for (;;) {
    const int64_t begin = next_.fetch_add(grain_, std::memory_order_relaxed);
    if (begin >= n_) return;
    body_(data_, begin, std::min(begin + grain_, n_));
  }
}

void ThreadPool::work() {
  for (uint64_t seen = 0;; ++seen) {
    wait(begun_, [&] { return job_.load(std::memory_order_acquire) != seen; });
    if (is_over_.load(std::memory_order_relaxed)) return;
    take_pieces();
    if (n_working_.fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
    // The lock keeps the caller from going to sleep between its look at n_working_ and its wait.
    { const std::lock_guard lock(mutex_); }
    done_.notify_one();
  }
}

void ThreadPool::run(int64_t n, int64_t grain, Body body, void* data) {
  if (n <= 0) return;
  if (workers_.empty() || n <= grain) return body(data, 0, n);
  n_ = n, grain_ = std::max<int64_t>(grain, 1), body_ = body, data_ = data;
  next_.store(0, std::memory_order_relaxed);
  n_working_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    job_.fetch_add(1, std::memory_order_release);
  }
  begun_.notify_all();
  take_pieces();
  wait(done_, [&] { return n_working_.load(std::memory_order_acquire) == 0; });
}

void ThreadPool::parallel_for(const dlc_ctx* ctx, int64_t n, int64_t grain, Body body, void* data) {
  static_cast<ThreadPool*>(ctx->user)->run(n, grain, body, data);
}

}  // namespace dlc::runtime
