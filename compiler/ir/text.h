// The IR as text: print → parse → print is the identity, so any pass can be tested from text. See docs/ir.md.
//
//   func @loss[n](%0 w: f64, %1 x: f64[n]) -> f64 {
//     %2 = view %0 [] : f64[n]
//     %3 = mul %2, %1 : f64[n]
//     %4 = sum %3 {axes = [0]} : f64
//     return %4
//   }
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.h"
#include "ir/module.h"

namespace dlc {

/// Maps op names and rows to each other, for the parts of ir/ that read and print ops without naming any.
struct OpSet {
  OpId (*find)(std::string_view name);
  const Op& (*row)(OpId);
};

/// With `locations`, each instruction ends in a comment: `// net2.dl:8:22, vjp of`. Broken IR prints too, as far as it
/// can.
std::string print(const Module& m, const Func& f, const OpSet& ops, const Sources* locations = nullptr);
std::string print(const Module& m, const OpSet& ops, const Sources* locations = nullptr);
/// The number that `print` and the verifier show for each value (by ValueId); −1: in no block, so not printed.
std::vector<int32_t> print_numbers(const Func& f);

/// Appends the functions of `file` to `m` and verifies them. Hostile text gives diagnostics, never a crash. When only
/// the verifier objects, the functions stay in `m`; after any other error `m` is as before but for interned names.
bool parse_ir(const Sources& sources, FileId file, Module& m, const OpSet& ops, Diagnostics& diagnostics);

}  // namespace dlc
