// From loop trees to LLVM IR. ModuleEmitter owns what functions share; FunctionEmitter emits one function.
//
// One emitter serves scalars and vectors: an element is evaluated at a `Point`, a position in index space whose
// `width` says how many consecutive iterations of the lane loop are computed at once. Positions are affine in the loop
// variables with integer coefficients, so it is known while emitting whether a load is one vector (stride 1), one
// scalar (stride 0) or a gather.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "codegen/cpu/primitives.h"
#include "codegen/train_step.h"
#include "passes/loop_tree.h"

namespace dlc::cpu {

/// Where an error is reported from: the index is the `site` of dlc_error.
struct ErrorSite {
  FuncId func;
  SizeCheck check;
};

struct EmitOptions {
  int vector_bits = 512;  // lanes of one innermost iteration; a power of two from 128 to 512
};

/// What callers of an emitted function need to know.
struct EmittedFunction {
  llvm::Function* body = nullptr;
  llvm::Function* workspace = nullptr;  // int64_t (sizes…)
  llvm::Function* direct = nullptr;     // T (T…), when all is scalar and nothing can fail; else null
  bool can_fail = false;
  bool needs_workspace = false;
};

class ModuleEmitter {
 public:
  ModuleEmitter(const Module& m, llvm::Module& out, EmitOptions options) : m_(m), out_(out), options_(options), primitives_(out) {}

  /// Emits `f` (callees first) once; exported entry points are added by `export_entry`.
  const EmittedFunction& emit(FuncId f);
  void export_entry(const std::string& symbol, FuncId f);
  void export_step(const TrainStep& step);  // train_step.cpp
  std::vector<ErrorSite> take_sites() { return std::move(sites_); }

  const Module& module() const { return m_; }
  llvm::Module& out() { return out_; }
  llvm::LLVMContext& context() { return out_.getContext(); }
  const EmitOptions& options() const { return options_; }
  Primitives& primitives() { return primitives_; }
  int32_t add_site(ErrorSite site);
  /// int32_t fail(ctx, code, site, value, extent): fills in the error slot, returns the code.
  llvm::Function* fail_function();
  /// 64 zero bytes: what a guarded read outside its array reads.
  llvm::GlobalVariable* zeros();

 private:
  const Module& m_;
  llvm::Module& out_;
  EmitOptions options_;
  Primitives primitives_;
  std::map<FuncId, EmittedFunction> functions_;
  std::vector<ErrorSite> sites_;
  llvm::Function* fail_ = nullptr;
  llvm::GlobalVariable* zeros_ = nullptr;
};

/// Affine in the loop variables: Σ loop[k]·variable k + constant + Σ coefficient·size.
struct Index {
  std::vector<int64_t> loop;
  int64_t constant = 0;
  std::vector<std::pair<DimId, int64_t>> sizes;  // sorted by id

  void add(const Index& other, int64_t scale);
  void add_size(const Module& m, DimId d, int64_t scale);
};

/// Where an element is evaluated.
struct Point {
  std::vector<Index> at;               // per axis
  int width = 1;                       // lanes
  llvm::Value* guard = nullptr;        // i1: reads only happen where it holds (null: they do)
  llvm::Value* mask = nullptr;         // <width x i1>: likewise per lane; the tail of a loop, or guards that vary
  bool mask_varies = false;            // the mask may be all false
};

class FunctionEmitter {
 public:
  FunctionEmitter(ModuleEmitter& module, LoopProgram program);
  EmittedFunction emit(const std::string& name);

 private:
  using Values = std::vector<llvm::Value*>;
  using Body = std::function<void()>;

