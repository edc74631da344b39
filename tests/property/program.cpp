#include "program.h"

#include <functional>

namespace dlc {
namespace {

using Kind = Piece::Kind;

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Piece program() {
    numbers_ = {"a", "b"};
    Piece g = body(1 + below(2), 1);
    Piece g_value = value();
    numbers_ = {"y"}, arrays_ = {"x"}, has_g_ = true, variables_.clear(), array_variables_.clear();
    Piece f = body(2 + below(4), 2);
    return {Kind::fixed, "fn g(a: real, b: real) -> real {\n$0  return $1\n}\nfn f[n](x: real[n], y: real) -> real {\n$2  return $3\n}\n",
            {std::move(g), std::move(g_value), std::move(f), value()}};
  }

 private:
  /// Variables first, so that what follows has something to assign to.
  Piece body(size_t n, int depth) {
    Piece all{Kind::fixed, "", {}};
    const auto add = [&](Piece p) { all.text += "$" + std::to_string(all.parts.size()), all.parts.push_back(std::move(p)); };
    add(variable("  "));
    if (!arrays_.empty()) add(array_variable("  "));
    add(statements(n, depth, "  "));
    return all;
  }

  /// Depends on everything that was named.
  Piece value() {
    Piece sum{Kind::fixed, "$0", {number(2)}};
    const auto add = [&](std::string text) {
      sum.text += "$" + std::to_string(sum.parts.size());
      sum.parts.push_back({Kind::statement, " + " + std::move(text), {}});
    };
    for (const std::string& name : numbers_) add(name);
    for (const std::string& name : arrays_) add("sum(" + name + ")");
    return sum;
  }

  Piece variable(const std::string& indent) {
    Piece start = number(2);
    const std::string name = fresh("s");
    numbers_.push_back(name), variables_.push_back(name);
    return {Kind::statement, indent + "var " + name + ": real = $0\n", {std::move(start)}};
  }
  Piece array_variable(const std::string& indent) {
    Piece start = array(2);
    const std::string name = fresh("v");
    arrays_.push_back(name), array_variables_.push_back(name);
    return {Kind::statement, indent + "var " + name + " = $0\n", {std::move(start)}};
  }
  Piece assignment(const std::string& indent) {
    if (!array_variables_.empty() && !indices_.empty() && below(3) == 0)
      return {Kind::statement, indent + one_of(array_variables_) + "[" + one_of(indices_) + "] = $0\n", {number(2)}};
    if (!array_variables_.empty() && below(4) == 0) return {Kind::statement, indent + one_of(array_variables_) + " = $0\n", {array(2)}};
    static const std::vector<std::string> kForms = {" = $0\n", " += $0\n", " = tanh($0)\n", " *= cos($0)\n"};
    return {Kind::statement, indent + one_of(variables_) + one_of(kForms), {number(3)}};
  }

  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }
  template <class T>
  const T& one_of(const std::vector<T>& list) { return list[below(list.size())]; }
  std::string fresh(const char* letter) { return letter + std::to_string(n_names_++); }

  Piece leaf_number() {
    static const std::vector<std::string> kConstants = {"0.5", "1.5", "2", "0.25"};
    if (!indices_.empty() && !arrays_.empty() && below(2) == 0) return {Kind::number, one_of(arrays_) + "[" + one_of(indices_) + "]", {}};
    return {Kind::number, below(4) == 0 ? one_of(kConstants) : one_of(numbers_), {}};
  }

  Piece number(int depth) {
    if (depth <= 0) return leaf_number();
    static const std::vector<std::string> kOne = {"sin($0)", "cos($0)", "tanh($0)", "sigmoid($0)", "exp(-$0^2)", "log(1 + $0^2)", "sqrt(1 + $0^2)",
                                                  "-$0", "abs($0)", "softplus($0)", "$0^2"};
    static const std::vector<std::string> kTwo = {"($0 + $1)", "($0 - $1)", "$0 * $1", "$0 / (2 + cos($1))", "max($0, $1)", "min($0, $1)"};
    switch (below(arrays_.empty() ? 5 : 10)) {
      case 0: return leaf_number();
      case 1: return {Kind::number, one_of(kOne), {number(depth - 1)}};
      case 2: case 3: return {Kind::number, "(" + one_of(kTwo) + ")", {number(depth - 1), number(depth - 1)}};
      case 4: return {Kind::number, "(if $0 < $1 { $2 } else { $3 })", {number(0), number(0), number(depth - 1), number(depth - 1)}};
      case 5: return {Kind::number, "sum($0)", {array(depth - 1)}};
      case 6: return {Kind::number, "dot($0, $1)", {array(depth - 1), array(depth - 1)}};
      case 7: {
        const std::string i = fresh("i");
        indices_.push_back(i);
        Piece body = number(depth - 1);
        indices_.pop_back();
        return {Kind::number, (below(3) == 0 ? "max[" : "sum[") + i + " in 0..n]($0)", {std::move(body)}};
      }
      case 8: return {Kind::number, has_g_ ? "g($0, $1)" : "($0 + $1)", {number(depth - 1), number(depth - 1)}};
      default: {
        static const std::vector<std::string> kDerivatives = {"grad(g, wrt = a)($0, $1)", "grad(g, wrt = b, mode = forward)($0, $1)", "jvp(g, wrt = a)($0, $1, da = 1.5)",
                                                              "vjp(g, wrt = b)($0, $1, bar = 0.5)", "grad(g, wrt = a, mode = symbolic)($0, $1)"};
        return {Kind::number, has_g_ ? one_of(kDerivatives) : "($0 - $1)", {number(depth - 1), number(depth - 1)}};
      }
    }
  }

