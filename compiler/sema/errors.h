// What sema/ says about programs that parse but mean nothing.
#pragma once
#include "base/diagnostic.h"
#include "ops/errors.h"
#include "ops/request_errors.h"

namespace dlc {

inline constexpr DiagnosticKind kSemaErrors[] = {
    // ---- names
    {"unknown-name",
     "A name is used that nothing in scope declares: no parameter, `let`, `var`, size, index, `const` or function. Names are "
     "case-sensitive; those of a `grad`'s `wrt` and `mode` belong to the function, not to the scope. If a declared name is close, it is suggested."},
    {"unknown-function",
     "A function is called that is neither declared in this file nor built in. If a name is close, it is suggested."},
    {"unknown-type",
     "A type's name is not `f32`, `f64`, `int`, `bool`, `real`, `float` or a declared struct. Sizes follow the name: `real[n, 3]`."},
    {"not-a-function",
     "Something is called that is no function, `x(1)` where `x` is a number. Multiplication is written `x * (1)`, a subscript `x[1]`."},
    {"function-as-value",
     "A function stands where a number or an array is wanted. Call it, `f(x)`; functions can only be called, bound by `let`, passed to "
     "`grad` and its kin, and exported. Nor can an `if` choose one: call each in its branch, `if c { f(x) } else { g(x) }`."},
    {"function-argument-missing",
     "A function that takes functions, `fn h(f: fn(real) -> real, x: real)`, is compiled for the functions it is called with, so it cannot be "
     "exported or differentiated by itself. Write what is meant as a function without them: `grad(fn(x: real) = h(sin, x))`."},
    {"capture-of-var",
     "A function declared in a body uses a `var` of the function around it. It keeps the values that it captures, and those of a `var` change: "
     "bind the present one by `let`, or hand it over as a parameter."},
    {"duplicate-name",
     "Two top-level declarations, two parameters, two sizes or two fields of one tuple have the same name, so neither could be meant by it."},
    {"missing-parameter-type",
     "A parameter of a `fn` has no type. Write `fn f(x: real, w: real[n])`; only lambda parameters may leave it out."},
    {"unset-variable",
     "A `var v: T` is read before anything was assigned to it. Give it a value where it is declared, or assign it first."},
    {"assignment-to-let",
     "Only a `var` can be assigned. A `let`, a parameter, a size and an index keep their value; declare `var v = e`, or bind a new name by `let`."},
    {"assignment-in-index",
     "The body of index notation is computed for all indices at once, in no order, so it cannot assign a `var` that is declared outside of "
     "it. Use a `for` loop, or a reduction: `sum[i](…)`."},
    {"loop-assigns-nothing",
     "A `while` loop must assign a `var` that is declared outside of it and that its condition reads; otherwise it never ends, or does nothing."},
    {"bad-attribute",
     "`@max_iters(n)` bounds a `while` loop by a size, `@checkpoint(k)` and `@checkpoint(sqrt)` say how often a loop's state is kept for reverse "
     "mode, `@memory(64MiB)` how much memory that may take. They stand between a loop's header and its `{`."},
    {"export-missing",
     "`export f` names an entry point that must be a function of this file, and `export g = e` needs an `e` that is a function, such as `grad(f, wrt = x)`."},
    {"const-not-constant",
     "A `const` is built from literals, other constants, and operators and scalar functions of them. It cannot call a declared function or compare."},
    {"const-cycle", "A `const` is defined by itself, directly or through others, so it has no value."},
    {"value-recursion",
     "A function calls itself, directly or through others, on the same sizes. Every derivative mode unrolls calls, so such a recursion has no end. Use a `while` loop."},
    {"recursion-needs-type",
     "A function that calls itself at other sizes must say what it returns, for its calls of itself are checked before its body is: "
     "`fn det[n](A: real[n, n]) -> real = if n == 1 { A[0, 0] } else { … det(…) … }`."},
    {"too-deep", "Functions that are made for their callers call each other more than 100 deep: those that are generic in `float`, that take functions, or that "
     "are declared in bodies. Give some of them concrete types, or declare them at the top level. A function that recurs on sizes may hand "
     "on the functions that it was given, but not another one at each size. "
     "Or tuples hold tuples deeper than that: a struct has names for its parts."},

    {"unused-parameter",
     "Nothing reads a parameter of a function, or a `param` of a model: often a slip, such as another name that was meant. Take it out. "
     "Where its place must be kept, as in a function that is passed where two arguments are given, begin its name with `_`: `fn(s, _x) = s`. "
     "A warning: the program is compiled all the same.", Severity::warning},
    {"unused-variable",
     "Nothing reads what a `let` or a `var` holds; assigning to it is no reading. Take it out, or begin its name with `_`: `let (_, all) = scan(…)`. "
     "A warning: the program is compiled all the same.", Severity::warning},

    // ---- models and how they are trained
    {"unknown-model", "A `train` block or a `layer` names a model that neither this file nor, for a layer, the library declares."},
    {"model-cycle", "A model holds layers, and one of them, or a layer within it, is of the model itself: there would be no end to its parameters."},
    {"array-of-layers",
     "`layer blocks[L] = Block[…]` makes L layers, and each has functions of its own: `blocks[i].apply(x)` says whose is meant. Their parameters "
     "are arrays with one more axis in front, which can be read as a whole, `blocks.W`, or of one, `blocks[i].W`."},
    {"unknown-distribution",
     "`param W: T ~ d()` draws the first value of a parameter from a distribution: `glorot_uniform()`, `glorot_normal()`, `he_uniform()`, "
     "`he_normal()`, `uniform(a, b)` or `normal(mean, std)`. A fixed first value is written `param b: T = 0`."},
    {"bad-entry",
     "An entry of a `train` block, or a number in it, is not one that training knows: `optimizer adam(lr = 1e-2)`, `split train = 0.8 valid = 0.2`, "
     "`data csv(\"f.csv\") { x = columns(0..4)  y = column(\"kind\", A = 0, B = 1) }`. Values are numbers written out or constants."},
    {"missing-entry",
     "A `train` block needs `data`, `objective` and `optimizer`, and its data a field for every parameter of the losses that it trains."},
    {"two-data-blocks",
     "A loss is the loss of one example, a row of one `data` entry; rows of two entries do not belong together. Where they do, put the columns into "
     "one file. `data csv(\"inside.csv\") { x = column(\"x\") }  data csv(\"edge.csv\") { xb = column(\"x\") }` is for two losses, "
     "`loss inside(x: real)` and `loss edge(xb: real)`."},
    {"key-outside-model", "`key` is the random key that a model's functions are given in training; elsewhere there is none."},

    {"collective-outside-model",
     "`batch_mean(e)` and `batch_sum(e)` run over the examples of the batch that a training step works on. Only a model's functions are "
     "written for one example of a batch; elsewhere use `mean` and `sum` of an array."},
    {"collective-under-condition",
     "`batch_mean`, `batch_sum` and `update` may not stand under a condition, nor be reached by a call that does: what one example computes needs "
     "all of its batch to get there. `if training` and conditions on sizes are no such conditions, they are the same for all. Nor may they stand in a function "
     "that calls itself at other sizes."},
    {"collective-in-derivative",
     "`grad` and its kin inside a model differentiate one example's function, and here that function reaches `batch_mean`, `batch_sum` or `update`, "
     "which belong to the whole batch. So do `checkpoint(f)` and a declared derivative. The derivative by the parameters, which training takes, is that of the whole batch's objective."},
    {"accumulated-collectives",
     "A model with `batch_mean`, `batch_sum` or `update` sees as many examples at a time as `batch` says, so `batch 32 accumulate 4` is another "
     "training than `batch 128`. Without them the two agree to the last bit. A note, not an error.", Severity::note},
    {"not-a-state",
     "`update r = e` sets a `state` of the model, declared as `state r: T = e`. Parameters are set by the optimizer, variables by `v = e`."},
    {"misplaced-update", "`update` is a statement of a model function's own body: it may not stand in a loop or in an index's body, nor be reached by a call that does; but a loop may call the layers of an array, each of which has states of its own."},
    {"update-twice", "A state gets one new value in a training step, and here are two: by two `update`s, or by two calls of a function that updates it."},
    {"update-of-example",
     "The new value of a state is the same for all examples of a batch, so it is built from `batch_mean`, `batch_sum`, states and parameters "
     "only, and from nothing that is one example's own: its data, its key."},

    // ---- types
    {"type-mismatch",
     "A value has another type than its place wants: an argument another than the parameter, a result another than declared, a `bool` where a "
     "number is wanted. Only an int becomes a float by itself; `f32(x)`, `f64(x)`, `real(x)`, `int(x)` convert."},
    {"return-type",
     "The value of a function has another type than the one declared after `->`. Change the declaration or the value; an array's sizes are part of its type."},
    {"mixed-floats",
     "An `f32` meets an `f64` in one operation. Which one should win is a question of accuracy and speed that dlc does not decide: write `f32(x)` or `f64(x)`."},
    {"int-division",
     "`/` between two ints (sizes are ints) would have to choose between a fraction and a floor. Write `1.0 / n` or `real(a) / b` for the fraction, `div(a, b)` for the floor."},
    {"literal-not-int",
     "A literal with a fraction, or an expression of literals with `/`, stands where an int is wanted. `int(x)` truncates."},
    {"literal-out-of-range", "A literal is too large for the type that its place wants, for example `1e300` as an `f32`."},
    {"condition-not-bool", "The condition of an `if`, or an operand of `and`, `or`, `not`, is not a bool. Compare explicitly: `x != 0`."},
    {"condition-not-scalar", "The condition of an `if` is an array of bools. Reduce it by `any(c)` or `all(c)`, or choose elementwise by `select(c, a, b)`."},
    {"branches-differ", "The branches of an `if` used as a value have different types or shapes, so the `if` would have none."},
    {"struct-cycle",
     "A struct holds itself, directly or through others, so no value of it could be finished. There are no pointers; write the size of a chain as "
     "an axis of arrays."},
    {"struct-too-large",
     "A struct, with all structs that it holds, has thousands of fields, or structs nested dozens deep. Where fields are alike, make them one array."},
    {"pattern-arity", "A pattern `(a, b)` takes apart a tuple with as many fields, and this value has another number of them or is no tuple."},
    {"no-such-field", "A tuple is read by a field that it does not have. A plain tuple `(A, B)` has none; take it apart by `let (a, b) = t`."},
    {"array-elements-differ",
     "The elements of `[a, b, c]` must have one type and shape, for they become the rows of one array. Literals adapt to the others; an int does beside floats."},

    // ---- sizes
    {"size-mismatch",
     "Two sizes that must be equal are not, decided on symbols and not on numbers that happen to agree: `n` and `m` differ even where both would be 3."},
    {"shape-mismatch",
     "Two arrays are combined element by element, but neither shape is the other's or exactly its trailing part. Only a scalar with an array, and a "
     "trailing shape, are broadcast: `real[n, d] + real[d]` is fine, `real[n, d] + real[n]` is not."},
    {"matmul-inner-size", "`@` contracts the last size of the left with the first of the right, and these differ. Often one of the two wants `transpose`."},
    {"no-such-size", "A size is used that is not declared. Size variables are declared after the function's name: `fn f[n](x: real[n])`."},
    {"not-a-size", "Here a size is wanted: an integer polynomial of size variables and literals with `+ - *` and `div(a, k)`. Values known only at run time are not sizes."},
    {"size-not-inferred",
     "A size of the called function follows from no argument: sizes are bound where they stand alone or linearly, `real[n]`, `real[2*l]`. Give it in the call: `init[n - 1]()`."},
    {"size-count", "A call gives explicit sizes, `f[a, b](…)`, and their number or names are not those that the function declares."},
    {"reshape-count", "`reshape` keeps the elements and their order, so the product of the new sizes must equal that of the old ones, as symbols."},
    {"bad-axis", "An `axis` is not an axis of the array. Axes count from 0; negative ones count from the last; the value must be a literal."},
    {"rank-mismatch", "A function or an operator wants an array of another rank: `@` wants at least one axis on both sides, `dot` two vectors."},
    {"rank-too-large",
     "An array would have more than 32 axes. No program needs that many; look for an index that should be summed."},

    // ---- subscripts and index notation
    {"too-many-subscripts", "An array is subscripted by more subscripts than it has axes, or a scalar is subscripted at all."},
    {"subscript-not-int",
     "A subscript is neither an int, `:`, nor a range of ints. `x[1.0]` is not `x[1]`: convert by `int(…)` if that is meant."},
    {"negative-index", "A computed subscript is negative. Only a negative literal counts from the end: write `x[-1]`, or `x[n - 1]`."},
    {"bad-step",
     "The step of a range must be a positive integer literal or constant: `x[0..n step 2]`. To go backwards, write `flip(x)`."},
    {"binder-range-unknown",
     "The range of an index follows from the arrays that it alone subscripts, and there is none. `x[i + 1]` infers nothing. Give it: `sum[i in 0..n](…)`."},
    {"ragged-range",
     "The range of an index depends on another index. A reduction may do that, `sum[b in 0..a](…)`, where the end is a sum of indices with "
     "constant factors; the rows of an array may not differ in length: give the whole range and write `if b < a { … } else { 0 }`."},
    {"binder-range-conflict", "An index subscripts two axes of different sizes, so its range is ambiguous. Give the range if that is meant: `sum[i in 0..n](…)`."},
    {"binder-unused",
     "An index is bound without a range and never used, so nothing says how often its body counts. Remove it, or give its range."},
    {"binder-reuses-name", "An index of index notation must be a new name; this one is in scope already, or bound twice."},
    {"bad-binder", "In `sum[…](body)` and `let t[…] = e` the brackets hold names of indices, each with an optional range: `i` or `i in 0..n`."},

    // ---- calls
    {"argument-count",
     "A function is called with too many or too few arguments. Every parameter takes exactly one, by position or by name."},
    {"unknown-argument", "A named argument is not a parameter of the function that is called."},
    {"duplicate-argument", "A parameter is given twice, by position and by name or twice by name."},
    {"bad-argument", "Something stands where it cannot be used: a range or a string as a value, `[]`, of which nothing tells the type, an `axis` where there is "
     "none, a list where a single value is meant."},

    // ---- derivatives
    {"wrt-missing", "`wrt` may be left out only if the function has exactly one float parameter."},
    {"unknown-wrt", "`wrt` names a parameter of the function that is differentiated, never a local variable."},
    {"unknown-mode", "The modes of a derivative are `forward`, `reverse`, `symbolic` and `numeric`."},
    {"unknown-output", "`of` names the field of the function's result that is differentiated; the result has no such field, or is no named tuple."},
    {"bad-rule",
     "`derivative f(x, n) -> y { jvp(dx) = e }` names f's parameters in their order, and in `jvp` the directions that it uses: `d` and the name of a "
     "parameter that is a float. A parameter without its `d` is not differentiable; `y` is the value of f."},
    {"rule-not-linear",
     "The derivative along a direction is linear in the direction: twice the direction gives twice the derivative. What is declared after `jvp(dx) =` is "
     "not, as far as its form shows: a `dx` is squared, divided by, added to something without one, or handed to `exp` or `max`.\n\n"
     "    derivative cube(x) { jvp(dx) = 3 * x^2 * dx }          // not 3 * x^2 * dx^2, nor 3 * x^2\n\n"
     "Reverse mode is the transpose of this linear map, so it needs one."},
    {"bad-derivative", "`grad(f, wrt = x, mode = m)` takes one function and the named arguments `wrt`, `mode`, `of` and `value`."},

    {"not-supported-yet",
     "A combination that the compiler reads and does not compile; the message names it. Functions that do not use it are compiled. What it "
     "says can be written another way: as a loop, or in two steps with a `let` between them."},
};

/// A row of the table above, found while compiling.
consteval const DiagnosticKind& sema_error(std::string_view slug) { return find_kind<kSemaErrors>(slug); }

}  // namespace dlc
