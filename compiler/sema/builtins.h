// The built-in functions that are not scalar: one row each, with its name, arguments, lowering and documentation.
// Scalar ones are rows of the op table; those written in dlc are in compiler/prelude.
#pragma once
#include <span>
#include <string_view>

#include "sema/lowering.h"

namespace dlc::sema {

/// A call of a built-in array function with its arguments lowered, apart from lists of sizes.
struct BuiltinCall {
  const BuiltinRow& row;
  std::span<const Argument> args;  // by position
  const Argument* axis = nullptr;  // `axis = …`
  const Expr* sizes = nullptr;     // the brackets of `zeros[n, m]()`
  const Expr& call;
  TypeId want;
};

struct BuiltinRow {
  const char* name;
  const char* usage;                      // "sum(x, axis = k)"
  int min_args, max_args;                 // by position; −1: any number
  bool has_axis;
  bool is_reduction;                      // also written `name[i](body)`
  Val (*lower)(Lowering&, const BuiltinCall&);
  const char* doc;
};

std::span<const BuiltinRow> builtin_rows();
const BuiltinRow* find_builtin(std::string_view name);
/// Name of a derivative function, `grad`, …, with its kind; nullopt for any other name.
std::optional<DerivativeRequest::Kind> derivative_kind(std::string_view name);
/// "`conv2d` is" for a function of the language that is not compiled yet, else null.
const char* unsupported_function(std::string_view name);

}  // namespace dlc::sema
