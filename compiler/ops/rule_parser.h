// The compiler of rule texts: recursive descent, constexpr throughout, so that a wrong text stops the build; the same
// code runs at run time for texts that only a test knows. It is told the ops by an OpIndex, not by the table.
#pragma once
#include <string_view>

#include "ops/rule.h"

namespace dlc {

/// What the parser needs to know of a row.
struct OpShape {
  std::string_view name, symbol;
  int8_t arity = 0, precedence = 0;
  OpKind kind = OpKind::elementwise;
  TypeRule type = TypeRule::none;
  bool commutative = false;
  /// The name it is called by in dlc text: `floor_div` is called `div`.
  constexpr std::string_view call_name() const { return precedence == 0 && !symbol.empty() ? symbol : name; }
};

/// FNV-1a. Names are compared by it first: the evaluator of constants is slow, and texts have thousands of names.
constexpr uint32_t hash_name(std::string_view name) {
  uint32_t h = 2166136261u;
  for (char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  return h;
}

/// The rows as the parser looks them up; make it with make_index.
struct OpIndex {
  static constexpr uint32_t kBuckets = 1024;  // open addressing, several times the number of rows
  std::span<const OpShape> rows;
  std::array<int16_t, kBuckets> by_call_name{};  // row + 1
  std::array<int16_t, 64> operators{};           // rows with precedence > 0
  int n_operators = 0;
  int16_t to_f32 = -1, to_f64 = -1;

  /// The row that `name(…)` calls, or -1.
  constexpr int find_call(std::string_view name, uint32_t hash) const {
    for (uint32_t i = hash % kBuckets; by_call_name[i] != 0; i = (i + 1) % kBuckets)
      if (rows[static_cast<size_t>(by_call_name[i] - 1)].call_name() == name) return by_call_name[i] - 1;
    return -1;
  }
  constexpr const OpShape& row(int i) const { return rows[static_cast<size_t>(i)]; }
};

constexpr OpIndex make_index(std::span<const OpShape> rows) {
  OpIndex index;
  index.rows = rows;
  // Names of functions go first, so that `div(…)` is floor_div and not the operator `/`, whose row is named div.
  for (int operators = 0; operators < 2; ++operators) {
    for (size_t r = 0; r < rows.size(); ++r) {
      if ((rows[r].precedence > 0) != (operators == 1)) continue;
      uint32_t i = hash_name(rows[r].call_name()) % OpIndex::kBuckets;
      while (index.by_call_name[i] != 0) i = (i + 1) % OpIndex::kBuckets;
      index.by_call_name[i] = static_cast<int16_t>(r + 1);
    }
  }
  for (size_t r = 0; r < rows.size(); ++r) {
    const int16_t row = static_cast<int16_t>(r);
    if (rows[r].precedence > 0) index.operators[static_cast<size_t>(index.n_operators++)] = row;
    if (rows[r].type == TypeRule::to_f32) index.to_f32 = row;
    if (rows[r].type == TypeRule::to_f64) index.to_f64 = row;
  }
  return index;
}

struct RuleError {
  const char* message = nullptr;  // null: none
  int position = 0;               // in the text
};

class RuleParser {
 public:
  using Kind = RuleNode::Kind;

  /// Parses text[begin, end), appending nodes to `out`. `self` is what a literal without siblings becomes.
  constexpr RuleParser(const OpIndex& ops, std::string_view text, int begin, int end, RuleType self, std::span<RuleNode> out,
                       int16_t first_slot)
      : ops_(ops), text_(text.data()), at_(begin), end_(end), self_(self), out_(out.data()),
        capacity_(static_cast<int>(out.size())), next_slot_(first_slot) {}

  constexpr void bind(std::string_view name, Kind kind, int index, RuleType type) {
    names_[n_names_++] = {hash_name(name), name, kind, type, static_cast<int16_t>(index)};
  }
  /// The node of the final expression, of type `wanted` (untyped: any); -1 on an error.
  constexpr int parse(RuleType wanted) {
    int result = parse_block();
    if (result >= 0 && wanted != RuleType::untyped) result = coerce(result, wanted);
    if (result >= 0 && at_ < end_) result = fail("text after the expression");
    for (int i = 0; i < n_names_ && result >= 0; ++i)
      if (names_[i].is_let && !names_[i].used) result = fail("a `let` that is never used");
    return result;
  }
  constexpr RuleError error() const { return error_; }
  constexpr int n_nodes() const { return n_; }
  constexpr int16_t next_slot() const { return next_slot_; }

 private:
  static constexpr int kMaxNames = 120, kMaxDepth = 60;

  struct Name {
    uint32_t hash = 0;
    std::string_view text;
    Kind kind = Kind::op;
    RuleType type = RuleType::untyped;
    int16_t index = 0;
    int16_t node = -1;             // of an operand: made at its first mention
    bool is_let = false, used = false;
    bool whole = false;
    int16_t begin = 0, length = 0;  // of a `let` bound to a bare literal: each mention is that literal anew
  };

  constexpr int fail(const char* message) {
    if (error_.message == nullptr) error_ = {message, at_};
    return -1;
  }

  // Scanning. A name's bytes may be UTF-8.
  static constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static constexpr bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
  }
  constexpr char peek(int ahead = 0) const { return at_ + ahead < end_ ? text_[at_ + ahead] : '\0'; }
  constexpr void skip() {
    for (; at_ < end_; ++at_) {
      const char c = text_[at_];
      if (c == ' ' || c == '\n' || c == '\t') continue;
      if (c != '/' || peek(1) != '/') return;
      while (at_ < end_ && text_[at_] != '\n') ++at_;
    }
  }
  constexpr bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    skip();
    return true;
  }
  /// The name that starts here ("" if none); its hash is left in hash_.
  constexpr std::string_view scan_name() {
    const int begin = at_;
    hash_ = 2166136261u;  // as hash_name
    for (; at_ < end_ && is_name_char(text_[at_]); ++at_) hash_ = (hash_ ^ static_cast<unsigned char>(text_[at_])) * 16777619u;
    return {text_ + begin, static_cast<size_t>(at_ - begin)};
  }
  constexpr bool is_word(const char* word, int length) const {
    for (int i = 0; i < length; ++i)
      if (peek(i) != word[i]) return false;
    return !is_name_char(peek(length));
  }
  constexpr bool accept_word(const char* word) {
    if (peek() != word[0] || !is_word(word, 3)) return false;
    at_ += 3;
    skip();
    return true;
  }
  constexpr void scan_digits() {
    while (at_ < end_ && is_digit(text_[at_])) ++at_;
  }
  /// Moves past a number; true if it is written as a whole one.
  constexpr bool scan_number() {
    scan_digits();
    const int whole_end = at_;
    if (peek() == '.' && is_digit(peek(1))) ++at_, scan_digits();
    if ((peek() == 'e' || peek() == 'E') && (is_digit(peek(1)) || ((peek(1) == '+' || peek(1) == '-') && is_digit(peek(2))))) {
      at_ += 2;
      scan_digits();
    }
    return at_ == whole_end;
  }

