// The array ops on values: what ops/array.h says, as plain loops. `out` arrives with its dtype and dims set and its
// elements zero. Slow and obvious on purpose: native code is compared with this.
#pragma once
#include <algorithm>
#include <array>
#include <limits>

#include "interp/number.h"
#include "ops/array.h"

namespace dlc::interp {

/// Copies `n` elements of any dtype.
template <class T>
void copy_elements(InterpValue<T>& out, int64_t to, const InterpValue<T>& x, int64_t from, int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    if (is_float(x.dtype))
      out.floats[static_cast<size_t>(to + k)] = x.floats[static_cast<size_t>(from + k)];
    else
      out.ints[static_cast<size_t>(to + k)] = x.ints[static_cast<size_t>(from + k)];
  }
}

/// `out` becomes part `index` of `whole`, whose leaves have the leaves of `out` behind further axes.
template <class T>
void copy_row(InterpValue<T>& whole, int64_t index, const InterpValue<T>& row) {
  for (size_t k = 0; k < row.fields.size(); ++k) copy_row(whole.fields[k], index, row.fields[k]);
  if (row.dtype != DType::tuple) copy_elements(whole, index * row.count(), row, 0, row.count());
}

/// 16 partial sums to one: 8 + 8, 4 + 4, 2 + 2, 1 + 1.
template <class N>
N add_halves(std::array<N, kSumLanes> p) {
  for (size_t half = kSumLanes / 2; half >= 1; half /= 2)
    for (size_t k = 0; k < half; ++k) p[k] = p[k] + p[k + half];
  return p[0];
}

/// The positions of a reduction: element r of output k is x[kept[k] + reduced[r]].
struct ReductionBox {
  std::vector<int64_t> kept, reduced;
  bool is_last_reduced = false;
  int64_t last_extent = 1;  // of the last reduced axis
};

inline ReductionBox reduction_box(const std::vector<int64_t>& dims, const std::vector<int64_t>& axes) {
  const std::vector<int64_t> strides = row_major_strides(dims);
  std::vector<int64_t> dims_of[2], strides_of[2];
  ReductionBox box;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const size_t is_reduced = std::find(axes.begin(), axes.end(), static_cast<int64_t>(axis)) != axes.end();
    dims_of[is_reduced].push_back(dims[axis]);
    strides_of[is_reduced].push_back(strides[axis]);
    if (is_reduced) box.last_extent = dims[axis], box.is_last_reduced = axis + 1 == dims.size();
  }
  box.kept = box_positions(dims_of[0], strides_of[0]);
  box.reduced = box_positions(dims_of[1], strides_of[1]);
  return box;
}

template <class T>
void sum(const InterpValue<T>& x, const std::vector<int64_t>& axes, InterpValue<T>& out) {
  const ReductionBox box = reduction_box(x.dims, axes);
  if (box.reduced.empty()) return;  // an empty sum is +0
  in_arithmetic_of<T>(x.dtype, [&](auto n) {
    using N = decltype(n);
    for (size_t k = 0; k < box.kept.size(); ++k) {
      std::array<N, kSumLanes> partial;
      partial.fill(minus_zero<N>());
      for (size_t r = 0; r < box.reduced.size(); ++r) {
        const size_t lane = box.is_last_reduced ? r % static_cast<size_t>(box.last_extent) % kSumLanes : 0;
        partial[lane] = partial[lane] + load<N>(x, box.kept[k] + box.reduced[r]);
      }
      store(out, static_cast<int64_t>(k), box.is_last_reduced ? add_halves(partial) : partial[0]);
    }
  });
}

/// a[B…, M…, K…] · b[B…, K…, N…].
template <class T>
void matmul(const InterpValue<T>& a, const InterpValue<T>& b, MatmulRanks ranks, InterpValue<T>& out) {
  const std::vector<int64_t> sa = row_major_strides(a.dims), sb = row_major_strides(b.dims);
  const auto positions = [](const std::vector<int64_t>& dims, const std::vector<int64_t>& strides, int begin, int n) {
    return box_positions(part(dims, begin, n), part(strides, begin, n));
  };
  const auto a_batch = positions(a.dims, sa, 0, ranks.batch), b_batch = positions(b.dims, sb, 0, ranks.batch);
  const auto a_rows = positions(a.dims, sa, ranks.batch, ranks.m),
             a_inner = positions(a.dims, sa, ranks.batch + ranks.m, ranks.k);
  const auto b_inner = positions(b.dims, sb, ranks.batch, ranks.k),
             b_columns = positions(b.dims, sb, ranks.batch + ranks.k, ranks.n);
  if (a_inner.empty()) return;  // an empty inner size gives +0
  const bool has_lanes = ranks.n == 0;
  const size_t last_extent = ranks.k > 0 ? static_cast<size_t>(a.dims.back()) : 1;
  in_arithmetic_of<T>(a.dtype, [&](auto n) {
    using N = decltype(n);
    int64_t at = 0;
    for (size_t batch = 0; batch < a_batch.size(); ++batch)
      for (int64_t row : a_rows)
        for (int64_t column : b_columns) {
          std::array<N, kSumLanes> partial;
          partial.fill(minus_zero<N>());
          for (size_t k = 0; k < a_inner.size(); ++k) {
            const size_t lane = has_lanes ? k % last_extent % kSumLanes : 0;
            partial[lane] = multiply_add(load<N>(a, a_batch[batch] + row + a_inner[k]),
                                         load<N>(b, b_batch[batch] + b_inner[k] + column), partial[lane]);
          }
          store(out, at++, has_lanes ? add_halves(partial) : partial[0]);
        }
  });
}

