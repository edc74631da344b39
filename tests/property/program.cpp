#include "program.h"

#include <algorithm>
#include <functional>

namespace dlc {
namespace {

using Kind = Piece::Kind;
using Names = std::vector<std::string>;

/// What is in scope, by what it can stand for.
struct Scope {
  Names numbers, arrays, matrices, structs;          // to read
  Names variables, array_variables, matrix_variables, struct_variables;  // to assign as well
  Names indices;   // inside 0 … n − 1
  Names functions; // of one number, declared in a body
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Piece program() {
    scope_.numbers = {"a", "b"};
    Piece g = function("fn g(a: real, b: real) -> real {\n", 1 + below(2), 1, &Generator::value);
    scope_ = {}, scope_.numbers = {"y"}, scope_.arrays = {"x"}, calls_.g = true;
    Piece h = function("fn h[n](x: real[n], y: real) -> real[n] {\n", 1 + below(2), 1, &Generator::array_value);
    Piece deep = recursion();
    Piece r = ruled();
    scope_ = {}, scope_.numbers = {"y"}, scope_.arrays = {"x"}, scope_.matrices = {"M"}, scope_.structs = {"p"};
    calls_.all = true, has_at_ = true;
    Piece f = function("fn f[n](x: real[n], y: real, M: real[n, n], at: int[n], p: P[n]) -> real {\n", 2 + below(4), 2, &Generator::value);
    return {Kind::fixed, "struct P[n] { c: real  v: real[n] }\n$0$1$2$3fn twice(q: fn(real) -> real, z: real) -> real = q(0.5 * q(z))\n"
                         "fn via(q: fn(t: real) -> real, z: real) -> real = q(z)\nderivative via(q, z) { jvp(dq, dz) = dq(z) + jvp(q)(z, dt = dz) }\n$4",
            {std::move(g), std::move(h), std::move(r), std::move(deep), std::move(f)}};
  }

 private:
  Piece function(const std::string& head, size_t n, int depth, Piece (Generator::*result)()) {
    Piece all{Kind::fixed, head, {}};
    const auto add = [&](Piece p) { all.text += "$" + std::to_string(all.parts.size()), all.parts.push_back(std::move(p)); };
    // Variables first, so that what follows has something to assign to.
    add(variable("  "));
    if (has_arrays()) add(array_variable("  "));
    add(statements(n, depth, "  "));
    if (result == &Generator::value && below(4) == 0)
      add({Kind::statement, "  if $0 < $1 { return $2 }\n", {number(1), number(1), number(2)}}), add(statements(1 + below(2), depth, "  "));
    all.text += "  return $" + std::to_string(all.parts.size()) + "\n}\n";
    all.parts.push_back((this->*result)());
    return all;
  }

  /// Depends on everything that was named.
  Piece value() {
    Piece sum{Kind::fixed, "$0", {number(2)}};
    const auto add = [&](std::string text) {
      sum.text += "$" + std::to_string(sum.parts.size());
      sum.parts.push_back({Kind::statement, " + " + std::move(text), {}});
    };
    for (const std::string& name : scope_.numbers) add(name);
    for (const std::string& name : scope_.arrays) add("sum(" + name + ")");
    for (const std::string& name : scope_.matrices) add("sum(" + name + ")");
    for (const std::string& name : scope_.structs) add(name + ".c + sum(" + name + ".v)");
    return sum;
  }
  Piece array_value() {
    Piece sum = value();
    return {Kind::fixed, "$0 * (x + $1)", {std::move(sum), array(2)}};
  }

  /// A function that calls itself at the next smaller size, once or under an index.
  Piece recursion() {
    scope_ = {}, scope_.numbers = {"y", "x[0]"};
    Piece last = number(1), first = number(2), next = number(1);
    const std::string again = below(3) == 0 ? "0.2 * sum[j in 0..n](deep(x[0..n - 1] * (1 + 0.3 * j), $2))" : "0.5 * deep(x[1..n], $2)";
    return {Kind::fixed, "fn deep[n](x: real[n], y: real) -> real = if n == 1 { $0 } else { $1 + " + again + " }\n",
            {std::move(last), std::move(first), std::move(next)}};
  }

