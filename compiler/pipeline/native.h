// Compiled functions as the commands call them: values in, values out, with the interpreter's types, so that `run`,
// `diff` and `check` can hold either engine. What dlc.h offers to other programs is program.cpp.
//
//   auto native = Native::compile(compilation, f, {.opt_level = 2});
//   auto y = native->call(args);                     // sizes are bound from the arguments
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "codegen/codegen.h"
#include "interp/value.h"
#include "pipeline/compilation.h"
#include "runtime/abi.h"

namespace dlc {

/// What a failed call says that no site explains.
std::string run_time_error_text(const dlc_error& error);

/// The context of one call: where its error goes, and memory for loops whose number of steps is known only when they
/// have run. What a failing call did not give back is freed with it.
class CallContext {
 public:
  CallContext();
  ~CallContext();
  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;
  dlc_ctx ctx{};
  dlc_error error{};

 private:
  size_t depth_;
};

/// Memory of this thread for the duration of one call, aligned to 64; null when there is none to be had.
void* thread_workspace(int64_t bytes);

/// Calls name_ws(sizes…), whose number of arguments is known only now.
int64_t workspace_bytes(void* function, std::span<const int64_t> sizes);
constexpr size_t kMaxSizeVariables = 16;

/// `f`, or where it calls itself at other sizes what it is at those of these arguments and at the `given` ones. An empty error:
/// see the diagnostics.
Result<FuncId> at_sizes_of(Compilation& c, FuncId f, std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& given = {});
/// Error `recursion-open`, for a function that is still one of open sizes.
Error open_recursion(const Compilation& c, FuncId f);

/// Nanoseconds of one compiled call. A call that is short beside the clock's own time is timed in batches, whose means
/// then take the place of single calls.
struct CallTime {
  double median = 0, best = 0;
};

class Native {
 public:
  /// `f` must be ready. The compilation must outlive this, and may be worked on between calls.
  static Result<Native> compile(const Compilation& c, FuncId f, const CompileOptions& options);

  /// The first call's checks of sizes are bind_sizes'; the error is that of the program at run time.
  Result<InterpValue<double>> call(std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& given = {}) const;

  /// Bytes of arrays that a call keeps beside its arguments and results.
  Result<int64_t> workspace(std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& given = {}) const;

  /// Times `n` calls, after one that is not counted.
  Result<CallTime> time(std::span<const InterpValue<double>> args, int64_t n, const std::map<StrId, int64_t>& given = {}) const;

 private:
  struct Cells;
  Result<bool> prepare(Cells& cells, std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& given) const;
  Result<bool> invoke(Cells& cells) const;
  Error failure(const dlc_error& error, const Cells& cells) const;
  InterpValue<double> collect(const Cells& cells, TypeId type, size_t& leaf, const std::map<StrId, int64_t>& sizes) const;

  Native(const Compilation& c, FuncId f, JitModule code) : compilation_(&c), func_(f), code_(std::move(code)) {}
  const Compilation* compilation_;
  FuncId func_;
  JitModule code_;
};

}  // namespace dlc
