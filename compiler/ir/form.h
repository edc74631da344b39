// What the attribute of a non-elementwise op means. ir/ cannot see the op table (ops/ is built on ir/), yet text
// and the verifier must know that the ints of `sum` are axes and those of `view` a matrix: this is that fact, by
// the name of the row. An op without a form (`plain`) is read and printed with whatever attribute it has.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "ir/op.h"

namespace dlc {

enum class Form : uint8_t {
  plain,
  param,
  constant,
  size,
  tuple,
  get,
  call,
  if_region,
  map,
  for_region,
  while_region,
  index,
  put,
  add_at,
  view,
  view_adjoint,
  sum,
  prod,
  extreme,
  truth,
  arg_extreme,
  reshape,
  cumsum,
  batch_sum,
  stack,
  matmul,
  iota,
};

constexpr Form form_of(const Op& row) {
  if (row.kind == OpKind::elementwise) return Form::plain;
  struct Named {
    std::string_view name;
    Form form;
  };
  constexpr Named kForms[] = {{"param", Form::param},
                              {"const", Form::constant},
                              {"size", Form::size},
                              {"tuple", Form::tuple},
                              {"get", Form::get},
                              {"call", Form::call},
                              {"if", Form::if_region},
                              {"map", Form::map},
                              {"for", Form::for_region},
                              {"while", Form::while_region},
                              {"index", Form::index},
                              {"put", Form::put},
                              {"add_at", Form::add_at},
                              {"view", Form::view},
                              {"view_adjoint", Form::view_adjoint},
                              {"sum", Form::sum},
                              {"prod", Form::prod},
                              {"max_over", Form::extreme},
                              {"min_over", Form::extreme},
                              {"any", Form::truth},
                              {"all", Form::truth},
                              {"argmax", Form::arg_extreme},
                              {"argmin", Form::arg_extreme},
                              {"reshape", Form::reshape},
                              {"cumsum", Form::cumsum},
                              {"batch_sum", Form::batch_sum},
                              {"stack", Form::stack},
                              {"matmul", Form::matmul},
                              {"iota", Form::iota}};
  for (const Named& f : kForms)
    if (f.name == row.name) return f.form;
  return Form::plain;
}

/// Ops whose attribute is a list of reduced axes.
constexpr bool is_reduction(Form f) {
  return f == Form::sum || f == Form::prod || f == Form::extreme || f == Form::truth || f == Form::arg_extreme;
}

/// How many blocks an instruction of this row owns.
constexpr int n_blocks_of(const Op& row) {
  if (row.kind != OpKind::region) return 0;
  const Form form = form_of(row);
  return form == Form::if_region || form == Form::while_region ? 2 : 1;
}

/// What stands between the two blocks of an instruction in text.
constexpr std::string_view block_word(Form f) { return f == Form::while_region ? "do" : "else"; }

/// How text names what is known of subscripts: by the number of a `Bounds` (ops/array.h).
constexpr std::array<std::string_view, 5> kBoundsWords = {"", "guarded", "checked", "masked", "nonempty"};
/// Subscripts by arrays of ints or scalars: their attribute is one of these.
constexpr bool is_subscripting(Form f) { return f == Form::index || f == Form::put || f == Form::add_at; }

/// The attribute of each form as text names it: `{batch = 0, m = 1, n = 0, k = 1}`. Empty: not written that way.
struct IntNames {
  const char* names[4] = {};
  int count = 0;
};
constexpr IntNames int_names(Form f) {
  if (f == Form::matmul) return {{"batch", "m", "n", "k"}, 4};
  if (f == Form::cumsum) return {{"axis", "reverse"}, 2};
  if (f == Form::for_region || f == Form::while_region) return {{"carried", "every", "memory"}, 3};
  return {};
}

constexpr int kMaxRank = 32;          // of an array: keeps a view's matrix small whatever a text claims
constexpr int64_t kMaxElements = int64_t{1} << 48;  // of an array of constant sizes
constexpr int kMaxRegionDepth = 512;  // regions within regions: what reads IR may recurse over them
constexpr int kMaxTypeDepth = 64;     // tuples within tuples, divisions within divisions

}  // namespace dlc
