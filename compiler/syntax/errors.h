// Every message of the lexer and the parser: its slug, and what `dlc explain SLUG` says about it.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kSyntaxErrors[] = {
    // The text itself.
    {"file-too-large",
     "A source file may have at most 64 MiB. Programs are small; data belongs into files that `data` reads."},
    {"invalid-utf8",
     "Source text is UTF-8. The file holds bytes that are not: most often it was saved as Latin-1 or UTF-16. Save it "
     "as UTF-8. Reported once per file, at the first such byte."},
    {"nul-byte",
     "The file holds a zero byte, so it is probably not text (or UTF-16 text). Reported once per file, at the first."},
    {"stray-character",
     "A character that means nothing here. Typographic quotes and minus signs that come with text copied from a paper "
     "are the usual cause: write `\"` and `-`. Names may use letters of any script: `σ`, `x₁`."},
    {"foreign-operator",
     "An operator of another language. Here one writes `and` for `&&`, `or` for `||`, `not` for `!`, `^` for `**`, and "
     "`a = a % b` for `a %= b`."},
    {"unterminated-comment",
     "A comment that began with `/*` has no `*/` before the file ends. Such comments do not nest."},
    {"unterminated-string",
     "A string ends on the line it begins on, with `\"`. There are no escapes, so a string cannot hold a `\"` itself."},
    {"bad-number",
     "Numbers are written `12`, `1_000`, `0.5`, `1e-3`, `2.5e+10`: with a digit on both sides of the point and after "
     "`e`, in decimal, and no letter directly behind. `2x` is written `2 * x`, `.5` is `0.5`, `1.` is `1.0` (`1.` is "
     "not a number so that `1..n` is a range)."},
    {"number-out-of-range",
     "A number without `.` and exponent has to fit 64 bits (at most 9223372036854775807); with one of them it has to "
     "be "
     "a finite `f64` other than 0 unless all its digits are 0."},
    {"bytes-outside-attribute", "An amount of memory such as `64MiB` is only written in `@memory(…)`."},

    // Shape.
    {"expected-expression", "Something with a value had to stand here: a number, a name, `(`, `[`, `-`, `if`, `fn` …"},
    {"expected-token", "The grammar has only one way to go on here, and the text goes on otherwise."},
    {"expected-name",
     "A name had to stand here. Names begin with a letter (of any script) and go on with letters, digits and `_`."},
    {"reserved-name",
     "`let var fn if else for in while return break and or not true false` are words of the language and cannot be "
     "names. All other words, also `train`, `loss`, `data`, can."},
    {"expected-type",
     "A type had to stand here: `real`, `f32[n, d]`, a struct's name, `(A, B)`, `(a: A, b: B)` or `fn(A) -> B`."},
    {"expected-declaration",
     "At the top of a file stand declarations only: `const`, `fn`, `struct`, `model`, `train`, `export`, `derivative`. "
     "Statements stand inside a function."},
    {"expected-item", "A model holds `param`, `state`, `layer`, `loss` and `fn`, and nothing else."},
    {"expected-entry",
     "A `train` block holds `data`, `normalize`, `split`, `objective`, `optimizer`, `schedule`, `batch`, `accumulate`, "
     "`epochs`, `seed`, `clip`, `metrics`, `stop` and `save`."},
    {"expected-statement", "Neither a statement nor the value of a block begins like this."},
    {"unclosed-bracket",
     "A `(`, `[` or `{` has no partner. The place shown is where the partner was missed; the label shows the bracket."},
    {"unmatched-bracket",
     "A `)`, `]` or `}` closes nothing: the bracket that it was meant for is missing, or was closed earlier already."},
    {"must-touch",
     "A call's `(`, an index's `[` and a field's `.` touch what they follow: `f(x)`, `x[0]`, `s.h`. With a space "
     "between, a new expression would begin, because statements have no terminators."},
    {"juxtaposed-operands",
     "Two expressions stand side by side with nothing between. A product is written `a * b`, elements are separated "
     "by `,`, and the value of a block stands on its own line or after `;`."},
    {"too-deeply-nested",
     "Brackets, blocks, `else if`, prefix operators and `^` may nest 256 deep. Use `let` to name a part. Long sums and "
     "products are no nesting and may have any length."},

    // Rules of expressions and statements that shape alone decides.
    {"chained-comparison",
     "Comparisons do not chain: `a < b < c` would compare a truth value with c. Write `a < b and b < c`."},
    {"misplaced-not",
     "`not` binds weaker than comparisons and arithmetic: as an operand it needs parentheses, `a == (not b)`."},
    {"assignment-in-expression",
     "`=` assigns, and an assignment is a statement: it cannot stand in a condition or any other expression. To "
     "compare, "
     "write `==`."},
    {"not-assignable",
     "Left of `=` stands something that can be set: a `var`'s name, an element or slice `v[i]`, a field `s.h`, or a "
     "tuple of these `(a, b)`."},
    {"unused-value",
     "The value of an expression is used by nobody. An expression stands alone only at the end of a block that has a "
     "value; loops, and `if`s that are statements, have none. Functions are pure, so a call for its effect means "
     "nothing."},
    {"block-has-no-value",
     "The block of a function, or of an `if` that is used as a value, ends without a value. End it with an expression "
     "on its own line, or (in a function) with `return e`. Mind that a line that starts with an operator continues the "
     "line above: `let h = f(x)` and below it `-(y * h)` is one subtraction; write `return -(y * h)`."},
    {"if-needs-else", "An `if` that is used as a value needs an `else`: there must be a value in both cases."},
    {"return-in-loop",
     "`return` may not stand in a loop. Leave the loop with `break`, and carry what is to be returned in a `var`."},
    {"return-in-expression",
     "`return` stands in a function's body or in an `if` statement of it, not inside an expression."},
    {"break-outside-loop",
     "`break` leaves the loop it stands in. Here is none, or the `break` stands inside an expression or in a function "
     "of "
     "its own within the loop, which cannot leave it."},
    {"let-has-no-value",
     "`let` gives a name to a value, so it needs `= e`. A variable that is set later is `var v: T`."},
};

/// A slug of the table above; a misspelling does not build.
consteval const DiagnosticKind& syntax_error(std::string_view slug) { return find_kind<kSyntaxErrors>(slug); }

}  // namespace dlc
