// Sizes without the module they came from: how a compiled function finds the values of its size variables from the
// lengths of the arrays it is given, and how long every array must be. Immutable, so any number of threads may ask;
// the module's own size table grows while other functions are being compiled.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/module.h"

namespace dlc {

/// A size polynomial over the function's size variables, by their position.
class FrozenSize {
 public:
  FrozenSize() = default;
  FrozenSize(const DimTable& dims, DimId d, std::span<const StrId> variables);

  /// Nothing on overflow or division by zero.
  std::optional<int64_t> evaluate(std::span<const int64_t> values) const;
  /// x with poly(x) = count, when the polynomial is linear in variable `unknown`; the others' values are known.
  std::optional<int64_t> solve(size_t unknown, int64_t count, std::span<const int64_t> values) const;
  bool mentions(size_t variable) const;
  bool is_linear_in(size_t variable) const;
  bool is_constant() const { return terms_.empty() || (terms_.size() == 1 && terms_[0].factors.empty()); }

 private:
  struct Factor {
    int32_t variable = -1;  // or, when negative, a floor division
    int32_t exponent = 1;
    int32_t numerator = -1, divisor = -1;  // in divisions_
  };
  struct Term {
    int64_t coefficient = 0;
    std::vector<Factor> factors;
  };
  std::vector<Term> terms_;
  std::vector<FrozenSize> divisions_;
};

/// The sizes of the leaves of one function.
class SizePlan {
 public:
  /// `inputs` and `outputs`: the sizes of each leaf.
  SizePlan(Module& m, std::span<const StrId> variables, const std::vector<std::vector<DimId>>& inputs,
           const std::vector<std::vector<DimId>>& outputs);

  /// A size that no input's length tells; empty when all are found.
  const std::string& not_found() const { return not_found_; }
  size_t n_variables() const { return names_.size(); }
  /// The values of the variables, given the numbers of elements of the inputs. −1: an input that does not fit, `bad`.
  bool find(std::span<const int64_t> counts, std::span<int64_t> values, size_t& bad) const;
  /// The number of elements of an input or output; nothing when it overflows or a size is negative.
  std::optional<int64_t> input_count(size_t leaf, std::span<const int64_t> values) const { return count(inputs_[leaf], values); }
  std::optional<int64_t> output_count(size_t leaf, std::span<const int64_t> values) const { return count(outputs_[leaf], values); }
  /// "n = 4, d = 2".
  std::string text(std::span<const int64_t> values) const;

 private:
  struct Leaf {
    std::vector<FrozenSize> dims;
    FrozenSize product;
    bool is_fixed = false;
    int64_t fixed = 1;
  };
  struct Found {
    size_t variable = 0, leaf = 0;  // the variable is solved from the number of elements of the leaf
  };
  static std::optional<int64_t> count(const Leaf& leaf, std::span<const int64_t> values);

  std::vector<std::string> names_;
  std::vector<Leaf> inputs_, outputs_;
  std::vector<Found> order_;
  std::string not_found_;
};

}  // namespace dlc
