// All rule texts of the table, compiled with this file: a static_assert fails, naming the text, when one does not
// parse, does not type, or when an elementwise row leaves out a derivative. Two stages, because a constant cannot hold
// pointers into itself while it is made: first nodes and offsets (Compiled), then rules pointing at the nodes (Linked).
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "ops/rows.h"
#include "ops/rule_parser.h"
#include "ops/table.h"
#ifdef DLC_EXTRA_OP_ROWS
#include DLC_EXTRA_OP_ROWS
#endif

namespace dlc {
namespace {

/// The texts of a row and where it is.
struct RowTexts {
  const char* const* diff;
  const char* const* identity;
  const char* const* stable;
  const char* const* fast;
  const Emit* emit;
};
constexpr int kMaxIdentities = 8, kMaxStable = 4, kMaxFast = 6;

template <class F>
constexpr void for_each_row(F f) {
  for (const auto& row : meaning::kArithmeticRows<NoMeaning>) f(row);
  for (const auto& row : meaning::kElementaryRows<NoMeaning>) f(row);
  for (const auto& row : meaning::kInternalRows<NoMeaning>) f(row);
  for (const auto& row : kArrayRows) f(row);
#ifdef DLC_EXTRA_OP_ROWS
  for (const auto& row : meaning::kExtraRows<NoMeaning>) f(row);
#endif
}

consteval int count_rows() {
  int n = 0;
  for_each_row([&](const auto&) { ++n; });
  return n;
}
constexpr int kRows = count_rows();

struct Shapes {
  std::array<OpShape, kRows> rows;
  std::array<RowTexts, kRows> texts;
};

consteval Shapes make_shapes() {
  Shapes s;
  size_t n = 0;
  for_each_row([&](const auto& row) {
    OpShape& shape = s.rows[n];
    shape.name = row.name, shape.arity = row.arity, shape.kind = row.kind, shape.type = row.type;
    if (row.symbol != nullptr) shape.symbol = row.symbol;
    shape.precedence = row.precedence, shape.commutative = row.commutative;
    s.texts[n++] = {row.diff, row.identity, row.stable, row.fast, &row.emit};
  });
  return s;
}
constexpr Shapes kShapes = make_shapes();
constexpr OpIndex kIndex = make_index(kShapes.rows);

consteval auto sort_by_name() {
  std::array<int16_t, kRows> order;
  for (size_t i = 0; i < kRows; ++i) order[i] = static_cast<int16_t>(i);
  std::sort(order.begin(), order.end(), [](int16_t a, int16_t b) { return kIndex.row(a).name < kIndex.row(b).name; });
  return order;
}
constexpr auto kByName = sort_by_name();
static_assert(std::adjacent_find(kByName.begin(), kByName.end(), [](int16_t a, int16_t b) {
                return kIndex.row(a).name == kIndex.row(b).name;
              }) == kByName.end(), "two rows of one name");

// Stage 1.

/// What is wrong with the table, as a value that a template can be given: then the build's error message shows it.
struct WrongText {
  char chars[240] = {};
  int length = 0;
};

struct Entry {
  Rule rule;  // without nodes
  int first_node = 0;
};
struct RowRules {
  Entry diff[3];
  Entry f64, f32, i64;
  int first_pattern = 0, n_identities = 0, n_stable = 0, n_fast = 0;
};
struct PatternEntry {
  Entry left, right;
};
template <size_t Nodes, size_t Patterns>
struct Compiled {
  std::array<RuleNode, Nodes> nodes{};
  std::array<PatternEntry, Patterns> patterns{};
  std::array<RowRules, kRows> rows{};
  size_t n_nodes = 0, n_patterns = 0;
  int16_t n_literals = 0;
  WrongText wrong;  // the first