template <class T>
void cumsum(const InterpValue<T>& x, int64_t axis, bool is_reverse, InterpValue<T>& out) {
  const ReductionBox box = reduction_box(x.dims, {axis});
  in_arithmetic_of<T>(x.dtype, [&](auto n) {
    using N = decltype(n);
    for (int64_t line : box.kept) {
      N total = minus_zero<N>();
      for (size_t i = 0; i < box.reduced.size(); ++i) {
        const int64_t at = line + box.reduced[is_reverse ? box.reduced.size() - 1 - i : i];
        total = total + load<N>(x, at);
        store(out, at, total);
      }
    }
  });
}

inline bool is_before(double a, double b) { return a < b; }
inline bool is_before(const Big& a, const Big& b) { return a < b; }
inline bool is_before(const Scaled& a, const Scaled& b) { return a.value < b.value; }
inline bool is_before(const std::complex<double>& a, const std::complex<double>& b) { return a.real() < b.real(); }

/// The position of the first extreme, by strict comparison from ∓inf: a nan is never one.
template <class T>
void arg_extreme(const InterpValue<T>& x, int64_t axis, bool is_max, InterpValue<T>& out) {
  const ReductionBox box = reduction_box(x.dims, {axis});
  const T worst(is_max ? -HUGE_VAL : HUGE_VAL);
  const int64_t worst_int = is_max ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  for (size_t k = 0; k < box.kept.size(); ++k) {
    T best = worst;
    int64_t best_int = worst_int;
    for (size_t r = 0; r < box.reduced.size(); ++r) {
      const auto at = static_cast<size_t>(box.kept[k] + box.reduced[r]);
      bool is_better;
      if (is_float(x.dtype)) {
        is_better = is_max ? is_before(best, x.floats[at]) : is_before(x.floats[at], best);
        if (is_better) best = x.floats[at];
      } else {
        is_better = is_max ? best_int < x.ints[at] : x.ints[at] < best_int;
        if (is_better) best_int = x.ints[at];
      }
      if (is_better) out.ints[k] = static_cast<int64_t>(r);
    }
  }
}

/// A view's map with numbers for its offsets.
struct IndexMap {
  std::vector<int64_t> dims, offsets, coefficients;

  /// The position in an array of sizes `source` that index `j` reads; -1 when it leaves the array, then at `bad_axis`
  /// it reads `bad_index`. Saturates: an index that overflows has left the array.
  int64_t position(const std::vector<int64_t>& j, const std::vector<int64_t>& source, size_t& bad_axis,
                   int64_t& bad_index) const {
    int64_t at = 0;
    for (size_t s = 0; s < source.size(); ++s) {
      __int128 index = offsets[s];
      for (size_t r = 0; r < j.size(); ++r) index += static_cast<__int128>(coefficients[s * j.size() + r]) * j[r];
      if (index < 0 || index >= source[s]) {
        constexpr __int128 kLow = std::numeric_limits<int64_t>::min(), kHigh = std::numeric_limits<int64_t>::max();
        bad_axis = s, bad_index = static_cast<int64_t>(std::clamp(index, kLow, kHigh));
        return -1;
      }
      at = at * source[s] + static_cast<int64_t>(index);
    }
    return at;
  }
};

/// The index after `j` in row-major order; false, and all zeros, after the last.
inline bool next_index(const std::vector<int64_t>& dims, std::vector<int64_t>& j) {
  for (size_t axis = dims.size(); axis-- > 0;) {
    if (++j[axis] < dims[axis]) return true;
    j[axis] = 0;
  }
  return false;
}

/// Calls `f(n, j)` for each index of a box in row-major order, n = 0, 1, …; stops when it returns false.
template <class F>
bool for_each_index(const std::vector<int64_t>& dims, F&& f) {
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return true;
  std::vector<int64_t> j(dims.size(), 0);
  int64_t n = 0;
  do {
    if (!f(n++, j)) return false;
  } while (next_index(dims, j));
  return true;
}

}  // namespace dlc::interp