  // ---- function.cpp: one LLVM function, its sizes, workspace and steps
  struct Scope {  // of one LLVM function; chunks of straight-line code have their own
    llvm::Function* function = nullptr;
    llvm::Instruction* entry_end = nullptr;  // sizes and allocas are emitted before it
    Values registers;                        // by leaf
    Values bases;                            // by buffer
    Values sizes;                            // by size variable
    std::unordered_map<int32_t, llvm::Value*> dims;
    llvm::Value* ctx = nullptr;
    llvm::Value* workspace = nullptr;
    bool is_chunk = false;
  };
  void begin_function(llvm::Function* f);
  llvm::Function* declare_body(const std::string& name);
  void emit_body(llvm::Function* direct);
  llvm::Function* emit_workspace_function(const std::string& name);
  llvm::Function* emit_direct(const std::string& name);
  bool is_direct() const;
  bool needs_workspace() const;
  void bind_body_arguments();
  void check_sizes();
  void check_sizes_of(const Block& block, bool is_branch);
  void check_size(DimId d, Loc loc);
  bool is_checked_size(DimId d) const;
  void fail_if(llvm::Value* condition, int code, int32_t site, llvm::Value* value, llvm::Value* extent);
  void place_workspace();
  llvm::Value* slot_bytes(const Slot& slot);
  llvm::Value* constant(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  llvm::Value* dim(DimId d);
  llvm::Value* size_variable(StrId name);
  llvm::Value* extent(DimId d);
  llvm::Value* dim_product(const std::vector<DimId>& dims);
  void steps(const std::vector<Step>& list);
  void scalars(const Step& step);
  void call(const Step& step);
  struct Grown {
    llvm::Value *memory = nullptr, *bytes = nullptr, *function = nullptr;
    llvm::FunctionType* type = nullptr;
  };
  Grown grow(const Step& step, const Values& sizes, llvm::Function* workspace);
  Values call_arguments(const Step& step);
  void compute_scalar(ValueId v);
  llvm::Value* scalar(int32_t leaf);
  llvm::Value* base(int32_t buffer);
  llvm::Value* to_memory(llvm::Value* v);            // a bool as a byte
  llvm::Value* from_memory(llvm::Value* v, DType dtype);

  // ---- control.cpp
  void branch(const Step& step);
  void loop_step(const Step& step);
  void while_loop(const Step& step, const std::vector<size_t>& scalars, Values& carried);
  std::vector<size_t> carried_scalars(const Step& step) const;
  void set_carried(const std::vector<size_t>& scalars, BlockId block, size_t n_own, const Values& values);
  Values results_of(BlockId block, const std::vector<size_t>& scalars);
  bool may_fail(const std::vector<Step>& list) const;

  // ---- subscripts.cpp
  struct Spot {
    llvm::Value* row = nullptr;
    llvm::Value* inside = nullptr;  // null: it is
  };
  Spot spot(ValueId v, int first, const Point& p);
  ValueId read_through(ValueId v) const;
  llvm::Value* view_stride(ValueId view, int r);
  std::vector<Index> through_view(ValueId view, int n, const std::vector<Index>& rest, llvm::Value*& inside);
  void check_subscript(ValueId v, DimId axis, llvm::Value* at, llvm::Value* inside, const Point& p);
  std::vector<DimId> row_dims(ValueId v, int first) const;
  llvm::Value* row_pointer(int32_t buffer, llvm::Value* row, const std::vector<DimId>& dims);
  void prepare_rows(const Step& step);
  llvm::Value* gather(int32_t leaf, const Point& p);
  void store_step(const Step& step);

  // ---- chunks.cpp: straight-line code too long for one LLVM function
  struct Chunk {
    Scope scope;
    llvm::Instruction* end = nullptr;     // its return
    llvm::CallInst* last_call = nullptr;  // of the parent's calls of this run's chunks
  };
  struct Frame {
    llvm::Value* pointer = nullptr;
    std::map<std::pair<char, int32_t>, int32_t> slots;  // 'r' register of a leaf, 'b' base of a buffer, 's' size variable
    std::vector<Chunk> chunks;
    std::unordered_map<int32_t, size_t> maker;          // leaf → chunk
    Scope* parent = nullptr;
    Builder::InsertPoint before;                        // in the parent: where it stores what chunks read
    std::set<std::pair<char, int32_t>> given;           // what it stores there
  };
  bool is_chunked(const Step& step) const;
  bool has_chunks(const std::vector<Step>& list) const;
  void chunked_scalars(const Step& step);
  llvm::Value* frame_slot(Builder& b, llvm::Value* frame, std::pair<char, int32_t> key);
  llvm::Value* from_frame(std::pair<char, int32_t> key, llvm::Type* type);
  llvm::Value* chunk_register(int32_t leaf);
  llvm::Value* chunk_base(int32_t buffer);
  void place_frame();

  // ---- elements.cpp
  static std::vector<int64_t> memo_key(int32_t leaf, const Point& p);
  llvm::Value* element(int32_t leaf, const Point& p);
  llvm::Value* expression(int32_t leaf, const Point& p);
  llvm::Value* read_view(int32_t leaf, const Point& p);
  bool is_uniform(const Point& p) const;
  llvm::Value* index_value(const Index& i, int width);
  llvm::Value* uniform_part(const Index& i, bool with_lane);
  bool is_inside(const Index& i, DimId extent) const;
  llvm::Value* splat(llvm::Value* v, int width);
  llvm::Value* lane_numbers(int width, unsigned bits = 64);
  struct Address {
    llvm::Value* pointer = nullptr;  // of lane 0
    llvm::Value* stride = nullptr;   // elements from lane to lane (i64; null at width 1)
  };
  /// `origin`: the first element, where that is not the buffer's.
  Address address(int32_t buffer, const std::vector<DimId>& dims, const Point& p, llvm::Value* origin = nullptr);
  llvm::Value* load(int32_t buffer, const std::vector<DimId>& dims, const Point& p, llvm::Value* origin = nullptr);
  void store(int32_t buffer, const std::vector<DimId>& dims, const Point& p, llvm::Value* value, llvm::Value* origin = nullptr);
  llvm::Value* load_vector(llvm::Type* memory, const Address& a, llvm::Value* mask, int width);
  llvm::Type* memory_type(DType dtype);
  Point here(size_t first, size_t count, int width, llvm::Value* mask);

  // ---- loops.cpp
  using Axes = std::vector<size_t>;
  void loop(llvm::Value* begin, llvm::Value* end, int64_t step, Values& carried, const std::function<void(llvm::Value*)>& body);
  void when(llvm::Value* condition, Values& carried, const Body& body);
  void over(const Axes& axes, Values& carried, const Body& body, size_t from = 0);
  void over_lanes(size_t axis, int width, Values& carried, const std::function<void(llvm::Value* mask)>& body);
  void set_loops(const std::vector<DimId>& extents);
  static Axes range(size_t first, size_t last);
  bool is_one(size_t axis) const;
  int lane_width(DType widest, size_t axis) const;
  void with_lanes(const Axes& axes, DType widest, const std::function<void(int width, llvm::Value* mask)>& body);
  void elements(const Step& step);
  bool is_flat(const Step& step) const;
  void evaluate_targets(const Step& step, int width, llvm::Value* mask);

  // ---- reductions.cpp
  void reduce(const Step& step);
  void sum_lanes(const Step& step);
  void reduce_columns(const Step& step);
  void arg_extreme(const Step& step);
  Point operand_point(const Step& step, int width, llvm::Value* mask);
  llvm::Value* add(llvm::Value* a, llvm::Value* b);
  llvm::Value* add_halves(llvm::Value* partials);
  void finish(const Target& t, llvm::Value* value, int width, llvm::Value* mask);
  llvm::Value* is_empty(const std::vector<DimId>& dims);
  void cumsum(const Step& step);
  void scatter(const Step& step);

  // ---- matmul.cpp
  struct Operand {
    int32_t buffer = -1;
    llvm::Value* pointer = nullptr;        // of element 0
    llvm::Value* stride[3] = {};           // of its groups: batch, M or K, K or N
  };
  struct Product {
    Operand a, b;
    llvm::Value* out = nullptr;
    llvm::Value *batch, *m, *n, *k;        // extents
    DType dtype;
  };
  Operand matmul_operand(ValueId v, int first, int second, int third);
  void matmul(const Step& step);
  void matmul_columns(const Product& p, llvm::Value* a, llvm::Value* b, llvm::Value* out);
  void matmul_panel(const Product& p, llvm::Value* a, llvm::Value* b, llvm::Value* out, int vectors, int width, llvm::Value* mask);
  void matmul_block(const Product& p, llvm::Value* a, llvm::Value* b, llvm::Value* out, int rows, int vectors, int width,
                    llvm::Value* mask);
  llvm::Value* multiply_add(llvm::Value* x, llvm::Value* y, llvm::Value* sum);
  void matmul_dots(const Step& step, const Product& p);

  static size_t index(ValueId v) { return static_cast<size_t>(v.i); }
  const LoopLeaf& leaf(int32_t l) const { return p_.leaves[static_cast<size_t>(l)]; }
  const Type& type_of(int32_t l) const { return m_.types[leaf(l).type]; }
  int32_t only_leaf(ValueId v) const { return p_.leaves_of[index(v)][0]; }
  const Buffer& buffer(int32_t b) const { return p_.buffers[static_cast<size_t>(b)]; }

  ModuleEmitter& module_;
  const Module& m_;
  const Func& f_;
  LoopProgram p_;
  llvm::LLVMContext& context_;
  Builder b_, entry_;
  Scope s_;
  std::vector<DimId> checked_sizes_;  // where we are
  bool can_fail_ = false;

  // The loops around the code being emitted.
  Values variables_, counts_;
  std::vector<DimId> extents_;
  int lane_ = -1;      // which of them runs over lanes; −1: none
  bool flat_ = false;  // one loop over all elements of dense arrays
  std::map<std::vector<int64_t>, llvm::Value*> memo_;
  std::map<int32_t, Spot> rows_;  // of `index` leaves with scalar subscripts, in the step being emitted

  Values scalar_outputs_, slots_;  // of the body: where scalar results go, where workspace slots begin
  Frame frame_;
};

}  // namespace dlc::cpu