  /// Its rule is what the body's derivative is.
  Piece ruled() {
    static const Names kRules = {"fn r(a: real, b: real) -> real = a * sin(b)\nderivative r(a, b) -> _z { jvp(da, db) = sin(b) * da + a * cos(b) * db }\n",
                                 "fn r(a: real, b: real) -> real = exp(-a^2) + b\nderivative r(a, b) -> z { jvp(da, db) = db - 2 * a * (z - b) * da }\n",
                                 "fn r(a: real, b: real) -> real = sqrt(1 + a^2) * b^2\nderivative r(a, b) -> _z { jvp(da, db) = a * b^2 / sqrt(1 + a^2) * da + 2 * b * sqrt(1 + a^2) * db }\n"};
    return {Kind::fixed, one_of(kRules), {}};
  }

  // ---------------------------------------------------------------------------------------------- randomness

  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }
  template <class T>
  const T& one_of(const std::vector<T>& list) { return list[below(list.size())]; }
  std::string fresh(const char* letter) { return letter + std::to_string(n_names_++); }
  bool has_arrays() const { return !scope_.arrays.empty(); }
  bool has_index() const { return !scope_.indices.empty(); }

  // ---------------------------------------------------------------------------------------------- numbers

  Piece leaf_number() {
    static const Names kConstants = {"0.5", "1.5", "2.0", "0.25"};
    if (has_index() && below(2) == 0) {
      const std::string i = one_of(scope_.indices);
      if (has_at_ && below(5) == 0) return {Kind::number, one_of(scope_.arrays) + "[at[" + i + "]]", {}};
      if (!scope_.matrices.empty() && below(4) == 0) return {Kind::number, one_of(scope_.matrices) + "[" + i + ", " + one_of(scope_.indices) + "]", {}};
      if (has_arrays()) return {Kind::number, one_of(scope_.arrays) + "[" + i + "]", {}};
    }
    if (!scope_.structs.empty() && below(6) == 0) return {Kind::number, one_of(scope_.structs) + ".c", {}};
    return {Kind::number, below(4) == 0 ? one_of(kConstants) : one_of(scope_.numbers), {}};
  }

  Piece number(int depth) {
    if (depth <= 0) return leaf_number();
    static const Names kOne = {"sin($0)", "cos($0)", "tanh($0)", "sigmoid($0)", "exp(-$0^2)", "log(1 + $0^2)", "sqrt(1 + $0^2)", "-$0", "abs($0)", "softplus($0)", "$0^2", "relu($0)", "atan($0)"};
    static const Names kTwo = {"($0 + $1)", "($0 - $1)", "$0 * $1", "$0 / (2 + cos($1))", "max($0, $1)", "min($0, $1)", "select($0 < $1, $1, $0 * $1)", "hypot(1 + $0^2, $1)"};
    switch (below(has_arrays() ? 12 : 7)) {
      case 0: return leaf_number();
      case 1: return {Kind::number, one_of(kOne), {number(depth - 1)}};
      case 2: case 3: return {Kind::number, "(" + one_of(kTwo) + ")", {number(depth - 1), number(depth - 1)}};
      case 4: return {Kind::number, "(if $0 < $1 { $2 } else { $3 })", {number(0), number(0), number(depth - 1), number(depth - 1)}};
      case 5: return called(depth);
      case 6: return below(2) == 0 ? derived(depth) : with_lambda(depth);
      case 7: return {Kind::number, "sum($0)", {array(depth - 1)}};
      case 8: return {Kind::number, "dot($0, $1)", {array(depth - 1), array(depth - 1)}};
      case 9: case 10: return reduction(depth);
      default: {
        static const Names kWhole = {"logsumexp($0)", "mean($0)", "max($0)", "$0[0]", "$0[-1]", "sum($0[0..n - 1] * $0[1..n])", "norm($0 + 3)", "$0[argmax(x)]", "prod(cos($0))"};
        return {Kind::number, one_of(kWhole), {array(depth - 1)}};
      }
    }
  }