  constexpr void fail(std::string_view row, const char* message, std::string_view rest) {
    if (wrong.length > 0) return;
    for (std::string_view part : {row, std::string_view(": "), std::string_view(message), std::string_view(", at: "), rest.substr(0, 60)})
      for (char ch : part) wrong.chars[wrong.length++] = ch;
  }
};

template <class C>
constexpr Entry take(C& c, int row, const ParsedRule& parsed) {
  if (parsed.error.message != nullptr) {
    c.fail(kIndex.row(row).name, parsed.error.message, std::string_view(parsed.rule.text).substr(static_cast<size_t>(parsed.error.position)));
    return {};
  }
  const Entry entry{parsed.rule, static_cast<int>(c.n_nodes)};
  c.n_nodes += static_cast<size_t>(parsed.rule.n_nodes);
  c.n_literals = parsed.next_slot;
  return entry;
}

template <class C>
constexpr void compile_patterns(C& c, const char* const* texts, int most, int row, int& count) {
  for (int j = 0; j < most && texts[j] != nullptr; ++j) {
    const ParsedPattern parsed = parse_pattern(kIndex, texts[j], std::span(c.nodes).subspan(c.n_nodes), c.n_literals);
    PatternEntry& entry = c.patterns[c.n_patterns++];
    entry.left = take(c, row, parsed.left);
    entry.right = take(c, row, parsed.right);
    if (c.wrong.length > 0) return;
    const RuleNode& root = c.nodes[static_cast<size_t>(entry.left.first_node + entry.left.rule.result)];
    if (root.kind != RuleNode::Kind::op || root.index != row) c.fail(kIndex.row(row).name, "a pattern whose root is another op", texts[j]);
    ++count;
  }
}

template <class C>
constexpr void compile_row(C& c, int i) {
  const OpShape& shape = kIndex.row(i);
  const RowTexts& texts = kShapes.texts[static_cast<size_t>(i)];
  RowRules& out = c.rows[static_cast<size_t>(i)];
  const auto room = [&] { return std::span(c.nodes).subspan(c.n_nodes); };
  for (int k = 0; k < shape.arity && shape.kind == OpKind::elementwise; ++k) {
    if (texts.diff[k] == nullptr) c.fail(shape.name, "no derivative is stated", &"abc"[k]);
    else out.diff[k] = take(c, i, parse_diff(kIndex, shape, k, texts.diff[k], room(), c.n_literals));
  }
  const bool ints_only = operand_type(shape.type, 0, RuleType::self) == RuleType::i64 && shape.type == TypeRule::integer;
  const auto expand = [&](const char* text, DType dtype) {
    return text == nullptr ? Entry{} : take(c, i, parse_expansion(kIndex, shape, dtype, text, room(), c.n_literals));
  };
  if (ints_only) {
    out.i64 = expand(texts.emit->f64, DType::i64);
  } else {
    out.f64 = expand(texts.emit->f64, DType::f64);
    out.f32 = expand(texts.emit->f32, DType::f32);
    out.i64 = expand(texts.emit->i64, DType::i64);
  }
  out.first_pattern = static_cast<int>(c.n_patterns);
  compile_patterns(c, texts.identity, kMaxIdentities, i, out.n_identities);
  compile_patterns(c, texts.stable, kMaxStable, i, out.n_stable);
  compile_patterns(c, texts.fast, kMaxFast, i, out.n_fast);
}

consteval auto compile_all() {
  Compiled<16384, 400> c;
  for (int i = 0; i < kRows; ++i) compile_row(c, i);
  return c;
}
constexpr auto kAll = compile_all();

template <WrongText Wrong>
consteval bool table_is_right() {
  static_assert(Wrong.length == 0, "a text of a row is wrong: see Wrong above");
  return true;
}
static_assert(table_is_right<kAll.wrong>());

/// The same without the room that was not used.
consteval auto shrink() {
  Compiled<kAll.n_nodes, kAll.n_patterns> c;
  std::copy_n(kAll.nodes.begin(), kAll.n_nodes, c.nodes.begin());
  std::copy_n(kAll.patterns.begin(), kAll.n_patterns, c.patterns.begin());
  c.rows = kAll.rows;
  return c;
}
constexpr auto kCompiled = shrink();

// Stage 2.
struct Linked {
  struct Row {
    Rule diff[3];
    Rule f64, f32, i64;
  };
  std::array<Row, kRows> rows;
  std::array<RewriteRule, kAll.n_patterns> patterns;
};

constexpr Rule link(const Entry& entry) {
  Rule rule = entry.rule;
  rule.nodes = kCompiled.nodes.data() + entry.first_node;
  return rule;
}

consteval Linked link_all() {
  Linked linked;
  for (size_t i = 0; i < kRows; ++i) {
    const RowRules& from = kCompiled.rows[i];
    Linked::Row& to = linked.rows[i];
    for (int k = 0; k < 3; ++k) to.diff[k] = link(from.diff[k]);
    to.f64 = link(from.f64), to.f32 = link(from.f32), to.i64 = link(from.i64);
  }
  for (size_t j = 0; j < kAll.n_patterns; ++j)
    linked.patterns[j] = {link(kCompiled.patterns[j].left), link(kCompiled.patterns[j].right)};
  return linked;
}
constexpr Linked kLinked = link_all();

size_t at(OpId op) { return static_cast<size_t>(op.i); }

// Literals: converted at first use. An empty slot holds a bit pattern that no literal of ours has.
constexpr uint64_t kEmpty64 = 0xFFF8'DEAD'BEEF'0001;
constexpr uint32_t kEmpty32 = 0xFFC0'DEAD;
struct Slot {
  std::atomic<uint64_t> f64{kEmpty64}, i64{kEmpty64};
  std::atomic<uint32_t> f32{kEmpty32};
};
constinit std::array<Slot, static_cast<size_t>(kAll.n_literals) + 1> literal_slots{};

template <class T>
T convert(std::string_view text) {
  if (text == "inf") return std::numeric_limits<T>::infinity();
  if (text == "nan") return std::numeric_limits<T>::quiet_NaN();
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

template <class T, class Bits>
T cached(std::atomic<Bits>& slot, Bits empty, std::string_view text) {
  Bits bits = slot.load(std::memory_order_relaxed);
  if (bits == empty) {
    bits = std::bit_cast<Bits>(convert<T>(text));
    slot.store(bits, std::memory_order_relaxed);
  }
  return std::bit_cast<T>(bits);
}

}  // namespace

double Literal::as_f64() const {
  return slot < 0 ? convert<double>(text) : cached<double>(literal_slots[static_cast<size_t>(slot)].f64, kEmpty64, text);
}
float Literal::as_f32() const {
  return slot < 0 ? convert<float>(text) : cached<float>(literal_slots[static_cast<size_t>(slot)].f32, kEmpty32, text);
}
int64_t Literal::as_i64() const {
  if (text == "true" || text == "false") return text == "true";
  return slot < 0 ? convert<int64_t>(text) : cached<int64_t>(literal_slots[static_cast<size_t>(slot)].i64, kEmpty64, text);
}

const OpIndex& op_index() { return kIndex; }

OpId find_op(std::string_view name) {
  const auto row = [](int16_t i) { return kIndex.row(i).name; };
  const auto found = std::lower_bound(kByName.begin(), kByName.end(), name,
                                      [&](int16_t i, std::string_view n) { return row(i) < n; });
  return found != kByName.end() && row(*found) == name ? OpId{*found} : OpId{};
}

OpId find_function(std::string_view name) {
  const int row = kIndex.find_call(name, hash_name(name));
  if (row < 0 || kIndex.row(row).kind != OpKind::elementwise || op_row(OpId{row}).internal) return {};
  const bool is_operator = kIndex.row(row).precedence > 0 && name != "pow" && name != "mod";
  return is_operator ? OpId{} : OpId{row};
}

OpId find_operator(std::string_view symbol, int n_operands) {
  for (int16_t row : std::span(kIndex.operators).first(static_cast<size_t>(kIndex.n_operators))) {
    const OpShape& shape = kIndex.row(row);
    if (shape.symbol == symbol && shape.arity == n_operands && shape.type != TypeRule::float_int) return {row};
  }
  return {};
}

const Rule& diff_rule(OpId op, int operand) { return kLinked.rows[at(op)].diff[operand]; }

const Rule* expansion(OpId op, DType dtype) {
  const Linked::Row& row = kLinked.rows[at(op)];
  if (dtype == DType::i64 || dtype == DType::b1) return row.i64 ? &row.i64 : nullptr;
  if (dtype == DType::f32 && row.f32) return &row.f32;
  return row.f64 ? &row.f64 : nullptr;
}

std::span<const RewriteRule> identities(OpId op) {
  const RowRules& row = kCompiled.rows[at(op)];
  return std::span(kLinked.patterns).subspan(static_cast<size_t>(row.first_pattern), static_cast<size_t>(row.n_identities));
}

std::span<const RewriteRule> stable_forms(OpId op) {
  const RowRules& row = kCompiled.rows[at(op)];
  return std::span(kLinked.patterns).subspan(static_cast<size_t>(row.first_pattern + row.n_identities), static_cast<size_t>(row.n_stable));
}

std::span<const RewriteRule> fast_identities(OpId op) {
  const RowRules& row = kCompiled.rows[at(op)];
  return std::span(kLinked.patterns).subspan(static_cast<size_t>(row.first_pattern + row.n_identities + row.n_stable), static_cast<size_t>(row.n_fast));
}

}  // namespace dlc
