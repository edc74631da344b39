// Text to IR: recursive descent over the lexer's tokens, in two passes. The first notes the functions' names, so
// that a call may come before its callee; the second builds the functions, which join the module only when the whole
// text has been read. Then the verifier looks at each. The reader itself checks only what it needs to build a value.
#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <deque>
#include <unordered_map>

#include "ir/errors.h"
#include "ir/form.h"
#include "ir/lexer.h"
#include "ir/text.h"
#include "ir/verify.h"

namespace dlc {
namespace {

using Kind = IrTokenKind;

struct Coordinate {
  DimId offset;
  std::vector<std::pair<int64_t, int64_t>> terms;  // (result axis, coefficient)
};

/// What stands between an instruction's op and its type.
struct Body {
  Attr attr;
  bool has_attr = false;
  std::vector<ValueId> operands;
  std::string literal;  // of a constant; its meaning depends on the type
  bool has_map = false, is_guarded = false;
  std::vector<Coordinate> map;    // of a view; its width depends on the type
  bool has_dims_of_type = false;  // reshape, iota
};

class Parser {
 public:
  Parser(const Sources& sources, FileId file, Module& m, const OpSet& ops, Diagnostics& diagnostics)
      : text_(sources[file].text), file_(file), m_(m), ops_(ops), diagnostics_(diagnostics), lexer_(text_) {}

  bool parse();

 private:
  // Each reads one construct and returns false after an error, which stops everything.
  bool collect_names();
  bool verify_all(size_t first);
  bool parse_function(bool is_request);
  bool parse_request_tail(Func& f);
  bool parse_path(std::vector<int>& out);
  bool parse_checks();
  bool parse_check_kind(SizeCheck::Kind& kind);
  bool parse_export();
  bool parse_params(BlockId block);
  bool parse_block(BlockId block, std::string_view result_word);
  bool parse_inst(BlockId block);
  bool parse_regions(Inst& in, int n_blocks, std::string_view between);

  bool parse_body(Form form, Body& body);
  bool parse_operands(std::vector<ValueId>& out);
  bool parse_call(Body& body);
  bool parse_map(Body& body);
  bool parse_literal(std::string& literal);
  bool parse_attr(Form form, Attr& a);
  bool parse_attr_entry(Form form, Attr& a);
  bool finish_body(Form form, TypeId type, Span where, Body& body);
  bool finish_view(Form form, const Type& type, Span where, Body& body);
  bool finish_constant(DType dtype, Body& body);

  bool parse_type(TypeId& out, int depth = 0);
  bool parse_named_type(const IrToken& name, TypeId& out, int depth);
  bool parse_fields(StrId name, TypeId& out, int depth);
  bool parse_dims(std::vector<DimId>& out);
  bool parse_dim(DimId& out, Coordinate* coordinate = nullptr, int depth = 0);
  bool parse_term(bool is_negative, DimId& out, Coordinate* coordinate, int depth);
  bool parse_factor(bool is_negative, DimId& out, int64_t* axis, int depth);

  bool parse_value(ValueId& out);
  bool parse_int(int64_t& out);
  bool parse_position(int& out);
  template <class T, class ParseItem>
  bool parse_list(std::vector<T>& out, ParseItem&& parse_item);  // [a, b]
  bool parse_ints(std::vector<int64_t>& out) {
    return parse_list(out, [&](int64_t& x) { return parse_int(x); });
  }
  bool parse_name(StrId& out);
  bool parse_func_ref(FuncId& out);

  const IrToken& token() const { return lexer_.token(); }
  Span span() const { return {file_, token().begin, token().end}; }
  bool is_mark(std::string_view mark) const { return token().kind == Kind::mark && token().text == mark; }
  bool is_word(std::string_view word) const {
    return token().kind == Kind::word && !token().is_quoted && token().text == word;
  }
  bool take_mark(std::string_view mark) { return is_mark(mark) && (lexer_.advance(), true); }
  bool take_word(std::string_view word) { return is_word(word) && (lexer_.advance(), true); }
  bool expect(std::string_view mark) { return take_mark(mark) || expected(fmt::format("`{}`", mark)); }
  bool expect_word(std::string_view word) { return take_word(word) || expected(fmt::format("`{}`", word)); }
  bool expected(std::string_view what);
  bool error(const DiagnosticKind& kind, Span where, std::string message) {
    diagnostics_.error(kind, where, std::move(message));
    return false;
  }

