// Names that nothing reads: `unused-parameter`, `unused-variable`. By the text alone, so it is asked of programs without errors.
#pragma once
#include "base/diagnostic.h"
#include "base/interner.h"
#include "syntax/ast.h"

namespace dlc {

void warn_unused(const Ast& ast, const Interner& names, Diagnostics& diagnostics);

}  // namespace dlc