  // Nodes.
  constexpr int add(const RuleNode& node) {
    if (n_ >= capacity_) return fail("too many nodes");
    out_[n_] = node;
    return n_++;
  }
  constexpr RuleNode& at(int node) { return out_[node]; }
  /// `whole`: written without `.` and `e`, so that it may become an int; kept in arg[2].
  constexpr int add_literal(int begin, int length, bool whole, RuleType type = RuleType::untyped) {
    RuleNode node;
    node.kind = Kind::literal, node.type = type, node.index = next_slot_++;
    node.arg[0] = static_cast<int16_t>(begin), node.arg[1] = static_cast<int16_t>(length), node.arg[2] = whole;
    return add(node);
  }
  constexpr bool is_untyped(int node) { return out_[node].type == RuleType::untyped; }
  constexpr bool is_whole_literal(int node) { return is_untyped(node) && out_[node].arg[2] == 1; }

  /// `node` as a `type`: types a literal, converts an int to a float. Nothing else converts silently.
  constexpr int coerce(int node, RuleType type) {
    if (at(node).type == type) return node;
    if (is_untyped(node)) {
      if (type == RuleType::b1) return fail("a number where a bool is wanted");
      if (type == RuleType::i64 && !is_whole_literal(node)) return fail("a literal that is not whole where an int is wanted");
      at(node).type = type;
      return node;
    }
    if (at(node).type != RuleType::i64 || type == RuleType::b1) return fail("operands of different types");
    RuleNode conversion;
    conversion.type = type, conversion.n_args = 1, conversion.arg[0] = static_cast<int16_t>(node);
    conversion.index = type == RuleType::f32 ? ops_.to_f32 : ops_.to_f64;
    if (type == RuleType::self) conversion.kind = Kind::conversion, conversion.arg[1] = ops_.to_f32;
    return add(conversion);
  }

