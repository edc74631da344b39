// Rows of the ops that are not elementwise: plumbing, regions, and the linear and bilinear array ops. What each
// means is in ops/array.h; the derivative of each is the function its row names (ops/array_adjoint.h).
#pragma once
#include "ir/op.h"
#include "ops/array_adjoint.h"

namespace dlc {

inline constexpr Op kArrayRows[] = {
    // ---- plumbing
    {.name = "param", .arity = 0, .kind = OpKind::structural, .internal = true, .doc = "A parameter of a block."},
    {.name = "const", .arity = 0, .kind = OpKind::structural, .internal = true, .doc = "A scalar constant."},
    {.name = "size", .arity = 0, .kind = OpKind::structural, .internal = true, .doc = "The value of a size as an int."},
    {.name = "tuple", .arity = -1, .kind = OpKind::structural, .internal = true, .doc = "A tuple of its operands."},
    {.name = "get", .arity = 1, .kind = OpKind::structural, .internal = true, .doc = "One field of a tuple."},
    {.name = "call", .arity = -1, .kind = OpKind::structural, .internal = true, .doc = "Calls a function of the module."},

    // ---- regions
    {.name = "if", .arity = -1, .kind = OpKind::region, .internal = true, .doc = "One of two blocks, by a scalar condition."},
    {.name = "map", .arity = -1, .kind = OpKind::region, .internal = true, .doc = "A block at every point of a box of indices."},
    {.name = "for", .arity = -1, .kind = OpKind::region, .internal = true, .doc = "A block a given number of times, with carried values."},
    {.name = "while", .arity = -1, .kind = OpKind::region, .internal = true, .doc = "A block as long as a condition holds, with carried values."},

    // ---- linear
    {.name = "view", .arity = 1, .kind = OpKind::linear, .transpose = transpose_view, .internal = true,
     .doc = "Reads its operand through an affine index map."},
    {.name = "view_adjoint", .arity = 1, .kind = OpKind::linear, .transpose = transpose_view_adjoint, .internal = true,
     .doc = "Adds every element to where the view had read it."},
    {.name = "sum", .arity = 1, .kind = OpKind::linear, .latex = "\\sum $a", .transpose = transpose_sum, .internal = true,
     .doc = "Sum over axes, in a fixed order."},
    {.name = "reshape", .arity = 1, .kind = OpKind::linear, .transpose = transpose_reshape, .internal = true,
     .doc = "The same elements in row-major order with other sizes."},
    {.name = "cumsum", .arity = 1, .kind = OpKind::linear, .transpose = transpose_cumsum, .internal = true,
     .doc = "Running sum along one axis."},
    {.name = "stack", .arity = -1, .kind = OpKind::linear, .transpose = transpose_stack, .internal = true,
     .doc = "Operands of one type along a new first axis."},

    {.name = "index", .arity = -1, .kind = OpKind::linear, .transpose = transpose_index, .internal = true,
     .doc = "Subscripts leading axes by ints, or by arrays of ints."},
    {.name = "put", .arity = -1, .kind = OpKind::linear, .transpose = transpose_put, .internal = true,
     .doc = "An array with other elements at given subscripts."},
    {.name = "add_at", .arity = -1, .kind = OpKind::linear, .transpose = transpose_add_at, .internal = true,
     .doc = "An array with values added at given subscripts."},
    {.name = "batch_sum", .arity = 1, .kind = OpKind::linear, .transpose = transpose_batch_sum, .internal = true,
     .doc = "Sum over the examples of the batch, the same for each of them; in a map over examples only."},

    // ---- bilinear
    {.name = "matmul", .arity = 2, .kind = OpKind::bilinear, .latex = "$a\\,$b", .symbol = "@", .precedence = 6,
     .transpose = transpose_matmul, .internal = true, .doc = "Contracts trailing axes of the left with leading axes of the right."},

    // ---- reductions
    {.name = "prod", .arity = 1, .kind = OpKind::reduction, .latex = "\\prod $a", .weight = weight_prod, .internal = true,
     .doc = "Product over axes."},
    {.name = "max_over", .arity = 1, .kind = OpKind::reduction, .latex = "\\max $a", .weight = weight_extreme, .internal = true,
     .doc = "Largest element over axes; ties share the derivative evenly."},
    {.name = "min_over", .arity = 1, .kind = OpKind::reduction, .latex = "\\min $a", .weight = weight_extreme, .internal = true,
     .doc = "Smallest element over axes; ties share the derivative evenly."},
    {.name = "any", .arity = 1, .kind = OpKind::reduction, .internal = true, .doc = "True where some element is."},
    {.name = "all", .arity = 1, .kind = OpKind::reduction, .internal = true, .doc = "True where every element is."},
    {.name = "argmax", .arity = 1, .kind = OpKind::reduction, .internal = true, .doc = "Position of the first largest element."},
    {.name = "argmin", .arity = 1, .kind = OpKind::reduction, .internal = true, .doc = "Position of the first smallest element."},

    // ---- sources
    {.name = "iota", .arity = 0, .kind = OpKind::structural, .internal = true, .doc = "0, 1, 2, … as ints."},
};

}  // namespace dlc