  Piece reduction(int depth) {
    static const Names kReductions = {"sum", "sum", "max", "mean", "prod", "logsumexp"};
    const std::string i = fresh("i");
    const bool is_ragged = has_index() && below(3) == 0;
    const std::string range = is_ragged ? "0.." + one_of(scope_.indices) : "0..n", name = is_ragged ? "sum" : one_of(kReductions);
    scope_.indices.push_back(i);
    Piece body = number(depth - 1);
    if (scope_.indices.size() > 1 && below(4) == 0)
      body = {Kind::number, "(if " + i + " < " + scope_.indices[below(scope_.indices.size() - 1)] + " { $0 } else { $1 })", {std::move(body), number(0)}};
    scope_.indices.pop_back();
    return {Kind::number, name + "[" + i + " in " + range + "]($0)", {std::move(body)}};
  }

  Piece called(int depth) {
    Names forms = {"($0 + $1)"};
    if (calls_.g || calls_.all) forms = {"g($0, $1)", "checkpoint(g)($0, $1)"};
    if (calls_.all) {
      for (const char* form : {"r($0, $1)", "r($0, $1)", "sum(h($A, $0))", "deep($A, $0)", "twice(sin, $0)", "norm(h($A, $0) + 2)"}) forms.push_back(form);
    }
    for (const std::string& name : scope_.functions) forms.push_back(name + "($0)"), forms.push_back("twice(" + name + ", $0)"), forms.push_back("grad(" + name + ")($0)");
    std::string form = one_of(forms);
    std::vector<Piece> parts{number(depth - 1), number(depth - 1)};
    if (const size_t at = form.find("$A"); at != std::string::npos) form.replace(at, 2, "$2"), parts.push_back(array(depth - 1));
    return {Kind::number, std::move(form), std::move(parts)};
  }

  Piece derived(int depth) {
    static const Names kOfG = {"grad(g, wrt = a)($0, $1)", "grad(g, wrt = b, mode = forward)($0, $1)", "jvp(g, wrt = a)($0, $1, da = 1.5)", "vjp(g, wrt = b)($0, $1, bar = 0.5)",
                               "grad(g, wrt = a, mode = symbolic)($0, $1)", "hessian(g, wrt = a)($0, $1)", "hvp(g, wrt = b)($0, $1, db = 0.5)", "grad(grad(g, wrt = a), wrt = b)($0, $1)"};
    static const Names kOfAll = {"grad(r, wrt = a)($0, $1)", "grad(deep, wrt = y)(x, $0)", "dot(x, grad(deep, wrt = x)(x, $0))", "sum(jvp(h, wrt = x)(x, $0, dx = x))",
                                 "dot(x, vjp(h, wrt = x)(x, $0, bar = flip(x)))", "sum(jacobian(h, wrt = x)(x, $0))", "sum(jacobian(h, wrt = y)(x, $0))"};
    if (!calls_.g && !calls_.all) return {Kind::number, "($0 - $1)", {number(depth - 1), number(depth - 1)}};
    return {Kind::number, calls_.all && below(3) == 0 ? one_of(kOfAll) : one_of(kOfG), {number(depth - 1), number(depth - 1)}};
  }

