// The built-in functions that are not scalar: one row each, with its name, arguments, lowering and documentation.
// Scalar ones are rows of the op table; those written in dlc are in compiler/prelude.
#pragma once
#include <span>
#include <string_view>

#include "sema/lowering.h"

namespace dlc::sema {

/// A call of a built-in array function with its arguments lowered, apart from lists of sizes.
struct BuiltinCall {
  const Lowering& lowering;
  const BuiltinRow& row;
  std::span<const Argument> args;  // by position
  const Argument* axis = nullptr;  // `axis = …`
  std::span<const Argument> named; // the others given by name
  const Expr* sizes = nullptr;     // the brackets of `zeros[n, m]()`
  const Expr& call;
  TypeId want;

  /// The argument given by that name, or null.
  const Argument* option(std::string_view name) const;
};

struct BuiltinRow {
  const char* name;
  const char* usage;                      // "sum(x, axis = k)"
  int min_args, max_args;                 // by position; −1: any number
  bool has_axis;
  bool is_reduction;                      // also written `name[i](body)`
  Val (*lower)(Lowering&, const BuiltinCall&);
  const char* doc;
  const char* options = "";               // names that arguments may have beside `axis`: "stride pad"
  const char* vector_form = "";           // parameters of `grad(sum)`, of which nobody says the types: "[n](x: float[n])"
};

// Rows of builtin_layers.cpp.
Val lower_conv2d(Lowering& w, const BuiltinCall& c);
Val lower_pool2d(Lowering& w, const BuiltinCall& c);
Val lower_embedding(Lowering& w, const BuiltinCall& c);
Val lower_solve(Lowering& w, const BuiltinCall& c);
Val lower_triangular_solve(Lowering& w, const BuiltinCall& c);

std::span<const BuiltinRow> builtin_rows();
const BuiltinRow* find_builtin(std::string_view name);
/// Name of a derivative function, `grad`, …, with its kind; nullopt for any other name.
std::optional<DerivativeRequest::Kind> derivative_kind(std::string_view name);

}  // namespace dlc::sema
