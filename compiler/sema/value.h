// What an expression means while it is being lowered. Besides values of the IR there are three things that have no
// instruction yet, each because its type or place is decided by who uses it:
//   flex      literals and what is computed from them: `1/2`, `2 * π * i / n`, `zeros(n)`. They take the dtype of the
//             context; without one they are int, or `real` where a fraction is involved.
//   size      an int that is a polynomial in sizes and binders: `n - 1`, `i + 1`. Slices and subscripts need it.
//   function  `f`, `grad(f)`, `exp`.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "ir/module.h"
#include "syntax/ast.h"

namespace dlc::sema {

struct Val {
  enum class Kind : uint8_t { error, value, flex, size, function };
  Kind kind = Kind::error;
  ValueId id;        // value: where `block` is being filled or encloses it
  BlockId block;     // value
  TypeId type;       // value
  DimId dim;         // size
  int32_t flex = -1;      // flex: index into Analysis::flex
  int32_t function = -1;  // function: index into Analysis::callables
  Span origin;       // where the name that holds it was declared; absent: not a name
  explicit operator bool() const { return kind != Kind::error; }
};

/// A node of the graph of flexible expressions. Operands come before users, so a walk in order of index needs no stack.
struct Flex {
  enum class Kind : uint8_t { number, boolean, op, stack, fill, eye, leaf, cast };
  Kind kind = Kind::number;
  bool wants_float = false;       // has a fraction or a division in it: cannot be an int
  bool prefers_float = false;     // `zeros(n)`: may be an int, but is `real` where nothing else is wanted
  std::optional<DType> fixed;     // the dtype is decided already: `f32(1)`, `true`
  double number = 0;              // number
  int64_t integer = 0;            // number, when !wants_float; boolean
  OpId op;                        // op: an elementwise row over operands of one dtype
  std::vector<int32_t> operands;  // op, stack; fill, cast: one
  std::vector<DimId> dims;        // shape
  Val leaf;                       // leaf: an int or bool value
  Loc loc;
};

struct BuiltinRow;

/// A function as a compile-time value.
struct Callable {
  enum class Kind : uint8_t { declared, elementwise, array, structure, derivative, resolved };
  Kind kind = Kind::declared;
  int32_t declared = -1;          // declared: index into Analysis::functions; structure: into Analysis::structs
  FuncId func;                    // resolved: of a function that was passed to another
  OpId op;                        // elementwise
  const BuiltinRow* row = nullptr;  // array
  // derivative
  DerivativeRequest request;      // kind, mode, is_list, with_value
  bool is_checkpoint = false;     // … or not differentiated, but checkpoint(base)
  int32_t base = -1;              // the function that is differentiated: index into Analysis::callables
  std::vector<std::vector<Name>> wrt;  // each a parameter's name, then those of fields
  bool picks_mode = false;        // jacobian without `mode`: by the shapes
  Name of;
  int n_hidden = 0;               // parameters in front that are the model's own: nobody writes them
  Span span;
  // declared in a body, resolved (see closures.cpp)
  std::vector<Val> captured;      // what its hidden parameters hold, in the function that is being lowered
  std::vector<StrId> world;       // the size variables that its types are written in, besides its own
  int32_t key_at = -1;            // which of `captured` is a key, of which each call gets another one; −1: none
  // a layer's function
  int32_t first_slot = 0;         // of its layer's states, among those of the model that holds it
  std::vector<Val> at;            // which of an array of layers
  bool is_layers = false;         // declared: one that takes functions. It is called with `captured` first, and in
  std::map<StrId, DimId> sizes;   // these sizes of its model
};

}  // namespace dlc::sema