  /// What is captured: everything but variables.
  Scope captured() const {
    Scope s = scope_;
    const auto take_out = [](Names& from, const Names& what) { std::erase_if(from, [&](const std::string& n) { return std::ranges::find(what, n) != what.end(); }); };
    std::erase_if(s.indices, [](const std::string& n) { return n.starts_with('c'); });  // counters of `while`s
    take_out(s.numbers, s.variables), take_out(s.arrays, s.array_variables), take_out(s.matrices, s.matrix_variables), take_out(s.structs, s.struct_variables);
    s.variables.clear(), s.array_variables.clear(), s.matrix_variables.clear(), s.struct_variables.clear();
    return s;
  }
  /// A number in which `names` can be read, and what around it can be captured.
  Piece body_of_function(const Names& names, int depth) {
    Scope outer = captured();
    std::swap(outer, scope_);
    scope_.numbers.insert(scope_.numbers.end(), names.begin(), names.end());
    Piece body = number(depth);
    scope_ = std::move(outer);
    return body;
  }
  Piece with_lambda(int depth) {
    static const Names kNumbers = {"twice(fn(Z: real) -> real = $0, $1)", "via(fn(Z: real) -> real = $0, $1)", "grad(fn(Z: real) -> real = $0)($1)", "hessian(fn(Z: real) -> real = $0)($1)", "jvp(fn(Z: real) -> real = $0, mode = reverse)($1, dZ = 0.5)"};
    static const Names kArrays = {"sum(map(fn(Z) -> real = $0, $2))", "scan(fn(W: real, Z: real) -> real = tanh(W + $0), init = $1, over = $2)", "dot($2, grad(fn(Z: real[n]) -> real = sum(Z * Z) * $1)($2))"};
    const std::string z = fresh("z"), w = fresh("z");
    std::string form = one_of(has_arrays() && calls_.all && below(2) == 0 ? kArrays : kNumbers);
    if (!form.starts_with("grad") && !form.starts_with("hessian") && !form.starts_with("jvp") && !calls_.all) form = kNumbers[2];
    for (size_t at = 0; (at = form.find_first_of("ZW", at)) != std::string::npos;) form.replace(at, 1, form[at] == 'Z' ? z : w);
    std::vector<Piece> parts{body_of_function({z}, depth - 1)};
    // Only lets may stand in a lambda's place beside its own; the other parts are outside of it.
    if (form.find("real[n]) -> real = ") != std::string::npos) parts.push_back(body_of_function({}, depth - 1));
    else parts.push_back(number(depth - 1));
    if (has_arrays()) parts.push_back(array(depth - 1));
    return {Kind::number, std::move(form), std::move(parts)};
  }

  // ---------------------------------------------------------------------------------------------- arrays

  Piece array(int depth) {
    if (!scope_.structs.empty() && below(8) == 0) return {Kind::array, one_of(scope_.structs) + ".v", {}};
    if (depth <= 0 || below(4) == 0) return {Kind::array, one_of(scope_.arrays), {}};
    switch (below(calls_.all ? 12 : 7)) {
      case 0: return {Kind::array, "($0 + $1)", {array(depth - 1), array(depth - 1)}};
      case 1: return {Kind::array, "($0 * $1)", {number(depth - 1), array(depth - 1)}};
      case 2: return {Kind::array, "tanh($0)", {array(depth - 1)}};
      case 3: return {Kind::array, "flip($0)", {array(depth - 1)}};
      case 4: {
        static const Names kWhole = {"cumsum($0)", "softmax($0)", "concat($0[n - 1..n], $0[0..n - 1])", "layer_norm($0 + x)", "max($0, x)"};
        return {Kind::array, one_of(kWhole), {array(depth - 1)}};
      }
      case 5: return {Kind::array, "concat($0[1..n], $0[0..1])", {{Kind::array, one_of(scope_.arrays), {}}}};
      case 6: return {Kind::array, "(if $0 < $1 { $2 } else { $3 })", {number(0), number(0), array(depth - 1), array(depth - 1)}};
      case 7: {
        static const Names kGathered = {"$0[at]", "$0[at]", "($1 * ones(n))[at]", "($0 + ones(n, n))[at[1]]", "concat($0, x)[1..n + 1][at]"};
        if (!has_at_) return {Kind::array, "x", {}};
        return {Kind::array, one_of(kGathered), {{Kind::array, one_of(scope_.arrays), {}}, number(depth - 1)}};
      }
      case 8: return scope_.matrices.empty() ? array(0) : Piece{Kind::array, "($0 @ $1)", {matrix(depth - 1), array(depth - 1)}};
      case 9: {
        static const Names kParts = {"$0[0]", "$0[:, 1]", "sum($0, axis = 0)", "$0[-1, :]", "max($0, axis = 1)"};
        return scope_.matrices.empty() ? array(0) : Piece{Kind::array, one_of(kParts), {matrix(depth - 1)}};
      }
      case 10: {
        static const Names kCalls = {"h($0, $1)", "vjp(h, wrt = x)($0, $1, bar = $0)", "jvp(h, wrt = y)($0, $1, dy = 1.5)", "grad(deep, wrt = x)($0, $1)", "(jacobian(h, wrt = x)($0, $1) @ x)"};
        return {Kind::array, one_of(kCalls), {array(depth - 1), number(depth - 1)}};
      }
      default: {
        const std::string z = fresh("z");
        return {Kind::array, "map(fn(" + z + ") -> real = $0, $1)", {body_of_function({z}, depth - 1), array(depth - 1)}};
      }
    }
  }

