// Reads IR text for tests, and one text in which every op that has a form of its own occurs.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "ir/text.h"
#include "ir/verify.h"
#include "ops/table.h"

namespace dlc {

inline const OpSet kOps{find_op, op_row};

/// A module read from text, with what was wrong with it.
struct Parsed {
  Sources sources;
  Module module;
  Diagnostics diagnostics;
  bool is_good = false;

  /// "slug: message" of the first error; empty when there is none.
  std::string error() const {
    if (diagnostics.all().empty()) return "";
    const Diagnostic& d = diagnostics.all().front();
    return std::string(d.kind->slug) + ": " + d.message;
  }
  std::string place() const { return diagnostics.all().empty() ? "" : sources.place(diagnostics.all().front().span); }
};

inline std::unique_ptr<Parsed> parse_text(std::string text) {
  auto p = std::make_unique<Parsed>();
  const FileId file = p->sources.add("t.ir", std::move(text));
  p->is_good = parse_ir(p->sources, file, p->module, kOps, p->diagnostics);
  return p;
}

inline constexpr const char* kEveryForm = R"(func @nll.2[n, d](%0 w: f64[d], %1 X: f64[n, d], %2 y: f64[n]) -> f64 {
  check n - 3 >= 0 {extent = n}
  check n*n - div(d, 2) >= 0
  %3 = matmul %1, %0 {batch = 0, m = 1, n = 0, k = 1} : f64[n]
  %4 = sub %3, %2 : f64[n]
  %5 = mul %4, %4 : f64[n]
  %6 = sum %5 {axes = [0]} : f64
  %7 = const 0.5 : f64
  %8 = mul %6, %7 : f64
  return %8
}
func @forms[n](%0 x: f64[n, 3], %1: bool, %2 k: int, %3 p: Point(x: f64, y: (f64, int[n])), %4 b: bool[n]) -> (f64, v: f64[n, 3]) {
  %5 = const -0 : f64
  %6 = const 0.1 : f32
  %7 = const inf : f64
  %8 = const nan : f64
  %9 = const nan(0x7ff8000000000001) : f64
  %10 = const -9223372036854775808 : int
  %11 = const true : bool
  %12 = size 2*n - 1 : int
  %13 = iota : int[n]
  %14 = view %0 [-j1 + n - 1, 2] : f64[4, n]
  %15 = view %5 [] : f64[n, 3]
  %16 = view %0 [2*j0 - 3, j1] guarded : f64[n, 3]
  %17 = view_adjoint %14 [-j1 + n - 1, 2] guarded : f64[n, 3]
  %18 = reshape %0 : f64[3*n]
  %19 = cumsum %18 {axis = 0, reverse = 1} : f64[3*n]
  %20 = prod %0 {axes = [0, 1]} : f64
  %21 = max_over %0 {axes = [1]} : f64[n]
  %22 = min_over %0 {axes = [0]} : f64[3]
  %23 = any %4 {axes = [0]} : bool
  %24 = all %4 {axes = [0]} : bool
  %25 = argmax %0 {axes = [1]} : int[n]
  %26 = argmin %0 {axes = [0]} : int[3]
  %27 = stack %20, %5 : f64[2]
  %28 = get %3.1 : (f64, int[n])
  %29 = call @later[n, 3](%0, %2) : f64[3]
  %30 = map [n, 3] %0, %2 (%31 i: int, %32 j: int, %33: f64[n, 3], %34: int) {
    %35 = index %33, %31, %34 guarded : f64
    %36 = index %33, %31 : f64[3]
    %37 = sum %36 {axes = [0]} : f64
    %38 = gt %35, %37 : bool
    %39 = if %38, %35, %37 (%40: f64, %41: f64) {
      yield %41
    } else (%42: f64, %43: f64) {
      %44 = neg %42 : f64
      yield %44
    } : f64
    yield %39
  } : f64[n, 3]
  %45 = select %1, %20, %5 : f64
  %46 = tuple %45, %30 : (f64, v: f64[n, 3])
  return %46
}
func @later["j0", m](%0: f64["j0", m], %1: int) -> f64[m] {
  %2 = sum %0 {axes = [0]} : f64[m]
  return %2
}
func @"strange \"name\"\x0a"() -> () {
  %0 = tuple : ()
  return %0
}
request @grad[n, d](%0 w: f64[d], %1 X: f64[n, d], %2 y: f64[n]) -> (f64, (w: f64[d])) = grad reverse of @nll.2 wrt [0] list value field 1
request @along[n, d](%0 w: f64[d], %1 X: f64[n, d], %2 y: f64[n], %3 dw: f64[d]) -> f64 = jvp forward of @nll.2 wrt [0, 2] {
  check n - 3 >= 0 {extent = n}
}
export nll = @nll.2
export "grad of it" = @grad
)";

}  // namespace dlc
