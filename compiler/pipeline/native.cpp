// From values to the packed form of an entry and back. An argument's cell points at its elements in memory as the ABI
// has them: f32 narrowed from the interpreter's doubles, bools as bytes.
#include "pipeline/native.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <limits>

#include "interp/errors.h"
#include "interp/sizes.h"
#include "ops/errors.h"
#include "passes/passes.h"
#include "pipeline/errors.h"
#include "ops/size_check.h"

namespace dlc {

std::string run_time_error_text(const dlc_error& error) {
  if (error.code == DLC_CANCELLED) return "the call was cancelled";
  return fmt::format("the function failed with code {}", error.code);
}

namespace {

/// What `grow` gave on this thread and has not taken back, in order.
std::vector<void*>& grown() {
  struct Stack {
    std::vector<void*> blocks;
    ~Stack() {
      for (void* block : blocks) std::free(block);
    }
  };
  thread_local Stack stack;
  return stack.blocks;
}

constexpr int64_t kMostGrown = (int64_t{1} << 40) - 4096;  // no machine has more; allocators under sanitizers stop the program there

void* grow(const dlc_ctx*, int64_t bytes) {
  std::vector<void*>& blocks = grown();
  if (bytes <= 0) {
    if (!blocks.empty()) std::free(blocks.back()), blocks.pop_back();
    return nullptr;
  }
  if (bytes > kMostGrown) return nullptr;
  void* block = std::aligned_alloc(64, static_cast<size_t>((bytes + 63) / 64 * 64));
  if (block) blocks.push_back(block);
  return block;
}

}  // namespace

CallContext::CallContext() : depth_(grown().size()) {
  ctx.size = sizeof ctx, ctx.version = DLC_ABI_VERSION, ctx.error = &error, ctx.grow = grow;
}

CallContext::~CallContext() {
  std::vector<void*>& blocks = grown();
  for (; blocks.size() > depth_; blocks.pop_back()) std::free(blocks.back());
}

void* thread_workspace(int64_t bytes) {
  struct Block {
    void* memory = nullptr;
    int64_t bytes = 0;
    ~Block() { std::free(memory); }
  };
  thread_local Block block;
  if (bytes <= block.bytes) return block.memory;
  if (bytes > std::numeric_limits<int64_t>::max() - 4096) return nullptr;
  std::free(block.memory);
  // A quarter more, so that growing sizes do not allocate at every call.
  const int64_t wanted = (bytes + std::min(bytes / 4, std::numeric_limits<int64_t>::max() - bytes - 64) + 63) / 64 * 64;
  block.memory = std::aligned_alloc(64, static_cast<size_t>(wanted));
  block.bytes = block.memory ? wanted : 0;
  return block.memory;
}

int64_t workspace_bytes(void* function, std::span<const int64_t> n) {
  // The calling conventions of x86-64 and aarch64 let a callee have fewer parameters than it is given.
  int64_t s[kMaxSizeVariables] = {};
  std::copy(n.begin(), n.end(), s);
  using Wide = int64_t (*)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                           int64_t, int64_t, int64_t, int64_t, int64_t);
  if (n.size() <= 2) return reinterpret_cast<int64_t (*)(int64_t, int64_t)>(function)(s[0], s[1]);
  return reinterpret_cast<Wide>(function)(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10], s[11], s[12],
                                          s[13], s[14], s[15]);
}

struct Native::Cells {
  std::vector<void*> pointers;                  // what the packed entry takes
  std::deque<std::vector<std::byte>> memory;    // of inputs that had to be converted, sizes, and all outputs
  std::vector<void*> outputs;
  std::map<StrId, int64_t> sizes;
  int64_t workspace = 0;

  void* add(size_t bytes) {
    memory.emplace_back(std::max<size_t>(bytes, 8));
    pointers.push_back(memory.back().data());
    return memory.back().data();
  }
};

namespace {

template <class T, class From>
void copy_to(void* to, const std::vector<From>& from) {
  T* out = static_cast<T*>(to);
  for (const From& x : from) *out++ = static_cast<T>(x);
}

template <class T, class To>
void copy_from(const void* from, size_t n, std::vector<To>& to) {
  const T* in = static_cast<const T*>(from);
  to.assign(in, in + n);
}

Error too_large(const Func& f, std::string message) {
  return as_error({.kind = &call_error("too-large-to-run"), .message = std::move(message), .span = f.loc.span});
}

/// The product of sizes times the bytes of an element; nothing when that is more than an address space holds.
std::optional<size_t> bytes_of(const std::vector<int64_t>& dims, DType dtype) {
  int64_t n = dtype_bytes(dtype);
  for (int64_t d : dims)
    if (__builtin_mul_overflow(n, d, &n)) return std::nullopt;
  if (n < 0 || n > int64_t{1} << 46) return std::nullopt;
  return static_cast<size_t>(n);
}

}  // namespace