  /// One type for args[first…): the float among them, else int, else `self`.
  constexpr RuleType unify(std::span<int> args, bool floats_only) {
    RuleType type = RuleType::untyped;
    bool any_int = false, whole = true;
    for (int arg : args) {
      const RuleType t = at(arg).type;
      if (t == RuleType::i64) any_int = true;
      else if (t == RuleType::untyped) whole = whole && is_whole_literal(arg);
      else if (type == RuleType::untyped) type = t;
      else if (type != t) fail("operands of different types");
    }
    if (type == RuleType::untyped) type = any_int && whole && !(floats_only && args.size() == 1) ? RuleType::i64 : self_;
    if (floats_only && (type == RuleType::b1 || type == RuleType::i64)) {
      if (self_ != RuleType::i64) fail("a float is wanted here");
    }
    for (int& arg : args) {
      if (error_.message == nullptr) arg = coerce(arg, type);
    }
    return type;
  }

  /// The type of row `op` applied to `args`, which are converted on the way.
  constexpr RuleType check(const OpShape& op, std::span<int> args) {
    const auto as = [&](int k, RuleType type) { args[static_cast<size_t>(k)] = coerce(args[static_cast<size_t>(k)], type); };
    switch (op.type) {
      case TypeRule::same_float: return unify(args, true);
      case TypeRule::same_number: return unify(args, false);
      case TypeRule::compare:
      case TypeRule::equality: return unify(args, false), RuleType::b1;
      case TypeRule::logic:
        for (int& arg : args)
          if (error_.message == nullptr) arg = coerce(arg, RuleType::b1);
        return RuleType::b1;
      case TypeRule::integer:
        for (int& arg : args)
          if (error_.message == nullptr) arg = coerce(arg, RuleType::i64);
        return RuleType::i64;
      case TypeRule::select: return as(0, RuleType::b1), unify(args.subspan(1), false);
      case TypeRule::float_int: return as(1, RuleType::i64), unify(args.first(1), true);
      case TypeRule::int_float: return as(0, RuleType::i64), unify(args.subspan(1), true);
      case TypeRule::to_f32: return literal_as(args[0], RuleType::f32), RuleType::f32;
      case TypeRule::to_f64: return literal_as(args[0], RuleType::f64), RuleType::f64;
      case TypeRule::to_int: return literal_as(args[0], self_), RuleType::i64;
      case TypeRule::bits: return unify(args, true), RuleType::i64;
      case TypeRule::from_bits64: return as(0, RuleType::i64), RuleType::f64;
      case TypeRule::from_bits32: return as(0, RuleType::i64), RuleType::f32;
      case TypeRule::to_key: case TypeRule::key_bits: case TypeRule::none: break;  // rules know no keys
    }
    fail("not an op on scalars");
    return RuleType::untyped;
  }
  constexpr void literal_as(int node, RuleType type) {
    if (is_untyped(node)) at(node).type = type;
  }

  constexpr int add_op(int row, std::span<int> args) {
    if (error_.message != nullptr) return -1;
    const OpShape& op = ops_.row(row);
    if (op.arity != static_cast<int>(args.size())) return fail("wrong number of arguments");
    RuleNode node;
    node.type = check(op, args);
    if (error_.message != nullptr) return -1;
    node.index = static_cast<int16_t>(row), node.n_args = op.arity, node.commutative = op.commutative;
    for (size_t k = 0; k < args.size(); ++k) node.arg[k] = static_cast<int16_t>(args[k]);
    return add(node);
  }

