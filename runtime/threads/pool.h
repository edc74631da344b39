// Threads for generated code: what dlc_ctx::parallel_for calls, see runtime/abi.h.
//
//   ThreadPool pool(4);                      // the caller and three more
//   ctx.parallel_for = ThreadPool::parallel_for, ctx.user = &pool;
//
// One job at a time: parallel_for returns when all pieces are done, and is called by the thread that made the pool, not
// from within a piece. Which thread takes a piece is chance; what a piece writes must not depend on it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/abi.h"

namespace dlc::runtime {

class ThreadPool {
 public:
  using Body = void (*)(void* data, int64_t begin, int64_t end);

  /// Threads that the system does not give are done without.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int n_threads() const { return static_cast<int>(workers_.size()) + 1; }
  /// body on pieces of `grain` of 0..n.
  void run(int64_t n, int64_t grain, Body body, void* data);
  /// The same, for a context whose `user` is the pool.
  static void parallel_for(const dlc_ctx* ctx, int64_t n, int64_t grain, Body body, void* data);

 private:
  void work();
  void take_pieces();
  template <class Ready>
  void wait(std::condition_variable& woken, Ready&& ready);

  std::vector<std::thread> workers_;
  int n_spins_ = 0;  // looks at a flag before a thread goes to sleep
  // The job. Written while no worker looks: before job_ counts on, and after n_working_ came to 0.
  int64_t n_ = 0, grain_ = 1;
  Body body_ = nullptr;
  void* data_ = nullptr;
  std::atomic<int64_t> next_{0};     // the first element that nobody took
  std::atomic<int> n_working_{0};    // workers that are not done with the job
  std::atomic<uint64_t> job_{0};     // counts jobs; the end of the pool is one too
  std::atomic<bool> is_over_{false};
  std::mutex mutex_;
  std::condition_variable begun_, done_;
};

}  // namespace dlc::runtime