Result<FuncId> at_sizes_of(Compilation& c, FuncId f, std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& given) {
  if (!c.recurs(f)) return f;
  std::vector<Shape> shapes;
  for (const InterpValue<double>& a : args) shapes.push_back(shape_of(a));
  const auto sizes = bind_sizes(c.module, c.module[f], shapes, given);
  if (!sizes) return sizes.error();
  const FuncId special = c.at_sizes(f, *sizes);
  if (!special) return Error{};
  return special;
}

Error open_recursion(const Compilation& c, FuncId f) {
  const std::vector<FuncId> all = call_order(c.module, f);
  const auto itself = std::find_if(all.begin(), all.end(), [&](FuncId g) { return calls_itself(c.module, g) && !c.module[g].size_vars.empty(); });
  const FuncId g = itself == all.end() ? f : *itself;
  std::string sizes;
  for (StrId v : c.module[f].size_vars) sizes += fmt::format(" --size {}=…", c.module.strings[v]);
  Diagnostic d{.kind = &find_kind<kPipelineErrors>("recursion-open"),
               .message = fmt::format("`{}` calls itself at other sizes, so what it is depends on numbers that are not known here", c.module[g].name),
               .span = c.module[g].loc.span};
  if (g != f) d.label(c.module[f].loc.span, "it is called from here");
  return as_error(d.help(fmt::format("give the sizes: `dlc compile FILE{}`", sizes)));
}

Result<Native> Native::compile(const Compilation& c, FuncId f, const CompileOptions& options) {
  if (c.recurs(f)) return open_recursion(c, f);
  if (c.module[f].size_vars.size() > kMaxSizeVariables)
    return Error{fmt::format("`{}` has more than {} size variables", c.module[f].name, kMaxSizeVariables)};
  const Entry entry{"f", f};
  auto code = jit(c.module, std::span(&entry, 1), options);
  if (!code) return code.error();
  return Native(c, f, std::move(*code));
}

namespace {

/// Appends a cell for each leaf of an argument.
void add_input(const InterpValue<double>& v, const std::function<void*(size_t)>& add) {
  for (const InterpValue<double>& field : v.fields) add_input(field, add);
  const auto n = static_cast<size_t>(v.count());
  switch (v.dtype) {
    case DType::f64: copy_to<double>(add(8 * n), v.floats); break;
    case DType::f32: copy_to<float>(add(4 * n), v.floats); break;
    case DType::i64: case DType::key: copy_to<int64_t>(add(8 * n), v.ints); break;
    case DType::b1: copy_to<uint8_t>(add(n), v.ints); break;
    default: break;
  }
}

}  // namespace

Result<bool> Native::prepare(Cells& cells, std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& given) const {
  const Module& m = compilation_->module;
  const Func& f = m[func_];
  std::vector<Shape> shapes;
  for (const InterpValue<double>& a : args) shapes.push_back(shape_of(a));
  auto sizes = bind_sizes(m, f, shapes, given);
  if (!sizes) return sizes.error();
  cells.sizes = std::move(*sizes);
  std::vector<int64_t> in_order;
  for (StrId name : f.size_vars) {
    in_order.push_back(cells.sizes.at(name));
    std::memcpy(cells.add(8), &in_order.back(), 8);
  }
  for (const InterpValue<double>& a : args) add_input(a, [&](size_t bytes) { return cells.add(bytes); });

  std::optional<Error> error;
  const std::function<void(TypeId)> add_output = [&](TypeId id) {
    const Type type = m.types[id];
    for (const Field& field : type.fields) add_output(field.type);
    if (type.is_tuple() || error) return;
    std::vector<int64_t> dims;
    for (DimId d : type.dims) {
      const auto n = m.types.dims.evaluate(d, cells.sizes);
      if (!n || *n < 0) {
        Diagnostic negative{.kind = n ? &size_error("negative-size") : &size_error("size-too-large"), .span = f.loc.span};
        negative.message = fmt::format("the size {} of the result is {}", m.types.dims.text(d), n ? fmt::to_string(*n) : "no number");
        error = as_error(std::move(negative));
        return;
      }
      dims.push_back(*n);
    }
    const auto bytes = bytes_of(dims, type.dtype);
    if (!bytes) error = too_large(f, "the result is too large for the memory");
    else cells.outputs.push_back(cells.add(*bytes));
  };
  add_output(f.result_type());
  if (error) return *error;
  cells.workspace = workspace_bytes(code_.workspace("f"), in_order);
  cells.pointers.push_back(nullptr);
  return true;
}