  /// The row of an operator: the first that takes these operands (`^` is `powi` when the exponent is whole).
  constexpr int add_operator(std::string_view symbol, std::span<int> args) {
    for (int i = 0; i < ops_.n_operators; ++i) {
      const int16_t row = ops_.operators[static_cast<size_t>(i)];
      const OpShape& op = ops_.row(row);
      if (op.symbol != symbol || op.arity != static_cast<int>(args.size())) continue;
      if (op.type == TypeRule::float_int && at(args[1]).type != RuleType::i64 && !is_whole_literal(args[1])) continue;
      return add_op(row, args);
    }
    return fail("no such operator");
  }

  // Grammar.
  constexpr int parse_block() {
    skip();
    while (accept_word("let")) {
      const std::string_view name = scan_name();
      const uint32_t hash = hash_;
      skip();
      if (name.empty() || !accept('=')) return fail("`let name = expression` is wanted");
      const int value = parse_binary(1);
      if (value < 0) return -1;
      if (n_names_ == kMaxNames) return fail("too many names");
      Name& entry = names_[n_names_++];
      entry.hash = hash, entry.text = name, entry.is_let = true, entry.node = static_cast<int16_t>(value);
      if (is_untyped(value)) {
        entry.begin = at(value).arg[0], entry.length = at(value).arg[1], entry.whole = at(value).arg[2] == 1;
        if (value == n_ - 1) --n_, --next_slot_;
      }
      accept(';');
    }
    return parse_binary(1);
  }

  struct Infix {
    std::string_view symbol;
    int level = 0;  // 0: none; `^` is parse_unary's
  };
  /// The binary operator that starts here; does not move.
  constexpr Infix peek_operator() const {
    const bool equals = peek(1) == '=';
    switch (peek()) {
      case 'o': return is_word("or", 2) ? Infix{"or", 1} : Infix{};
      case 'a': return is_word("and", 3) ? Infix{"and", 2} : Infix{};
      case '<': return equals ? Infix{"<=", 4} : Infix{"<", 4};
      case '>': return equals ? Infix{">=", 4} : Infix{">", 4};
      case '=': return equals ? Infix{"==", 4} : Infix{};
      case '!': return equals ? Infix{"!=", 4} : Infix{};
      case '+': return {"+", 5};
      case '-': return {"-", 5};
      case '*': return {"*", 6};
      case '/': return {"/", 6};
      case '%': return {"%", 6};
      default: return {};
    }
  }

  constexpr int parse_binary(int lowest) {
    if (++depth_ > kMaxDepth) return fail("nested too deeply");
    int left = parse_unary();
    bool compared = false;
    while (left >= 0) {
      const Infix op = peek_operator();
      if (op.level == 0 || op.level < lowest) break;
      if (op.level == 4 && compared) return fail("comparisons do not chain");
      compared = op.level == 4;
      at_ += static_cast<int>(op.symbol.size());
      skip();
      const int right = parse_binary(op.level + 1);
      if (right < 0) return -1;
      int args[2] = {left, right};
      left = add_operator(op.symbol, args);
    }
    --depth_;
    return left;
  }

  constexpr int parse_unary() {
    if (accept_word("not")) {
      int args[1] = {parse_binary(4)};
      return args[0] < 0 ? -1 : add_operator("not", args);
    }
    if (peek() == '-' && is_digit(peek(1))) {  // a negative literal, unless it is -2^x
      const int begin = at_++;
      const bool whole = scan_number();
      const int length = at_ - begin;
      skip();
      if (peek() != '^') return add_literal(begin, length, whole);
      at_ = begin;
    }
    if (accept('-')) {
      int args[1] = {parse_unary()};
      return args[0] < 0 ? -1 : add_operator("-", args);
    }
    const int base = parse_primary();
    if (base < 0 || !accept('^')) return base;
    int args[2] = {base, parse_unary()};
    return args[1] < 0 ? -1 : add_operator("^", args);
  }

