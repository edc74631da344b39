// `dlc check`: every mode of differentiation against the others and against 200-bit arithmetic, at sampled points.
//
// The reference is the reverse-mode derivative evaluated by the 200-bit interpreter. Compared with it: the compiled value
// and compiled derivatives of each mode, in ulp of Σ|terms| (pipeline/error_scale.h, each mode in the scale of its own
// terms); differences in 200 bits, which know nothing of the rules; and numeric mode, in units of its own error estimate.
// Besides, ⟨u, J v⟩ = ⟨Jᵀu, v⟩ with compiled forward and reverse mode, and the compiled value must have the very bits of
// the interpreted one. With order 2 the same for the Hessian times a direction.
//
// A derivative by many numbers is compared with differences along one random direction a sample, in which each of them takes
// part: a wrong one changes the slope whatever the direction, but for a set of measure zero. So is forward mode where its
// gradient, with a tangent function for each array, would take LLVM seconds; `notes` says so, and how many numbers numeric mode
// was tried by. The first sample is compared in full, later ones only within the time; what that left out is counted.
//
// Samples on a kink are counted: where the one-sided 200-bit differences disagree, or where differences and derivative do and
// those of some operation disagree (pipeline/slopes.h). There differences prove nothing, but the modes must still agree on the
// convention. A derivative that ends in an error where the value has none is a failure. Left out, and counted, are samples
//   – outside the domain: the value or derivative is not finite, or the value ends in an error;
//   – out of range: a comparison fails there, and a number on the way is too large or too small for its type, which 200
//     bits do not notice (exp(exp(x²)) at 3). What only underflows to a harmless zero fails nothing and is compared;
//   – for order 2, without a second derivative: the gradient has no finite differences to either side, as that of
//     x^y at (0, 1), or the derivative itself is infinite.
// A function whose value contains a derivative in mode numeric is checked to order 1 and without numeric mode: what its
// differences lose to rounding is a multiple of ε/h, and their step depends on x with a kink at |x| = 1.
#pragma once
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/source.h"
#include "pipeline/compilation.h"

namespace dlc {

struct CheckOptions {
  int order = 1;
  uint64_t seed = 0;
  int n_samples = 40;
  double seconds = 10;      // a function, compiling included
  int opt_level = 2;
  std::vector<int> wrt;     // parameters; empty: all float ones
  std::function<void(const std::string& what)> progress;  // called before each piece of work: "f: sample 3 of 40"
};

struct CheckRow {
  std::string what;         // "reverse", "forward, order 2", "⟨u, Jv⟩ = ⟨Jᵀu, v⟩"
  std::string unit;         // "ulp", "of its estimate", "samples differ"
  double worst = 0;
  double limit = 0;         // more is a failure
  int64_t n = 0;            // comparisons
  std::string at;           // the worst one: "d/dx1 at x1 = 1.5, x2 = 0.5"
  Span span;                // … and where in the source its error arises
  std::string error;        // what ended an evaluation, at `at`: "subscript 5 is outside 0..4 [index-out-of-range]"
  bool failed() const { return !(worst <= limit); }
};

struct FunctionCheck {
  std::string function;
  Span span;
  std::string skipped;      // why there is nothing to check; then the rest is empty
  std::string sizes;        // "n = 3, D = 2"
  int n_samples = 0, n_wanted = 0;  // fewer than wanted: left out, or out of time
  int n_without_differences = 0;    // out of time: the modes are compared there with each other and with 200 bits only
  int n_kinks = 0, n_outside = 0, n_out_of_range = 0, n_without_second = 0;
  std::string out_of_range_at;  // the first number too large or small: "`exp(x * x)` = 1e400 at x = 30"
  int n_value_errors = 0;       // of n_outside: the value itself ends in an error
  std::string value_error;      // the first: its place, what it says, and where: "f.dl:2:3: subscript 5 is outside 0..4 [index-out-of-range] at x = 1"
  std::vector<std::string> notes;
  bool is_cut_short = false;  // by the time limit
  double seconds = 0;
  std::vector<CheckRow> rows;
  bool failed() const;
};

/// `f` as the source has it; made ready here. Errors (of the program, of the machine) are in the Result.
Result<FunctionCheck> check_function(Compilation& c, FuncId f, const CheckOptions& options);

std::string check_text(const FunctionCheck& check, const Sources& sources);
nlohmann::ordered_json check_json(const FunctionCheck& check, const Sources& sources);
/// Of a check without samples.
std::string why_nothing_is_left(const FunctionCheck& check);
/// Adds error `modes-disagree` or `derivative-fails` for the worst failed row.
void report_failure(const FunctionCheck& check, Diagnostics& diagnostics);

}  // namespace dlc
