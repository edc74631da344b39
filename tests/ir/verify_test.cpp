// One broken function per invariant: first those that text can express, then those that only code can make.
#include "ir_text.h"

namespace dlc {
namespace {

struct Broken {
  const char *text, *message;
};

const char* const kHead =
    "func @g[m](%0: f64[m], %1: int) -> f64 { %2 = sum %0 {axes = [0]} : f64 return %2 }\n"
    "func @f[n](%0 a: f64[n], %1 b: f64[n, 3], %2 c: bool, %3 i: int, %4 t: (f64, x: int), %5 s: f64, %6 p: f32[n]) "
    "-> ";

TEST(IrVerify, RejectsBrokenInstructions) {
  const Broken kBroken[] = {
      // elementwise
      {"%7 = add %0, %1 : f64[n]", "`%7 = add`: operands differ in shape: f64[n] and f64[n, 3]"},
      {"%7 = add %0, %5 : f64[n]", "`%7 = add`: operands differ in shape: f64[n] and f64"},
      {"%7 = add %0, %6 : f64[n]", "`%7 = add`: does not take operands of type f64[n], f32[n]"},
      {"%7 = and %5, %5 : bool", "`%7 = and`: does not take operands of type f64, f64"},
      {"%7 = exp %3 : f64", "`%7 = exp`: does not take operands of type int"},
      {"%7 = exp %0 : f32[n]", "`%7 = exp`: has type f32[n], but its operands give f64[n]"},
      {"%7 = exp %0 : f64[3]", "`%7 = exp`: has type f64[3], but its operands give f64[n]"},
      {"%7 = exp %0 : f64[k]", "`%7 = exp`: uses the size `k`, which the function does not declare"},
      {"%7 = exp %0 {ints = [1]} : f64[n]", "`%7 = exp`: an elementwise op has no attribute"},
      {"%7 = select %3, %5, %5 : f64", "`%7 = select`: does not take operands of type int, f64, f64"},
      // plumbing
      {"%7 = const {ints = [2]} : bool", "`%7 = const`: a bool is 0 or 1"},
      {"%7 = const {ints = [1, 2]} : int", "`%7 = const`: has one value"},
      {"%7 = const {ints = [4607182418800017409]} : f32", "`%7 = const`: 1.0000000000000002 is not an f32"},
      {"%7 = const {ints = [0]} : f64[3]", "`%7 = const`: is a scalar number or bool, not f64[3]"},
      {"%7 = size n : f64", "`%7 = size`: has type f64, but its operands give int"},
      {"%7 = size {ints = [1]} : int", "`%7 = size`: reads one size"},
      {"%7 = tuple %5 : f64", "`%7 = tuple`: has type f64, not a tuple"},
      {"%7 = tuple %5 : (f64, f64)", "`%7 = tuple`: has 2 fields and 1 operands"},
      {"%7 = tuple %5 : (int)", "`%7 = tuple`: field 0 is int, its operand f64"},
      {"%7 = get %4.2 : f64", "`%7 = get`: (f64, x: int) has no such field"},
      {"%7 = get %5.0 : f64", "`%7 = get`: reads a field of f64"},
      {"%7 = get %4.1 : f64", "`%7 = get`: has type f64, the field int"},
      {"%7 = get %4 : f64", "`%7 = get`: has no attribute"},
      {"%7 = iota {dims = [n]} : int[3]", "`%7 = iota`: has type int[3], but its operands give int[n]"},
      {"%7 = param : f64", "`%7 = param`: has no attribute"},
      {"%7 = param {ints = [0]} : f64", "`%7 = param`: a parameter stands among the instructions"},
      // calls
      {"%7 = call @g(%0, %3) : f64", "`%7 = call`: gives 0 sizes to `g`, which has 1"},
      {"%7 = call @g[n](%0) : f64", "`%7 = call`: gives 1 arguments to `g`, which has 2"},
      {"%7 = call @g[3](%0, %3) : f64", "`%7 = call`: argument 0 of `g` is f64[n], its parameter f64[m]"},
      {"%7 = call @g[n](%0, %3) : int", "`%7 = call`: has type int, but `g` returns f64"},
      {"%7 = call {dims = [n]} : f64", "`%7 = call`: calls a function that does not exist"},
      // regions
      {"%7 = if %3 () { %8 = const 1 : f64 yield %8 } else () { %9 = const 2 : f64 yield %9 } : f64",
       "`%7 = if`: its first operand is the condition, a bool"},
      {"%7 = if %2 () { %8 = const 1 : f64 yield %8 } else () { %9 = const 2 : int yield %9 } : f64",
       "`%7 = if`: has type f64, but a branch gives int"},
      {"%7 = if %2, %5 (%8: f64) { yield %8 } else () { %9 = const 2 : f64 yield %9 } : f64",
       "`%7 = if`: its block has 0 parameters for 0 indices and 1 captures"},
      {"%7 = if %2, %5 (%8: f64) { yield %8 } else (%9: int) { %10 = const 2 : f64 yield %10 } : f64",
       "`%7 = if`: capture 0 is f64, its parameter int"},
      {"%7 = if %2 () { yield %5 } else () { yield %5 } : f64", "block 1 returns a value that is not its own"},
      {"%7 = if %2 () { %8 = neg %5 : f64 yield %8 } else () { yield %5 } : f64",
       "`%8 = neg`: uses %5, which belongs to another block"},
      {"%7 = map [n] %5 (%8 j: int, %9: f64) { yield %9 } : f64",
       "`%7 = map`: has type f64, but its body gives f64 over 1 axes"},
      {"%7 = map [n] %5 (%8 j: f64, %9: f64) { yield %9 } : f64[n]", "`%7 = map`: index 0 is not an int"},
      {"%7 = map [n] %5 (%8: int, %9: f64, %10: f64) { yield %9 } : f64[n]",
       "`%7 = map`: its block has 3 parameters for 1 indices and 1 captures"},
      {"%7 = map [] %5 (%8: f64) { yield %8 } : f64", "`%7 = map`: has no extents"},
      {"%7 = map [n] (%8: int) { %9 = neg %8 : int %10 = tuple %8, %8 : (int, int) yield %10 } : (int[n], int)",
       "`%7 = map`: has type (int[n], int), but its body gives (int, int) over 1 axes"},
      // arrays
      {"%7 = index %0, %5 : f64", "`%7 = index`: subscript 0 is f64, not an int"},
      {"%7 = index %0 : f64[n]", "`%7 = index`: has an array and subscripts"},
      {"%7 = index %0, %3, %3 : f64", "`%7 = index`: has 2 subscripts for f64[n]"},
      {"%7 = index %1, %3 : f64", "`%7 = index`: has type f64, but its operands give f64[3]"},
      {"%7 = view %0 [j0, j1] : f64[n, 3]", "`%7 = view`: its map does not lead from rank 2 to rank 1"},
      {"%7 = view %0 [j0] : f32[n]", "`%7 = view`: leads from f64[n] to f32[n]"},
      {"%7 = view %0 : f64[n]", "`%7 = view`: has no attribute"},
      {"%7 = view %0 {ints = [1, 1, 0, 1], dims = [3, 0]} : f64[n]",
       "`%7 = view`: its map is over another shape than f64[n]"},
      {"%7 = view_adjoint %0 [j0, j0] : f64[n]", "`%7 = view_adjoint`: its map does not lead from rank 1 to rank 1"},
      {"%7 = sum %0 {axes = [1]} : f64", "`%7 = sum`: axis 1 of f64[n] does not exist"},
      {"%7 = sum %1 {axes = [1, 0]} : f64", "`%7 = sum`: its axes do not ascend"},
      {"%7 = sum %1 {axes = [0]} : f64[n]", "`%7 = sum`: has type f64[n], but its operands give f64[3]"},
      {"%7 = any %0 {axes = [0]} : bool", "`%7 = any`: does not reduce f64[n]"},
      {"%7 = max_over %4 {axes = []} : f64", "`%7 = max_over`: does not reduce (f64, x: int)"},
      {"%7 = argmax %1 {axes = [0, 1]} : int", "`%7 = argmax`: has one axis"},
      {"%7 = argmax %0 {axes = [0]} : f64", "`%7 = argmax`: has type f64, but its operands give int"},
      {"%7 = cumsum %0 {axis = 1, reverse = 0} : f64[n]",
       "`%7 = cumsum`: has an axis of f64[n] and a direction, 0 or 1"},
      {"%7 = reshape %1 : f64[n]",
       "`%7 = reshape`: f64[n, 3] and f64[n] do not provably have the same number of elements"},
      {"%7 = reshape %1 : f64[n + n + n + 1]",
       "`%7 = reshape`: f64[n, 3] and f64[3*n + 1] do not provably have the same number of elements"},
      {"%7 = stack %5, %5 : f64[3]", "`%7 = stack`: has type f64[3] for 2 rows of f64"},
      {"%7 = stack %5, %3 : f64[2]", "`%7 = stack`: rows differ: f64 and int"},
      {"%7 = matmul %0, %0 {batch = 0, m = 1, n = 0, k = 1} : f64",
       "`%7 = matmul`: its ranks do not add up to those of f64[n], f64[n]"},
      {"%7 = matmul %1, %0 {batch = 0, m = 1, n = 0, k = 1} : f64[n]",
       "`%7 = matmul`: inner sizes differ: f64[n, 3], f64[n]"},
      {"%7 = matmul %0, %0 {batch = 0, m = 0, n = 0, k = -1} : f64", "`%7 = matmul`: a group of -1 axes"},
      {"%7 = matmul %0, %6 {batch = 0, m = 0, n = 0, k = 1} : f64", "`%7 = matmul`: does not multiply f64[n], f32[n]"},
  };
  for (const Broken& b : kBroken) {
    const std::string type = std::string(b.text).substr(std::string(b.text).rfind(" : ") + 3);
    const auto p = parse_text(kHead + type + " { " + b.text + " return %7 }");
    EXPECT_EQ(p->error(), "ir-invalid: in `f`, " + std::string(b.message)) << b.text;
  }
}

TEST(IrVerify, RejectsBrokenHeads) {
  const Broken kBroken[] = {
      {"func @f[n, n]() -> () { %0 = tuple : () return %0 }", "in `f`, the size `n` is declared twice"},
      {"func @f() -> () { check n >= 0 %0 = tuple : () return %0 }",
       "in `f`, uses the size `n`, which the function does not declare"},
      {"func @g(%0: f64) -> f64 { return %0 } request @f(%0: f64) -> f64 = grad reverse of @g wrt [1]",
       "in `f`, `wrt` names parameter 1 of `g`, which has 1"},
      {"func @f(%0: f64[n]) -> f64[n] { return %0 }",
       "in `f`, `%0 = param`: uses the size `n`, which the function does not declare"},
  };
  for (const Broken& b : kBroken) EXPECT_EQ(parse_text(b.text)->error(), "ir-invalid: " + std::string(b.message));
}

/// `edit` breaks a good function; the verifier must say `message`.
void expect_violation(void (*edit)(Module&, Func&), const char* message) {
  auto p = parse_text(R"(func @f(%0 x: f64, %1 c: bool) -> f64 {
    %2 = neg %0 : f64
    %3 = if %1, %2 (%4: f64) { %5 = exp %4 : f64 yield %5 } else (%6: f64) { yield %6 } : f64
    return %3 })");
  ASSERT_TRUE(p->is_good) << p->error();
  edit(p->module, p->module[FuncId{0}]);
  EXPECT_EQ(verify(p->module, FuncId{0}, kOps), "@f: " + std::string(message));
  print(p->module, kOps);
}

TEST(IrVerify, RejectsWhatTextCannotExpress) {
  expect_violation([](Module&, Func& f) { f.blocks.clear(); }, "the function has no block for its parameters");
  expect_violation([](Module&, Func& f) { f.body().result = {}; }, "block 0 has no result");
  expect_violation([](Module&, Func& f) { f.body().result = ValueId{99}; },
                   "block 0 returns a value that is not its own");
  expect_violation([](Module&, Func& f) { f.body().body.push_back(f.body().body[0]); },
                   "`%2 = neg`: is computed twice");
  expect_violation([](Module&, Func& f) { f.body().body.push_back(ValueId{99}); },
                   "block 0 lists a value that does not exist");
  expect_violation([](Module&, Func& f) { f.body().params.push_back(ValueId{99}); },
                   "block 0 lists a parameter that does not exist");
  expect_violation([](Module&, Func& f) { std::swap(f.body().params[0], f.body().params[1]); },
                   "`%0 = param`: does not know its position, 0");
  expect_violation([](Module&, Func& f) { f.body().params[1] = f.body().params[0]; },
                   "`%0 = param`: is a parameter twice");
  expect_violation([](Module&, Func& f) { f.body().params[0] = f.body().body[0]; },
                   "`%0 = neg`: stands among the parameters but is no `param`");
  expect_violation([](Module&, Func& f) { std::swap(f.body().body[0], f.body().body[1]); },
                   "`%2 = if`: uses %6 before it is computed");
  expect_violation([](Module&, Func& f) { f.operand_pool[0] = ValueId{99}; },
                   "`%2 = neg`: has an operand that does not exist");
  expect_violation([](Module&, Func& f) { f[f.body().body[0]].first_operand = 99; },
                   "`%2 = neg`: has operands outside the pool");
  expect_violation([](Module&, Func& f) { f[f.body().body[0]].n_operands = -1; },
                   "`%2 = neg`: has operands outside the pool");
  expect_violation([](Module&, Func& f) { f[f.body().body[0]].type = TypeId{9999}; }, "`%2 = neg`: has no type");
  expect_violation([](Module&, Func& f) { f[f.body().body[0]].attr = AttrId{9999}; },
                   "`%2 = neg`: has an attribute that does not exist");
  expect_violation([](Module&, Func& f) { f[f.body().body[0]].op = {}; }, "`%2`: has an op that is not in the table");
  expect_violation([](Module&, Func& f) { f[f.body().result].first_block = BlockId{2}; },
                   "`%3 = if`: has a block that does not exist");
  expect_violation([](Module&, Func& f) { f[f.body().result].first_block = BlockId{0}; },
                   "`%3 = if`: has a block that does not exist");
  expect_violation([](Module&, Func& f) { f[f.body().result].n_blocks = 1; }, "`%3 = if`: owns 2 blocks, not 1");
  expect_violation([](Module&, Func& f) { f[f.body().body[0]].n_blocks = 1; }, "`%2 = neg`: owns 0 blocks, not 1");
  expect_violation([](Module& m, Func& f) { f[f.body().body[0]].type = m.types.array(DType::f64, {DimId{}}); },
                   "`%2 = neg`: has a size that does not exist (an overflow?)");
}

}  // namespace
}  // namespace dlc
