// Syntax tree to IR: names, dtypes and sizes are decided here, and every function of a file becomes one Func with
// symbolic sizes. Nothing is specialised and nothing is optimised.
//
//   Module module;  Sources sources;  Diagnostics diagnostics;
//   const FileId file = sources.add("net.dl", text);
//   const Ast ast = parse(sources, file, module.strings, diagnostics);
//   if (!diagnostics.has_errors()) analyse(ast, sources, module, {.real = DType::f64}, diagnostics);
//   const FuncId f = module.find("loss");
#pragma once
#include "base/diagnostic.h"
#include "ir/module.h"
#include "sema/models.h"
#include "syntax/ast.h"

namespace dlc {

struct SemaOptions {
  DType real = DType::f64;  // what `real` means; also the float type of a `float` function that nobody calls
};

/// Lowers every `fn`, `const` and `export` of `ast`, whose names must have been interned in `module.strings`.
///   - A function is named as in the source; one with `float` in its signature is made once per float type that a
///     caller wants, "softmax.f32". Prelude functions that are used are added too, and their text to `sources`.
///   - `grad(f, …)` and its kin become Funcs with a `request`: parameters and result type, no body yet.
///   - Exports go to `module.exports` in the order of the file.
///   - Functions of a model are named "Net2.predict"; `models` says what else of models and train blocks there is.
/// Declarations with syntax errors are left out, and what uses them fails without a word. Errors are collected; a function
/// with an error is not found in `module` by its name, the others are complete.
/// Returns true if there was no error.
bool analyse(const Ast& ast, Sources& sources, Module& module, const SemaOptions& options, Diagnostics& diagnostics, FileModels* models = nullptr);

}  // namespace dlc