  const std::string& text_;
  FileId file_;
  Module& m_;
  const OpSet& ops_;
  Diagnostics& diagnostics_;
  IrLexer lexer_;
  Span literal_;  // of the last constant
  std::unordered_map<std::string, FuncId> names_;  // of the text's functions, with the ids they will get
  std::unordered_map<std::string_view, OpId> op_ids_;
  std::deque<Func> funcs_;
  std::vector<Export> exports_;
  Func* f_ = nullptr;
  std::unordered_map<std::string_view, ValueId> values_;  // of the current function, by the text's number
  int depth_ = 0;                                         // of regions
};

bool Parser::expected(std::string_view what) {
  const IrToken& t = token();
  const std::string seen =
      t.kind == Kind::end   ? "the end of the text"
      : t.kind == Kind::bad ? "this"
                            : fmt::format("`{}`", std::string_view(text_).substr(static_cast<size_t>(t.begin),
                                                                                 static_cast<size_t>(t.end - t.begin)));
  return error(find_kind<kIrErrors>("ir-syntax"), span(), fmt::format("expected {} but found {}", what, seen));
}

// --------------------------------------------------------------------------------------------------- the text

bool Parser::parse() {
  if (!collect_names()) return false;
  lexer_ = IrLexer(text_);
  while (token().kind != Kind::end) {
    const bool is_request = is_word("request");
    if (is_request || is_word("func")) {
      lexer_.advance();
      if (!parse_function(is_request)) return false;
    } else if (take_word("export")) {
      if (!parse_export()) return false;
    } else {
      return expected("`func`, `request` or `export`");
    }
  }
  const size_t first = m_.size();
  for (Func& f : funcs_) m_.add(std::move(f));
  m_.exports.insert(m_.exports.end(), exports_.begin(), exports_.end());
  return verify_all(first);
}

bool Parser::collect_names() {
  bool is_after_keyword = false;
  for (; token().kind != Kind::end; lexer_.advance()) {
    if (is_after_keyword && token().kind == Kind::function) {
      std::string name(token().text);
      if (m_.find(name) || names_.contains(name))
        return error(find_kind<kIrErrors>("ir-duplicate-function"), span(),
                     fmt::format("a function `{}` exists already", name));
      const FuncId id{static_cast<int32_t>(m_.size() + names_.size())};
      names_.emplace(std::move(name), id);
    }
    is_after_keyword = is_word("func") || is_word("request");
  }
  return true;
}

bool Parser::verify_all(size_t first) {
  bool is_good = true;
  for (size_t k = first; k < m_.size(); ++k) {
    const FuncId id{static_cast<int32_t>(k)};
    const auto violation = find_violation(m_, id, ops_);
    if (!violation) continue;
    const Func& f = m_[id];
    const Span where = violation->value ? f[violation->value].loc.span : f.loc.span;
    is_good = error(find_kind<kIrErrors>("ir-invalid"), where, fmt::format("in `{}`, {}", f.name, violation->message));
  }
  return is_good;
}

bool Parser::parse_function(bool is_request) {
  if (token().kind != Kind::function) return expected("the function's name, such as `@f`");
  // The names were collected in this order; a stray `func` before a name would shift them, but it does not parse.
  Func& f = funcs_.emplace_back();
  f_ = &f;
  values_.clear();
  f.name = std::string(token().text);
  f.loc.span = span();
  f.blocks.emplace_back();
  lexer_.advance();
  if (take_mark("[")) {
    do {
      if (!parse_name(f.size_vars.emplace_back())) return false;
    } while (take_mark(","));
    if (!expect("]")) return false;
  }
  if (!parse_params(BlockId{0}) || !expect("->")) return false;
  const Span result_span = span();
  TypeId result;
  if (!parse_type(result)) return false;
  f.is_kept = take_word("kept");
  if (take_word("rule") && !parse_func_ref(f.rule)) return false;
  if (is_request) {
    f.declared_result = result;
    if (!parse_request_tail(f)) return false;
    return !take_mark("{") || (parse_checks() && expect("}"));
  }
  if (!expect("{") || !parse_checks() || !parse_block(BlockId{0}, "return") || !expect("}")) return false;
  if (f[f.body().result].type != result)
    return error(
        find_kind<kIrErrors>("ir-invalid"), result_span,
        fmt::format("`{}` declares {} but returns {}", f.name, m_.types.text(result), m_.types.text(f.result_type())));
  return true;
}

bool Parser::parse_path(std::vector<int>& out) {
  while (take_word("field"))
    if (!parse_position(out.emplace_back())) return false;
  return true;
}

// = grad reverse of @f wrt [0, 2 field 1] list value field 1
bool Parser::parse_request_tail(Func& f) {
  constexpr std::string_view kKinds[] = {"grad", "value_and_grad", "jvp", "vjp", "jacobian", "hessian", "hvp"};
  DerivativeRequest r;
  if (!expect("=")) return false;
  bool is_found = false;
  for (int k = 0; k < 7 && !is_found; ++k)
    if (take_word(kKinds[k])) r.kind = static_cast<DerivativeRequest::Kind>(k), is_found = true;
  if (!is_found) return expected("`grad`, `value_and_grad`, `jvp`, `vjp`, `jacobian`, `hessian` or `hvp`");
  is_found = false;
  for (Mode mode : {Mode::reverse, Mode::forward, Mode::symbolic, Mode::numeric})
    if (!is_found && take_word(mode_name(mode))) r.mode = mode, is_found = true;
  if (!is_found) return expected("a mode");
  if (!expect_word("of") || !parse_func_ref(r.base) || !expect_word("wrt")) return false;
  if (!parse_list(r.wrt, [&](int& k) { return parse_position(k) && parse_path(r.paths.emplace_back()); })) return false;
  if (std::all_of(r.paths.begin(), r.paths.end(), [](const auto& path) { return path.empty(); })) r.paths.clear();
  r.is_list = take_word("list");
  r.with_value = take_word("value");
  if (take_word("field") && !parse_position(r.of)) return false;
  f.request = std::move(r);
  return true;
}

// check n - 3 >= 0 {extent = n}, or {extent = n, of = elements}
bool Parser::parse_checks() {
  while (is_word("check")) {
    SizeCheck c;
    c.loc.span = span();
    lexer_.advance();
    if (!parse_dim(c.nonnegative) || !expect(">=")) return false;
    if (token().text != "0") return expected("`0`");
    lexer_.advance();
    if (take_mark("{") && !(expect_word("extent") && expect("=") && parse_dim(c.extent) && parse_check_kind(c.kind) && expect("}"))) return false;
    f_->checks.push_back(c);
  }
  return true;
}

bool Parser::parse_check_kind(SizeCheck::Kind& kind) {
  if (!take_mark(",")) return true;
  if (!expect_word("of") || !expect("=")) return false;
  for (SizeCheck::Kind k : {SizeCheck::Kind::subscript, SizeCheck::Kind::elements, SizeCheck::Kind::size, SizeCheck::Kind::memory})
    if (take_word(check_name(k))) return kind = k, true;
  return expected("`subscript`, `elements`, `size` or `memory`");
}

bool Parser::parse_export() {
  Export e;
  e.span = span();
  StrId name;
  if (!parse_name(name) || !expect("=") || !parse_func_ref(e.func)) return false;
  e.name = std::string(m_.strings[name]);
  exports_.push_back(std::move(e));
  return true;
}

// ------------------------------------------------------------------------------------------------------ blocks

bool Parser::parse_params(BlockId block) {
  static constexpr std::string_view kParam = "param";
  if (!expect("(")) return false;
  if (take_mark(")")) return true;
  do {
    if (token().kind != Kind::value) return expected("a parameter, such as `%0 x: f64`");
    const std::string_view number = token().text;
    const Span where = span();
    lexer_.advance();
    StrId name;
    if (token().kind == Kind::word && !parse_name(name)) return false;
    TypeId type;
    if (!expect(":") || !parse_type(type)) return false;
    const ValueId v = append_param(m_, *f_, block, ops_.find(kParam), type, name, {where});
    if (!values_.emplace(number, v).second)
      return error(find_kind<kIrErrors>("ir-redefined-value"), where, fmt::format("`%{}` is defined twice", number));
  } while (take_mark(","));
  return expect(")");
}

bool Parser::parse_block(BlockId block, std::string_view result_word) {
  while (token().kind == Kind::value)
    if (!parse_inst(block)) return false;
  if (!expect_word(result_word)) return false;
  ValueId result;
  if (!parse_value(result)) return false;
  (*f_)[block].result = result;
  return true;
}

bool Parser::parse_inst(BlockId block) {
  const std::string_view number = token().text;
  Inst in;
  in.loc.span = span();
  lexer_.advance();
  if (!expect("=")) return false;
  if (token().kind != Kind::word) return expected("an op");
  auto [it, is_new] = op_ids_.emplace(token().text, OpId{});
  if (is_new) it->second = ops_.find(token().text);
  in.op = it->second;
  if (!in.op)
    return error(find_kind<kIrErrors>("ir-unknown-op"), span(), fmt::format("there is no op `{}`", token().text));
  lexer_.advance();

  const Op& row = ops_.row(in.op);
  const Form form = form_of(row);
  Body body;
  if (!parse_body(form, body)) return false;
  if (!parse_regions(in, n_blocks_of(row), block_word(form))) return false;
  if (!expect(":") || !parse_type(in.type) || !finish_body(form, in.type, in.loc.span, body)) return false;
  if (body.has_attr) in.attr = m_.intern(std::move(body.attr));
  const ValueId v = append(*f_, block, in, body.operands);
  return values_.emplace(number, v).second ||
         error(find_kind<kIrErrors>("ir-redefined-value"), in.loc.span, fmt::format("`%{}` is defined twice", number));
}

// (params) { … } else (params) { … }. Blocks of one instruction are consecutive: all are made before one is filled.
bool Parser::parse_regions(Inst& in, int n_blocks, std::string_view between) {
  if (n_blocks == 0) return true;
  if (depth_ >= kMaxRegionDepth)
    return error(find_kind<kIrErrors>("ir-too-deep"), span(),
                 fmt::format("regions are nested deeper than {}", kMaxRegionDepth));
  ++depth_;
  in.first_block = BlockId{static_cast<int32_t>(f_->blocks.size())};
  in.n_blocks = n_blocks;
  f_->blocks.resize(f_->blocks.size() + static_cast<size_t>(n_blocks));
  for (int32_t k = 0; k < n_blocks; ++k) {
    const BlockId block{in.first_block.i + k};
    if (k > 0 && !expect_word(between)) return false;
    if (!parse_params(block) || !expect("{") || !parse_block(block, "yield") || !expect("}")) return false;
  }
  --depth_;
  return true;
}

// ------------------------------------------------------------------------------------------------ instructions

/// Everything between the op and its regions or type. `{…}` in place of an op's own form gives any attribute as lists.
bool Parser::parse_body(Form form, Body& body) {
  const bool is_generic = is_mark("{");
  Attr& a = body.attr;
  if (form == Form::call && token().kind == Kind::function) return parse_call(body);
  if (form == Form::constant && !is_generic) return body.has_attr = true, parse_literal(body.literal);
  if (form == Form::size && !is_generic) return body.has_attr = true, parse_dim(a.dims.emplace_back());
  if (form == Form::map && take_word("examples")) a.ints = {1};
  if (form == Form::map && is_mark("["))
    return body.has_attr = true, parse_dims(a.dims) && parse_operands(body.operands);
  if (token().kind == Kind::value && !parse_operands(body.operands)) return false;
  if (is_mark("{")) return body.has_attr = true, parse_attr(form, a);
  if (form == Form::get && take_mark(".")) return body.has_attr = true, parse_int(a.ints.emplace_back());
  if (is_subscripting(form)) {
    body.has_attr = true, a.ints = {0};
    for (size_t k = 1; k < kBoundsWords.size(); ++k)
      if (take_word(kBoundsWords[k])) return a.ints = {static_cast<int64_t>(k)}, true;
    return true;
  }
  if (form == Form::reshape || form == Form::iota) return body.has_attr = body.has_dims_of_type = true;
  if ((form == Form::view || form == Form::view_adjoint) && is_mark("[")) return parse_map(body);
  return true;
}

bool Parser::parse_operands(std::vector<ValueId>& out) {
  if (token().kind != Kind::value) return true;
  do {
    if (!parse_value(out.emplace_back())) return false;
  } while (take_mark(","));
  return true;
}

// @f[n, %3](%0, %1)
bool Parser::parse_call(Body& body) {
  body.has_attr = true;
  if (!parse_func_ref(body.attr.func)) return false;
  std::vector<ValueId> sizes;
  int64_t position = 0;
  const auto parse_size = [&](DimId& d) {
    ++position;
    if (token().kind != Kind::value) return parse_dim(d);
    d = m_.types.dims.constant(0);
    body.attr.ints.push_back(position - 1);
    return parse_value(sizes.emplace_back());
  };
  if (is_mark("[") && !parse_list(body.attr.dims, parse_size)) return false;
  if (!expect("(") || !parse_operands(body.operands) || !expect(")")) return false;
  body.operands.insert(body.operands.end(), sizes.begin(), sizes.end());
  return true;
}

// [j0, 2*j1 + n - 1] guarded
bool Parser::parse_map(Body& body) {
  body.has_attr = body.has_map = true;
  if (!parse_list(body.map, [&](Coordinate& c) { return parse_dim(c.offset, &c); })) return false;
  body.is_guarded = take_word("guarded");
  return true;
}

bool Parser::parse_literal(std::string& literal) {
  literal_ = span();
  const bool is_negative = take_mark("-");
  if (token().kind != Kind::number && token().kind != Kind::word) return expected("a constant");
  literal_ = join(literal_, span());
  literal = (is_negative ? "-" : "") + std::string(token().text);
  lexer_.advance();
  if (literal != "nan" || !take_mark("(")) return true;
  literal = "nan " + std::string(token().text);
  lexer_.advance();
  return expect(")");
}

bool Parser::parse_attr(Form form, Attr& a) {
  if (!expect("{")) return false;
  do {
    if (!parse_attr_entry(form, a)) return false;
  } while (take_mark(","));
  return expect("}");
}

bool Parser::parse_attr_entry(Form form, Attr& a) {
  const IntNames names = int_names(form);
  for (int k = 0; k < names.count; ++k)
    if (take_word(names.names[k])) {
      a.ints.resize(static_cast<size_t>(names.count));
      return expect("=") && parse_int(a.ints[static_cast<size_t>(k)]);
    }
  if (take_word("ints") || (is_reduction(form) && take_word("axes")))
    return a.ints.clear(), expect("=") && parse_ints(a.ints);
  if (take_word("dims")) return a.dims.clear(), expect("=") && parse_dims(a.dims);
  if (take_word("name")) return expect("=") && parse_name(a.name);
  if (take_word("func")) return expect("=") && parse_func_ref(a.func);
  return expected("an attribute");
}

/// What of the attribute only the type tells.
bool Parser::finish_body(Form form, TypeId type_id, Span where, Body& body) {
  const Type type = m_.types[type_id];
  if (!body.literal.empty()) return finish_constant(type.dims.empty() ? type.dtype : DType::tuple, body);
  if (body.has_map) return finish_view(form, type, where, body);
  if (body.has_dims_of_type) body.attr.dims = type.dims;
  return true;
}

bool Parser::finish_constant(DType dtype, Body& body) {
  const std::string& text = body.literal;
  const char* const end = text.data() + text.size();
  std::from_chars_result read{text.data(), std::errc::invalid_argument};
  int64_t bits = 0;
  if (dtype == DType::b1 && (text == "true" || text == "false")) {
    bits = text == "true", read = {end, {}};
  } else if (dtype == DType::i64) {
    read = std::from_chars(text.data(), end, bits);
  } else if (is_float(dtype)) {
    double value = 0;
    if (text == "inf" || text == "-inf") {
      value = text == "inf" ? HUGE_VAL : -HUGE_VAL, read = {end, {}};
    } else if (text == "nan") {
      value = std::bit_cast<double>(uint64_t{0x7ff8000000000000}), read = {end, {}};
    } else if (text.starts_with("nan 0x")) {
      uint64_t payload = 0;
      read = std::from_chars(text.data() + 6, end, payload, 16);
      value = std::bit_cast<double>(payload);
      if (value == value) read.ec = std::errc::invalid_argument;
    } else if (dtype == DType::f32) {
      float narrow = 0;
      read = std::from_chars(text.data(), end, narrow);
      value = static_cast<double>(narrow);
    } else {
      read = std::from_chars(text.data(), end, value);
    }
    bits = std::bit_cast<int64_t>(value);
  }
  if (read.ec != std::errc{} || read.ptr != end)
    return error(find_kind<kIrErrors>("ir-number"), literal_,
                 fmt::format("`{}` is not a constant of type {}", text, dtype_name(dtype)));
  body.attr.ints = {bits};
  return true;
}

bool Parser::finish_view(Form form, const Type& type, Span where, Body& body) {
  if (body.operands.size() != 1) return error(find_kind<kIrErrors>("ir-syntax"), where, "a view has one operand");
  // The map starts from the indices of the result; that of an adjoint from those of the operand.
  const Type reader = form == Form::view ? type : m_.types[(*f_)[body.operands[0]].type];
  const size_t R = reader.dims.size(), S = body.map.size();
  if (S > static_cast<size_t>(kMaxRank))
    return error(find_kind<kIrErrors>("ir-too-deep"), where,
                 fmt::format("a view of rank {}; at most {} is supported", S, kMaxRank));
  Attr& a = body.attr;
  a.ints.assign(3 + R * S, 0);
  a.ints[0] = static_cast<int64_t>(R), a.ints[1] = static_cast<int64_t>(S), a.ints[2] = body.is_guarded;
  a.dims = reader.dims;
  for (size_t s = 0; s < S; ++s) {
    for (auto [axis, coefficient] : body.map[s].terms) {
      if (axis >= static_cast<int64_t>(R))
        return error(find_kind<kIrErrors>("ir-syntax"), where,
                     fmt::format("`j{}` does not exist: the map is over {} axes", axis, R));
      int64_t& sum = a.ints[3 + s * R + static_cast<size_t>(axis)];
      if (__builtin_add_overflow(sum, coefficient, &sum))
        return error(find_kind<kIrErrors>("ir-number"), where, "a coefficient overflows 64 bits");
    }
    a.dims.push_back(body.map[s].offset);
  }
  return true;
}

// ------------------------------------------------------------------------------------------------------- types

// f64, f64[n, 3], (a: f64, int), Point(x: f64, y: f64)
bool Parser::parse_type(TypeId& out, int depth) {
  if (is_mark("(")) return parse_fields({}, out, depth);
  if (token().kind != Kind::word) return expected("a type");
  const IrToken name = token();
  lexer_.advance();
  return parse_named_type(name, out, depth);
}

bool Parser::parse_named_type(const IrToken& name, TypeId& out, int depth) {
  if (is_mark("(")) return parse_fields(m_.strings.intern(name.text), out, depth);
  for (DType d : {DType::f32, DType::f64, DType::i64, DType::b1, DType::key}) {
    if (name.is_quoted || name.text != dtype_name(d)) continue;
    std::vector<DimId> dims;
    if (is_mark("[") && !parse_dims(dims)) return false;
    if (dims.size() > static_cast<size_t>(kMaxRank))
      return error(find_kind<kIrErrors>("ir-too-deep"), {file_, name.begin, name.end},
                   fmt::format("an array of rank {}; at most {} is supported", dims.size(), kMaxRank));
    out = m_.types.array(d, std::move(dims));
    return true;
  }
  return error(find_kind<kIrErrors>("ir-syntax"), {file_, name.begin, name.end},
               fmt::format("there is no type `{}`", name.text));
}

bool Parser::parse_fields(StrId struct_name, TypeId& out, int depth) {
  if (depth >= kMaxTypeDepth)
    return error(find_kind<kIrErrors>("ir-too-deep"), span(),
                 fmt::format("tuples are nested deeper than {}", kMaxTypeDepth));
  std::vector<Field> fields;
  if (!expect("(")) return false;
  while (!is_mark(")")) {
    if (!fields.empty() && !expect(",")) return false;
    Field field;
    if (token().kind == Kind::word) {
      const IrToken word = token();  // the field's name or the beginning of its type
      lexer_.advance();
      const bool is_name = take_mark(":");
      if (is_name) field.name = m_.strings.intern(word.text);
      if (is_name ? !parse_type(field.type, depth + 1) : !parse_named_type(word, field.type, depth + 1)) return false;
    } else if (!parse_type(field.type, depth + 1)) {
      return false;
    }
    fields.push_back(field);
  }
  out = m_.types.tuple(std::move(fields), struct_name);
  return expect(")");
}

bool Parser::parse_dims(std::vector<DimId>& out) {
  return parse_list(out, [&](DimId& d) { return parse_dim(d); });
}

// With a `coordinate`, terms such as `2*j1` go there, and `out` is what remains.
bool Parser::parse_dim(DimId& out, Coordinate* coordinate, int depth) {
  if (depth > kMaxTypeDepth)
    return error(find_kind<kIrErrors>("ir-too-deep"), span(),
                 fmt::format("a size is nested deeper than {}", kMaxTypeDepth));
  const Span begin = span();
  DimId sum;
  for (bool is_first = true;; is_first = false) {
    const bool is_negative = is_mark("-");
    if (is_negative || (is_mark("+") && !is_first))
      lexer_.advance();
    else if (!is_first)
      break;
    DimId term;
    if (!parse_term(is_negative, term, coordinate, depth)) return false;
    sum = is_first ? term : m_.types.dims.add(sum, term);
    if (!sum) return error(find_kind<kIrErrors>("ir-size"), join(begin, span()), "this size cannot be represented");
  }
  out = sum;
  return true;
}

bool Parser::parse_term(bool is_negative, DimId& out, Coordinate* coordinate, int depth) {
  DimTable& dims = m_.types.dims;
  const Span begin = span();
  DimId product;
  int64_t axis = -1;
  do {
    DimId factor;
    int64_t factor_axis = -1;
    if (!parse_factor(is_negative && !product, factor, coordinate ? &factor_axis : nullptr, depth)) return false;
    if (factor_axis >= 0 && axis >= 0)
      return error(find_kind<kIrErrors>("ir-syntax"), begin, "a map is linear in `j0`, `j1`, …");
    axis = std::max(axis, factor_axis);
    product = product ? dims.mul(product, factor) : factor;
    if (!product) return error(find_kind<kIrErrors>("ir-size"), join(begin, span()), "this size cannot be represented");
  } while (take_mark("*"));
  out = product;
  if (axis < 0) return true;
  const auto coefficient = dims.as_constant(product);
  if (!coefficient) return error(find_kind<kIrErrors>("ir-syntax"), begin, "the coefficients of a map are integers");
  coordinate->terms.push_back({axis, *coefficient});
  out = dims.constant(0);
  return true;
}

// A minus sign is given to the first factor, because -9223372036854775808 has no positive counterpart.
bool Parser::parse_factor(bool is_negative, DimId& out, int64_t* axis, int depth) {
  DimTable& dims = m_.types.dims;
  const DimId sign = dims.constant(is_negative ? -1 : 1);
  if (token().kind == Kind::number) {
    int64_t value = 0;
    const std::string digits = (is_negative ? "-" : "") + std::string(token().text);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size())
      return error(find_kind<kIrErrors>("ir-number"), span(), fmt::format("`{}` is not an integer of 64 bits", digits));
    lexer_.advance();
    out = dims.constant(value);
    return true;
  }
  if (take_mark("(")) {
    if (!parse_dim(out, nullptr, depth + 1) || !expect(")")) return false;
    out = dims.mul(sign, out);
    return true;
  }
  if (take_word("div")) {
    DimId a, b;
    if (!expect("(") || !parse_dim(a, nullptr, depth + 1) || !expect(",") || !parse_dim(b, nullptr, depth + 1) ||
        !expect(")"))
      return false;
    out = dims.mul(sign, dims.div(a, b));
    return true;
  }
  if (token().kind != Kind::word) return expected("a size");
  const IrToken name = token();
  lexer_.advance();
  if (axis && !name.is_quoted && name.text.size() > 1 && name.text[0] == 'j' && !is_bare_name(name.text)) {
    int64_t index = 0;
    const auto read = std::from_chars(name.text.data() + 1, name.text.data() + name.text.size(), index);
    if (read.ec != std::errc{})
      return error(find_kind<kIrErrors>("ir-number"), {file_, name.begin, name.end}, "no axis has such a number");
    *axis = index;
    out = sign;
    return true;
  }
  out = dims.mul(sign, dims.variable(m_.strings.intern(name.text)));
  return true;
}

// ------------------------------------------------------------------------------------------------------- atoms

bool Parser::parse_value(ValueId& out) {
  if (token().kind != Kind::value) return expected("a value, such as `%0`");
  const auto it = values_.find(token().text);
  if (it == values_.end())
    return error(find_kind<kIrErrors>("ir-undefined-value"), span(),
                 fmt::format("`%{}` is used before it is defined", token().text));
  out = it->second;
  lexer_.advance();
  return true;
}

bool Parser::parse_int(int64_t& out) {
  const Span begin = span();
  const char* const sign = take_mark("-") ? "-" : "";
  const std::string digits = sign + std::string(token().text);
  if (token().kind != Kind::number) return expected("an integer");
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size())
    return error(find_kind<kIrErrors>("ir-number"), join(begin, span()),
                 fmt::format("`{}` is not an integer of 64 bits", digits));
  lexer_.advance();
  return true;
}

