// One training step as one native function: forward, reverse and update of a window of examples.
//
//   int32_t NAME(const dlc_ctx*, int64_t n, const int64_t* rows, const void* const* fields, int64_t key, const double* scales,
//                const double* hyper, const T* state, T* new_state, double* losses, void* workspace)
//   int64_t NAME_ws(int64_t n)                    bytes of workspace for windows of n examples, to be aligned to 64
//
// n examples, the `rows` of the tables in `fields` (row-major, one table a field of the data; row r begins at element
// r·stride, so rows may overlap). Where a model is trained on several data, each loss takes its own, and instead of n stands
// `const int64_t* n`, one number for each; `rows` has the first's rows, then the second's, … `state` is w, then the
// optimizer's moments, each `state_length` elements of the model's float T, then the model's states, `states_length`; it is
// read, and `new_state`, another buffer, is written. losses[0] = Σ scales·loss over the window, losses[1] = the regulariser.
// `hyper`: what changes from step to step (learning rate, bias corrections), `scales`: one a loss, 1/n for a mean.
//
// The gradient is added up in blocks of kBlockRows examples, each from zero, in order. So it is the same to the last bit
// whichever way a window was cut into micro-batches (of whole blocks), and on any number of threads. Where an example's loss
// depends on its batch a block is a micro-batch, and all of them read the states as they were before the step; the new
// states are the mean of what the blocks gave, each as heavy as it has examples.
//
// A model with at least kParallelFrom parameters gives ctx->parallel_for kWave blocks at a time, each with a gradient of its
// own, and adds them up afterwards, element by element in the order of the blocks.
#pragma once
#include <string>
#include <vector>

#include "ir/module.h"

namespace dlc {

inline constexpr int64_t kBlockRows = 16;
/// Parts of the state begin at multiples of this many elements; what is between them is zero and stays so.
inline constexpr int64_t kStateAlign = 16;

/// A block of that many parameters is 16 · 6 · 2^14 flops at least, about 0.1 ms: waking a thread costs a tenth of it.
inline constexpr int64_t kParallelFrom = int64_t{1} << 14;
/// Blocks that are computed at a time, where a step is parallel.
inline constexpr int64_t kWave = 8;

struct TrainStep {
  std::string symbol;
  DType dtype = DType::f64;
  /// One of the data: what runs over its rows.
  struct Data {
    /// value_and_grad of block[n](params, [states], [key, first], fields…, scales…) by params: → (loss, gradient), or with
    /// updates ((loss, new states…), gradient).
    FuncId block;
    std::vector<int> fields, scales;  // that it takes, by position
    std::vector<int> updated;         // states that it gives new values of, by position, in its order; each is one data's
  };
  std::vector<Data> data;
  bool draws = false;
  /// value_and_grad of regulariser(params); absent: none.
  FuncId regulariser;
  /// update[p](w, g, moments…, hyper…) → (w, moments…)
  FuncId update;
  std::vector<std::string> moments, hyper, scales;  // names, in order
  struct Leaf {                // of params, in order
    std::string name;
    std::vector<int64_t> shape;  // empty: a scalar
    int64_t offset = 0;          // in elements
    int64_t count() const {
      int64_t n = 1;
      for (int64_t d : shape) n *= d;
      return n;
    }
  };
  struct Field {  // a table of the data, [rows, shape…]
    std::string name;
    DType dtype = DType::f64;
    std::vector<int64_t> shape;  // of a row; empty: a number
    int64_t stride = 1;          // elements from a row to the next; the width, where rows do not overlap
    int64_t width() const {
      int64_t n = 1;
      for (int64_t d : shape) n *= d;
      return n;
    }
    int64_t row_bytes() const { return width() * dtype_bytes(dtype); }
    int64_t stride_bytes() const { return stride * dtype_bytes(dtype); }
  };
  std::vector<Leaf> leaves, states;
  int64_t state_length = 0;           // of one part, a multiple of kStateAlign
  int64_t states_length = 0;          // of the states, a multiple of kStateAlign
  int64_t states_at() const { return static_cast<int64_t>(1 + moments.size()) * state_length; }
  int64_t total_length() const { return states_at() + states_length; }
  std::vector<Field> fields;
  int64_t block_rows = kBlockRows;    // 0: the whole window
  /// What the step calls; the regulariser is absent without one.
  std::vector<FuncId> functions() const {
    std::vector<FuncId> all{regulariser, update};
    for (const Data& d : data) all.push_back(d.block);
    return all;
  }
  bool is_parallel() const { return state_length >= kParallelFrom; }
};

}  // namespace dlc