  constexpr int parse_primary() {
    const int begin = at_;
    if (accept('(')) {
      const int inner = parse_binary(1);
      return inner >= 0 && !accept(')') ? fail("`)` is wanted") : inner;
    }
    if (is_digit(peek())) {
      const bool whole = scan_number();
      const int length = at_ - begin;
      skip();
      return add_literal(begin, length, whole);
    }
    const std::string_view name = scan_name();
    const uint32_t hash = hash_;
    if (name.empty()) return fail("an expression is wanted");
    if (peek() == '(') return parse_call(name, hash);
    skip();
    const int known = mention(name, hash);
    if (known >= 0) return known;
    if (name == "inf" || name == "nan") return add_literal(begin, 3, false);
    if (name == "true" || name == "false") return add_literal(begin, static_cast<int>(name.size()), false, RuleType::b1);
    return fail("a name that is not in scope");
  }

  constexpr int mention(std::string_view text, uint32_t hash) {
    for (int i = n_names_; i-- > 0;) {
      Name& name = names_[i];
      if (name.hash != hash || name.text != text) continue;
      name.used = true;
      if (name.length > 0) return add_literal(name.begin, name.length, name.whole);
      if (name.node < 0) {
        RuleNode node;
        node.kind = name.kind, node.type = name.type, node.index = name.index;
        name.node = static_cast<int16_t>(add(node));
      }
      return name.node;
    }
    return -1;
  }

  constexpr int parse_call(std::string_view name, uint32_t hash) {
    accept('(');
    int args[3] = {-1, -1, -1};
    size_t n = 0;
    do {
      if (n == 3) return fail("wrong number of arguments");
      args[n] = parse_binary(1);
      if (args[n++] < 0) return -1;
    } while (accept(','));
    if (!accept(')')) return fail("`)` is wanted");
    if (name == "float" && n == 1) {  // the rule's own type
      literal_as(args[0], self_);
      return coerce(args[0], self_);
    }
    const int row = ops_.find_call(name, hash);
    return row < 0 ? fail("no op has this name") : add_op(row, std::span<int>(args, n));
  }

  const OpIndex& ops_;
  const char* text_;
  int at_, end_;
  RuleType self_;
  RuleNode* out_;
  int capacity_, n_ = 0, depth_ = 0;
  uint32_t hash_ = 0;
  int16_t next_slot_;
  Name names_[kMaxNames] = {};
  int n_names_ = 0;
  RuleError error_;
};

/// The type of operand k of an op on `self`.
constexpr RuleType operand_type(TypeRule rule, int k, RuleType self) {
  switch (rule) {
    case TypeRule::logic: return RuleType::b1;
    case TypeRule::select: return k == 0 ? RuleType::b1 : self;
    case TypeRule::integer:
    case TypeRule::from_bits64:
    case TypeRule::from_bits32: return RuleType::i64;
    case TypeRule::float_int: return k == 1 ? RuleType::i64 : self;
    case TypeRule::int_float: return k == 0 ? RuleType::i64 : self;
    default: return self;
  }
}

constexpr RuleType result_type(TypeRule rule, RuleType self) {
  switch (rule) {
    case TypeRule::compare:
    case TypeRule::equality:
    case TypeRule::logic: return RuleType::b1;
    case TypeRule::integer:
    case TypeRule::to_int:
    case TypeRule::bits: return RuleType::i64;
    case TypeRule::to_f32:
    case TypeRule::from_bits32: return RuleType::f32;
    case TypeRule::to_f64:
    case TypeRule::from_bits64: return RuleType::f64;
    default: return self;
  }
}

/// The outcome of compiling one text: `rule` without its `nodes` pointer (they are out[0, n_nodes)).
struct ParsedRule {
  Rule rule;
  RuleError error;
  int16_t next_slot = 0;
};

constexpr ParsedRule finish(RuleParser& parser, const char* text, RuleType wanted, std::span<const RuleNode> out) {
  ParsedRule parsed;
  parsed.rule.text = text;
  parsed.rule.result = static_cast<int16_t>(parser.parse(wanted));
  parsed.rule.n_nodes = static_cast<int16_t>(parser.n_nodes());
  parsed.error = parser.error();
  parsed.next_slot = parser.next_slot();
  for (int i = 0; i < parser.n_nodes(); ++i) {
    const RuleNode& node = out[static_cast<size_t>(i)];
    if (node.kind == RuleNode::Kind::operand && node.index < 3) parsed.rule.mentions |= static_cast<uint8_t>(1 << node.index);
    if (node.kind == RuleNode::Kind::result) parsed.rule.mentions |= 1 << Rule::kY;
    if (node.kind == RuleNode::Kind::carried) parsed.rule.mentions |= 1 << Rule::kG;
  }
  return parsed;
}