  Piece matrix(int depth) {
    if (depth <= 0 || below(3) == 0) return {Kind::matrix, one_of(scope_.matrices), {}};
    static const Names kOne = {"transpose($0)", "sin($0)", "(0.5 * $0)", "flip($0, axis = 1)"};
    switch (below(5)) {
      case 0: return {Kind::matrix, one_of(kOne), {matrix(depth - 1)}};
      case 1: return {Kind::matrix, "($0 + $1)", {matrix(depth - 1), matrix(depth - 1)}};
      case 2: return {Kind::matrix, "($0 @ $1)", {matrix(depth - 1), matrix(depth - 1)}};
      case 3: return {Kind::matrix, "outer($0, $1)", {array(depth - 1), array(depth - 1)}};
      default: return {Kind::matrix, "($0 + $1)", {matrix(depth - 1), array(depth - 1)}};
    }
  }

  // ---------------------------------------------------------------------------------------------- statements

  Piece variable(const std::string& indent) {
    Piece start = number(2);
    const std::string name = fresh("s");
    scope_.numbers.push_back(name), scope_.variables.push_back(name);
    return {Kind::statement, indent + "var " + name + ": real = $0\n", {std::move(start)}};
  }
  Piece array_variable(const std::string& indent) {
    Piece start = array(2);
    const std::string name = fresh("v");
    scope_.arrays.push_back(name), scope_.array_variables.push_back(name);
    return {Kind::statement, indent + "var " + name + " = $0\n", {std::move(start)}};
  }

  Piece assignment(const std::string& indent) {
    if (!scope_.matrix_variables.empty() && below(3) == 0) {
      const std::string m = one_of(scope_.matrix_variables);
      if (has_index() && below(2) == 0) return {Kind::statement, indent + m + "[" + one_of(scope_.indices) + ", " + one_of(scope_.indices) + "] += $0\n", {number(2)}};
      if (has_index()) return {Kind::statement, indent + m + "[" + one_of(scope_.indices) + "] = $0\n", {array(1)}};
      return {Kind::statement, indent + m + " = $0\n", {matrix(2)}};
    }
    if (!scope_.struct_variables.empty() && below(3) == 0) {
      static const Names kForms = {".c = $0\n", ".c += $0\n", ".v[0] = $0\n"};
      return {Kind::statement, indent + one_of(scope_.struct_variables) + one_of(kForms), {number(2)}};
    }
    if (!scope_.array_variables.empty() && has_index() && below(2) == 0) {
      static const Names kForms = {"] = $0\n", "] += $0\n", "] *= cos($0)\n"};
      const std::string i = one_of(scope_.indices);
      return {Kind::statement, indent + one_of(scope_.array_variables) + "[" + (has_at_ && below(4) == 0 ? "at[" + i + "]" : i) + one_of(kForms), {number(2)}};
    }
    if (!scope_.array_variables.empty() && has_at_ && below(4) == 0) {
      static const Names kForms = {"[at] = $0\n", "[at] += $0\n", "[at] += $0\n", "[at] *= cos($0)\n", "[at] /= 2 + ($0)^2\n", "[[1, 0, 1]] += $1\n"};
      return {Kind::statement, indent + one_of(scope_.array_variables) + one_of(kForms), {array(2), number(1)}};
    }
    if (!scope_.array_variables.empty() && below(3) == 0) {
      static const Names kForms = {" = $0\n", "[1..n] = ($0)[0..n - 1]\n", "[0..2] = $1\n", " += $0\n"};
      return {Kind::statement, indent + one_of(scope_.array_variables) + one_of(kForms), {array(2), number(1)}};
    }
    static const Names kForms = {" = $0\n", " += $0\n", " = tanh($0)\n", " *= cos($0)\n"};
    return {Kind::statement, indent + one_of(scope_.variables) + one_of(kForms), {number(3)}};
  }

