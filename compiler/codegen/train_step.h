// One training step as one native function: forward, reverse and update of a window of examples.
//
//   int32_t NAME(const dlc_ctx*, int64_t n, const int64_t* rows, const void* const* fields, int64_t key, const double* scales,
//                const double* hyper, const T* state, T* new_state, double* losses, void* workspace)
//   int64_t NAME_ws(void)                         bytes of workspace, to be aligned to 64
//
// n examples, the `rows` of the tables in `fields` (row-major, one table a field of the data). `state` is w, then the
// optimizer's moments, each `state_length` elements of the model's float T; it is read, and `new_state`, another buffer, is
// written. losses[0] = Σ scales·loss over the window, losses[1] = the regulariser. `hyper`: what changes from step to step
// (learning rate, bias corrections), `scales`: one a loss, 1/n for a mean.
//
// The gradient is added up in blocks of kBlockRows examples, each from zero, in order. So it is the same to the last bit
// whichever way a window was cut into micro-batches (of whole blocks), and on any number of threads.
#pragma once
#include <string>
#include <vector>

#include "ir/module.h"

namespace dlc {

inline constexpr int64_t kBlockRows = 16;
/// Parts of the state begin at multiples of this many elements; what is between them is zero and stays so.
inline constexpr int64_t kStateAlign = 16;

struct TrainStep {
  std::string symbol;
  DType dtype = DType::f64;
  /// value_and_grad of block[n](params, [key, first], fields…, scales…) by params: → (loss, gradient).
  FuncId block;
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
  struct Field {  // a table of the data, [rows, width] or [rows]
    std::string name;
    DType dtype = DType::f64;
    int64_t width = 1;
    int64_t row_bytes() const { return width * dtype_bytes(dtype); }
  };
  std::vector<Leaf> leaves;
  int64_t state_length = 0;           // of one part, a multiple of kStateAlign
  std::vector<Field> fields;
  int64_t block_rows = kBlockRows;
};

}  // namespace dlc