/// A `diff` text of `op`: over its operands, `y` and `g`, on its own dtype.
constexpr ParsedRule parse_diff(const OpIndex& ops, const OpShape& op, int operand, const char* text, std::span<RuleNode> out, int16_t first_slot) {
  const std::string_view view(text);
  const RuleType self = RuleType::self;
  if (view.empty()) {
    ParsedRule none;
    none.rule.text = text, none.rule.not_differentiable = true, none.next_slot = first_slot;
    return none;
  }
  RuleParser parser(ops, view, 0, static_cast<int>(view.size()), self, out, first_slot);
  const std::string_view letters = "abc";
  for (int k = 0; k < op.arity; ++k)
    parser.bind(letters.substr(static_cast<size_t>(k), 1), RuleNode::Kind::operand, k, operand_type(op.type, k, self));
  const bool conversion = op.type == TypeRule::to_f32 || op.type == TypeRule::to_f64;  // whoever walks it converts g
  const RuleType result = conversion ? self : result_type(op.type, self);
  parser.bind("y", RuleNode::Kind::result, 0, result);
  parser.bind("g", RuleNode::Kind::carried, 0, result);
  ParsedRule parsed = finish(parser, text, operand_type(op.type, operand, self), out);
  parsed.rule.zero = view == "0";
  return parsed;
}

/// An expansion of `op` for operands of `dtype`.
constexpr ParsedRule parse_expansion(const OpIndex& ops, const OpShape& op, DType dtype, const char* text, std::span<RuleNode> out, int16_t first_slot) {
  const std::string_view view(text);
  const RuleType self = dtype == DType::f32 ? RuleType::f32 : dtype == DType::f64 ? RuleType::f64 : RuleType::i64;
  RuleParser parser(ops, view, 0, static_cast<int>(view.size()), self, out, first_slot);
  const std::string_view letters = "abc";
  for (int k = 0; k < op.arity; ++k)
    parser.bind(letters.substr(static_cast<size_t>(k), 1), RuleNode::Kind::operand, k, operand_type(op.type, k, self));
  ParsedRule parsed = finish(parser, text, result_type(op.type, self), out);
  parsed.rule.dtype = dtype;
  return parsed;
}

struct ParsedPattern {
  ParsedRule left, right;
};

/// "left => right"; nodes of the left come first.
constexpr ParsedPattern parse_pattern(const OpIndex& ops, const char* text, std::span<RuleNode> out, int16_t first_slot) {
  const std::string_view view(text);
  const size_t arrow = view.find("=>");
  ParsedPattern pattern;
  if (arrow == std::string_view::npos) {
    pattern.left.error = {"`=>` is wanted", 0};
    return pattern;
  }
  const auto side = [&](size_t begin, size_t end, std::span<RuleNode> nodes, int16_t slot) {
    RuleParser parser(ops, view, static_cast<int>(begin), static_cast<int>(end), RuleType::self, nodes, slot);
    constexpr std::string_view kNames = "abcpqmn";
    for (int k = 0; k < RewriteRule::kNames; ++k)
      parser.bind(kNames.substr(static_cast<size_t>(k), 1), RuleNode::Kind::operand, k,
                  k < 3 ? RuleType::self : k < 5 ? RuleType::b1 : RuleType::i64);
    return finish(parser, text, RuleType::untyped, nodes);
  };
  pattern.left = side(0, arrow, out, first_slot);
  pattern.right = side(arrow + 2, view.size(), out.subspan(static_cast<size_t>(pattern.left.rule.n_nodes)), pattern.left.next_slot);
  return pattern;
}

/// The rows of the op table (ops/rules.cpp), for texts that are parsed at run time.
const OpIndex& op_index();

}  // namespace dlc