Result<bool> Native::invoke(Cells& cells) const {
  void* workspace = cells.workspace > 0 ? thread_workspace(cells.workspace) : nullptr;
  if (cells.workspace > 0 && !workspace)
    return too_large(compilation_->module[func_], fmt::format("there are no {} bytes of memory for the workspace", cells.workspace));
  cells.pointers.back() = workspace;
  CallContext context;
  auto* packed = reinterpret_cast<int32_t (*)(const dlc_ctx*, void* const*)>(code_.packed("f"));
  const int32_t code = packed(&context.ctx, cells.pointers.data());
  if (code == DLC_OK) return true;
  context.error.code = code;
  return failure(context.error, cells);
}

Error Native::failure(const dlc_error& error, const Cells& cells) const {
  const auto sites = code_.sites();
  if (error.site < 0 || static_cast<size_t>(error.site) >= sites.size()) return Error{run_time_error_text(error)};
  const CodeSite& site = sites[static_cast<size_t>(error.site)];
  const Module& m = compilation_->module;
  // The sizes of a callee are known to its caller only.
  return as_error(site.func == func_ ? failed_check(m, m[func_], site.check, error.value, cells.sizes)
                                     : failed_check(site.check, error.value, error.extent));
}

InterpValue<double> Native::collect(const Cells& cells, TypeId id, size_t& leaf, const std::map<StrId, int64_t>& sizes) const {
  const Module& m = compilation_->module;
  const Type type = m.types[id];
  InterpValue<double> v;
  v.dtype = type.dtype;
  for (const Field& field : type.fields) v.fields.push_back(collect(cells, field.type, leaf, sizes));
  if (type.is_tuple()) return v;
  for (DimId d : type.dims) v.dims.push_back(*m.types.dims.evaluate(d, sizes));
  const auto n = static_cast<size_t>(v.count());
  const void* memory = cells.outputs[leaf++];
  switch (v.dtype) {
    case DType::f64: copy_from<double>(memory, n, v.floats); break;
    case DType::f32: copy_from<float>(memory, n, v.floats); break;
    case DType::i64: case DType::key: copy_from<int64_t>(memory, n, v.ints); break;
    case DType::b1: copy_from<uint8_t>(memory, n, v.ints); break;
    default: break;
  }
  return v;
}

Result<InterpValue<double>> Native::call(std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& given) const {
  Cells cells;
  if (auto ready = prepare(cells, args, given); !ready) return ready.error();
  if (auto done = invoke(cells); !done) return done.error();
  size_t leaf = 0;
  return collect(cells, compilation_->module[func_].result_type(), leaf, cells.sizes);
}

Result<int64_t> Native::workspace(std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& given) const {
  Cells cells;
  if (auto ready = prepare(cells, args, given); !ready) return ready.error();
  return cells.workspace;
}

Result<CallTime> Native::time(std::span<const InterpValue<double>> args, int64_t n, const std::map<StrId, int64_t>& given) const {
  using Nanoseconds = std::chrono::duration<double, std::nano>;
  constexpr double kBatch = 10e3;       // nanoseconds: reading the clock takes some 30
  constexpr int64_t kFewestBatches = 11;  // so that a median is one
  Cells cells;
  if (auto ready = prepare(cells, args, given); !ready) return ready.error();
  if (auto done = invoke(cells); !done) return done.error();
  std::vector<double> times;
  int64_t calls = 1;
  for (int64_t left = n; left > 0;) {
    calls = std::min(calls, left);
    const auto start = std::chrono::steady_clock::now();
    for (int64_t k = 0; k < calls; ++k)
      if (auto done = invoke(cells); !done) return done.error();
    const double spent = Nanoseconds(std::chrono::steady_clock::now() - start).count();
    left -= calls;
    if (spent < kBatch && calls < n / kFewestBatches) {  // too short to tell from the clock: start again with more at once
      const double more = std::clamp(kBatch / std::max(spent, 1.0), 2.0, 100.0);
      calls = std::min(static_cast<int64_t>(static_cast<double>(calls) * more), n / kFewestBatches);
      times.clear(), left = n;
      continue;
    }
    times.push_back(spent / static_cast<double>(calls));
  }
  const auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return CallTime{*middle, *std::min_element(times.begin(), times.end())};
}

}  // namespace dlc