  Piece array(int depth) {
    if (depth <= 0 || below(4) == 0) return {Kind::array, one_of(arrays_), {}};
    switch (below(5)) {
      case 0: return {Kind::array, "($0 + $1)", {array(depth - 1), array(depth - 1)}};
      case 1: return {Kind::array, "$0 * $1", {number(depth - 1), array(depth - 1)}};
      case 2: return {Kind::array, "tanh($0)", {array(depth - 1)}};
      case 3: return {Kind::array, "flip($0)", {array(depth - 1)}};
      default: return {Kind::array, "concat($0[1..n], $0[0..1])", {{Kind::array, one_of(arrays_), {}}}};
    }
  }

  /// Names that a block binds go with it.
  Piece block(size_t n, int depth, const std::string& indent) {
    const auto numbers = numbers_, arrays = arrays_;
    const auto variables = variables_, array_variables = array_variables_;
    Piece body = statements(n, depth, indent);
    numbers_ = numbers, arrays_ = arrays, variables_ = variables, array_variables_ = array_variables;
    return body;
  }

  Piece statements(size_t n, int depth, const std::string& indent) {
    Piece all{Kind::fixed, "", {}};
    for (size_t k = 0; k < n; ++k) {
      all.text += "$" + std::to_string(k);
      all.parts.push_back(statement(depth, indent));
    }
    return all;
  }

  Piece statement(int depth, const std::string& indent) {
    const std::string deeper = indent + "  ";
    if (indent.size() > 2 && below(2) == 0) return assignment(indent);
    switch (below(depth > 0 ? 10 : 4)) {
      case 0: {
        Piece value = number(3);
        numbers_.push_back(fresh("s"));
        return {Kind::statement, indent + "let " + numbers_.back() + ": real = $0\n", {std::move(value)}};
      }
      case 3: {
        if (arrays_.empty()) return assignment(indent);
        Piece value = array(2);
        arrays_.push_back(fresh("v"));
        return {Kind::statement, indent + "let " + arrays_.back() + " = $0\n", {std::move(value)}};
      }
      case 1: case 2: case 4: case 5: return assignment(indent);
      case 6: {
        Piece low = number(1), high = number(1);
        Piece yes = block(1, depth - 1, deeper), no = block(1, 0, deeper);
        return {Kind::statement, indent + "if $0 < $1 {\n$2" + indent + "} else {\n$3" + indent + "}\n", {std::move(low), std::move(high), std::move(yes), std::move(no)}};
      }
      case 7: {
        const bool over_array = !arrays_.empty();
        const std::string i = fresh("i");
        if (over_array) indices_.push_back(i);
        Piece body = block(1 + below(2), depth - 1, deeper);
        if (over_array) indices_.pop_back();
        return {Kind::statement, indent + "for " + i + " in 0.." + (over_array ? "n" : "3") + " {\n$0" + indent + "}\n", {std::move(body)}};
      }
      case 8: {
        const std::string count = fresh("c");
        Piece body = block(1 + below(2), depth - 1, deeper);
        return {Kind::statement, indent + "var " + count + ": real = 0\n" + indent + "while " + count + " < 2.5 @max_iters(5) {\n" + deeper + count + " = " + count + " + 1\n$0" + indent + "}\n",
                {std::move(body)}};
      }
      default: {
        if (arrays_.empty()) return statement(0, indent);
        const std::string i = fresh("i"), name = fresh("v");
        indices_.push_back(i);
        Piece body = number(2);
        indices_.pop_back();
        arrays_.push_back(name);
        return {Kind::statement, indent + "let " + name + "[" + i + " in 0..n] = $0\n", {std::move(body)}};
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> numbers_, arrays_, variables_, array_variables_, indices_;
  bool has_g_ = false;
  int n_names_ = 0;
};

}  // namespace

std::string Piece::source() const {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '$') {
      out += text[at];
      continue;
    }
    size_t n = 0;
    while (at + 1 < text.size() && text[at + 1] >= '0' && text[at + 1] <= '9') n = 10 * n + static_cast<size_t>(text[++at] - '0');
    out += parts[n].source();
  }
  return out;
}

size_t Piece::size() const {
  size_t n = 1;
  for (const Piece& p : parts) n += p.size();
  return n;
}

Piece random_program(uint64_t seed) { return Generator(seed).program(); }

std::vector<Piece> smaller(const Piece& program) {
  std::vector<Piece> all;
  Piece copy = program;
  const std::function<void(Piece&)> visit = [&](Piece& p) {
    const Piece original = p;
    const auto with = [&](Piece other) {
      p = std::move(other);
      all.push_back(copy);
      p = original;
    };
    if (p.kind == Kind::statement) with({Kind::fixed, "", {}});
    if (p.kind == Kind::number || p.kind == Kind::array) {
      for (const Piece& part : original.parts)
        if (part.kind == p.kind) with(part);
      if (!p.parts.empty()) with({p.kind, p.kind == Kind::number ? "0.5" : "x", {}});
    }
    for (Piece& part : p.parts) visit(part);
  };
  visit(copy);
  return all;
}

}  // namespace dlc