  /// Names that a block binds go with it.
  Piece block(size_t n, int depth, const std::string& indent) {
    const Scope outer = scope_;
    Piece body = statements(n, depth, indent);
    scope_ = outer;
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
    if (indent.size() > 2 && below(2) == 0) return assignment(indent);
    switch (below(depth > 0 ? 16 : 8)) {
      case 0: case 1: return binding(indent);
      case 2: {
        Piece body = body_of_function({"z"}, 2);
        const std::string name = fresh("l");
        scope_.functions.push_back(name);
        return {Kind::statement, indent + "fn " + name + "(z: real) -> real = $0\n", {std::move(body)}};
      }
      case 3: case 4: case 5: case 6: case 7: return assignment(indent);
      case 8: case 9: return condition(depth, indent);
      case 10: case 11: case 12: return loop(depth, indent);
      case 13: return conditional_loop(depth, indent);
      default: return index_notation(indent);
    }
  }

  Piece binding(const std::string& indent) {
    const size_t what = below(6);
    if (what == 0 && !scope_.matrices.empty()) {
      Piece value = matrix(2);
      const bool is_var = below(2) == 0;
      scope_.matrices.push_back(fresh("m"));
      if (is_var) scope_.matrix_variables.push_back(scope_.matrices.back());
      return {Kind::statement, indent + (is_var ? "var " : "let ") + scope_.matrices.back() + " = $0\n", {std::move(value)}};
    }
    if (what == 1 && calls_.all) {
      Piece c = number(2), v = array(2);
      scope_.structs.push_back(fresh("t")), scope_.struct_variables.push_back(scope_.structs.back());
      return {Kind::statement, indent + "var " + scope_.structs.back() + " = P(c = $0, v = $1)\n", {std::move(c), std::move(v)}};
    }
    if (what == 2 && has_arrays()) {
      Piece value = array(2);
      scope_.arrays.push_back(fresh("v"));
      return {Kind::statement, indent + "let " + scope_.arrays.back() + " = $0\n", {std::move(value)}};
    }
    if (what == 3 && calls_.all) {
      const std::string s = fresh("s"), v = fresh("v"), w = fresh("z"), z = fresh("z");
      Piece next = body_of_function({w, z}, 2), out = body_of_function({w, z}, 1), init = number(1), over = array(1);
      scope_.numbers.push_back(s), scope_.arrays.push_back(v);
      return {Kind::statement, indent + "let (" + s + ", " + v + ") = scan(fn(" + w + ": real, " + z + ": real) = (tanh($0), $1), init = $2, over = $3)\n",
              {std::move(next), std::move(out), std::move(init), std::move(over)}};
    }
    Piece value = number(3);
    scope_.numbers.push_back(fresh("s"));
    return {Kind::statement, indent + "let " + scope_.numbers.back() + ": real = $0\n", {std::move(value)}};
  }

  Piece condition(int depth, const std::string& indent) {
    const std::string deeper = indent + "  ";
    Piece low = number(1), high = number(1);
    Piece yes = block(1, depth - 1, deeper), no = block(1, 0, deeper);
    if (below(3) == 0) return {Kind::statement, indent + "if $0 < $1 {\n$2" + indent + "}\n", {std::move(low), std::move(high), std::move(yes)}};
    return {Kind::statement, indent + "if $0 < $1 {\n$2" + indent + "} else {\n$3" + indent + "}\n", {std::move(low), std::move(high), std::move(yes), std::move(no)}};
  }

  Piece loop(int depth, const std::string& indent) {
    const std::string deeper = indent + "  ", i = fresh("i");
    const bool is_indexed = has_arrays();
    const bool is_ragged = is_indexed && has_index() && below(3) == 0;
    if (is_indexed) scope_.indices.push_back(i);
    Piece body = block(1 + below(2), depth - 1, deeper);
    const bool breaks = below(5) == 0;
    Piece stop = breaks ? number(1) : Piece{};
    if (is_indexed) scope_.indices.pop_back();
    if (!breaks && !is_ragged) return {Kind::loop, i + " in 0.." + (is_indexed ? "n" : "3"), {std::move(body)}};
    const std::string range = is_ragged ? one_of(scope_.indices) : is_indexed ? "n" : "3";
    if (!breaks) return {Kind::statement, indent + "for " + i + " in 0.." + range + " {\n$0" + indent + "}\n", {std::move(body)}};
    return {Kind::statement, indent + "for " + i + " in 0.." + range + " {\n$0" + deeper + "if $1 < 0.25 { break }\n" + deeper + one_of(scope_.variables) + " += 0.5\n" + indent + "}\n",
            {std::move(body), std::move(stop)}};
  }