bool Parser::parse_position(int& out) {
  const Span begin = span();
  int64_t value = 0;
  if (!parse_int(value)) return false;
  if (value < 0 || value > INT32_MAX)
    return error(find_kind<kIrErrors>("ir-number"), begin, fmt::format("{} is not a position", value));
  out = static_cast<int>(value);
  return true;
}

template <class T, class ParseItem>
bool Parser::parse_list(std::vector<T>& out, ParseItem&& parse_item) {
  if (!expect("[")) return false;
  if (take_mark("]")) return true;
  do {
    if (!parse_item(out.emplace_back())) return false;
  } while (take_mark(","));
  return expect("]");
}

bool Parser::parse_name(StrId& out) {
  if (token().kind != Kind::word) return expected("a name");
  out = m_.strings.intern(token().text);
  lexer_.advance();
  return true;
}

bool Parser::parse_func_ref(FuncId& out) {
  if (token().kind != Kind::function) return expected("a function, such as `@f`");
  const std::string name(token().text);
  const auto it = names_.find(name);
  out = it != names_.end() ? it->second : m_.find(name);
  if (!out)
    return error(find_kind<kIrErrors>("ir-unknown-function"), span(), fmt::format("there is no function `{}`", name));
  lexer_.advance();
  return true;
}

}  // namespace

bool parse_ir(const Sources& sources, FileId file, Module& m, const OpSet& ops, Diagnostics& diagnostics) {
  return Parser(sources, file, m, ops, diagnostics).parse();
}

}  // namespace dlc