  Piece conditional_loop(int depth, const std::string& indent) {
    const std::string deeper = indent + "  ", count = fresh("c");
    const bool is_index = has_arrays() && below(2) == 0;
    if (is_index) scope_.indices.push_back(count);
    Piece body = block(1 + below(2), depth - 1, deeper);
    if (is_index) {
      scope_.indices.pop_back();
      return {Kind::statement, indent + "var " + count + " = 0\n" + indent + "while " + count + " < n @max_iters(5) {\n$0" + deeper + count + " += 1\n" + indent + "}\n", {std::move(body)}};
    }
    return {Kind::statement, indent + "var " + count + ": real = 0\n" + indent + "while " + count + " < 2.5 @max_iters(5) {\n" + deeper + count + " = " + count + " + 1\n$0" + indent + "}\n",
            {std::move(body)}};
  }

  Piece index_notation(const std::string& indent) {
    if (!has_arrays()) return assignment(indent);
    const std::string i = fresh("i"), j = fresh("i");
    const bool is_matrix = !scope_.matrices.empty() && below(3) == 0;
    scope_.indices.push_back(i);
    if (is_matrix) scope_.indices.push_back(j);
    Piece body = number(2);
    scope_.indices.resize(scope_.indices.size() - (is_matrix ? 2 : 1));
    Names& names = is_matrix ? scope_.matrices : scope_.arrays;
    names.push_back(fresh("v"));
    return {Kind::statement, indent + "let " + names.back() + "[" + i + " in 0..n" + (is_matrix ? ", " + j + " in 0..n" : "") + "] = $0\n", {std::move(body)}};
  }

  std::mt19937_64 random_;
  Scope scope_;
  struct {
    bool g = false, all = false;
  } calls_;
  bool has_at_ = false;
  int n_names_ = 0;
};

std::string text_of(const Piece& p, const std::function<std::string(const Piece&)>& part) {
  std::string out;
  for (size_t at = 0; at < p.text.size(); ++at) {
    if (p.text[at] != '$') {
      out += p.text[at];
      continue;
    }
    size_t n = 0;
    while (at + 1 < p.text.size() && p.text[at + 1] >= '0' && p.text[at + 1] <= '9') n = 10 * n + static_cast<size_t>(p.text[++at] - '0');
    out += part(p.parts[n]);
  }
  return out;
}

}  // namespace

std::string source_with(const Piece& p, Loops loops, int n) {
  const auto part = [&](const Piece& q) { return source_with(q, loops, n); };
  if (p.kind != Kind::loop) return text_of(p, part);
  const std::string body = part(p.parts[0]), name = p.text.substr(0, p.text.find(' ')), end = p.text.substr(p.text.rfind('.') + 1);
  if (loops != Loops::unrolled) return "  for " + p.text + (loops == Loops::checkpointed ? " @checkpoint(2)" : "") + " {\n" + body + "  }\n";
  std::string out;
  for (int k = 0; k < (end == "n" ? n : std::stoi(end)); ++k) out += "  let " + name + " = " + std::to_string(k) + "\n" + body;
  return out;
}

std::string Piece::source() const { return source_with(*this, Loops::plain, 0); }

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
    if (p.kind == Kind::statement || p.kind == Kind::loop) with({Kind::fixed, "", {}});
    if (p.kind == Kind::loop) with(original.parts[0]);
    if (p.kind == Kind::number || p.kind == Kind::array || p.kind == Kind::matrix) {
      for (const Piece& part : original.parts)
        if (part.kind == p.kind) with(part);
      if (!p.parts.empty()) with({p.kind, p.kind == Kind::number ? "0.5" : p.kind == Kind::array ? "x" : "M", {}});
    }
    if (p.kind == Kind::fixed && p.text.starts_with("fn ") && p.parts.empty()) with({Kind::fixed, "", {}});
    for (Piece& part : p.parts) visit(part);
  };
  visit(copy);
  return all;
}

}  // namespace dlc
