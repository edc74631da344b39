// Laws of the compiler on random programs (program.h). Each program is taken through the formatter, the interpreter before
// and after the passes, native code at -O0 and -O2, IR text, and derivatives of both orders in every mode over 200 bits.
//
//   property [--count N] [--seed S] [--native K]    N programs from seed S on; what fails is made smaller and printed.
//                                        Each Kth goes through native code too, which takes most of the time
//   property FILE…                       files of found/, which must still fail: move one that does not to tests/golden
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "interp/interp.h"
#include "ir/text.h"
#include "passes/passes.h"
#include "pipeline/check.h"
#include "pipeline/compilation.h"
#include "pipeline/native.h"
#include "pipeline/numeric.h"
#include "pipeline/rendering.h"
#include "program.h"
#include "syntax/format.h"
#include "syntax/parser.h"

namespace dlc {
namespace {

using Kind = DerivativeRequest::Kind;

// Some laws take longer than others, so they are for every nth program only.
constexpr uint64_t kSecondOrderEvery = 3;
constexpr uint64_t kCheckEvery = 100;  // `dlc check` compiles ten functions

bool same_bits(const Result<InterpValue<double>>& a, const Result<InterpValue<double>>& b) {
  if (!a || !b) return static_cast<bool>(a) == static_cast<bool>(b);
  const double x = a->floats[0], y = b->floats[0];
  return (std::isnan(x) && std::isnan(y)) || (x == y && std::signbit(x) == std::signbit(y));
}

template <class T>
void flatten(const InterpValue<T>& v, std::vector<T>& out) {
  for (const auto& field : v.fields) flatten(field, out);
  out.insert(out.end(), v.floats.begin(), v.floats.end());
}

uint64_t native_every = 4;

/// The laws, with a point drawn from the seed.
class Laws {
 public:
  explicit Laws(uint64_t seed) : seed_(seed), random_(seed) {}

  /// What is wrong with a program; empty when nothing is.
  std::string broken(const std::string& source) {
    Compilation c({.verify = true});
    if (!c.load("random.dl", source)) return "ill typed: " + render_all(c.diagnostics, c.sources);
    Sources copy;
    Interner names;
    Diagnostics diagnostics;
    if (!format_source(copy, copy.add("random.dl", source), names, diagnostics)) return "the formatter finds an error";
    const FuncId f = c.find("f");
    const Args args = point();
    // The derivatives that a program asks for have no bodies before the passes.
    const bool has_requests = source.find("wrt") != std::string::npos;
    const auto before = has_requests ? Result<InterpValue<double>>(Error{}) : interpret<double>(c.module, f, args);
    // A closed form of a loop that depends on data does not exist, and the message says so.
    if (!c.ready(f)) return has_no_form(c) ? "" : render_all(c.diagnostics, c.sources);
    const auto after = interpret<double>(c.module, f, args);
    if (!has_requests && !same_bits(before, after)) return "the passes change the value";
    for (int level : seed_ % native_every == 0 ? std::vector<int>{0, 2} : std::vector<int>{}) {
      const auto native = Native::compile(c, f, {.opt_level = level});
      if (!native) return native.error().message;
      if (!same_bits(native->call(args), after)) return "native code at -O" + std::to_string(level) + " differs from the interpreter";
    }
    if (std::string what = text_law(c, f); !what.empty()) return what;
    if (std::string what = modes(c, f, args); !what.empty()) return what;
    if (seed_ % kCheckEvery != 0) return {};
    const auto checked = check_function(c, f, {.order = 2, .seed = seed_, .n_samples = 3, .seconds = 5});
    if (!checked) return checked.error().message + render_all(c.diagnostics, c.sources);
    return checked->failed() ? check_text(*checked, c.sources) : "";
  }

 private:
  Args point() {
    const auto number = [&] { return std::uniform_real_distribution<>(-2, 2)(random_); };
    std::vector<double> x;
    for (int k = 0; k < 3; ++k) x.push_back(number());
    return {InterpValue<double>::array({3}, x), InterpValue<double>::scalar(number())};
  }

  static bool has_no_form(const Compilation& c) {
    return c.diagnostics.has_errors() && c.diagnostics.all().back().kind->slug == std::string_view("no-closed-form");
  }

  static std::string text_law(const Compilation& c, FuncId f) {
    // What f calls comes first, so that the text stands alone.
    std::string text;
    for (FuncId g : call_order(c.module, f)) text += print(c.module, c.module[g], op_set()) + "\n";
    Sources sources;
    Module m;
    Diagnostics diagnostics;
    if (!parse_ir(sources, sources.add("random.ir", text), m, op_set(), diagnostics)) return "IR text does not parse:\n" + render_all(diagnostics, sources);
    std::string again;
    for (int32_t k = 0; k < static_cast<int32_t>(m.size()); ++k) again += print(m, m[FuncId{k}], op_set()) + "\n";
    return again == text ? "" : "IR text changes when it is read:\n" + text + again;
  }

  /// Derivatives over 200 bits, so that what rounds is only the constants that were folded in double precision, in one mode
  /// or another: hence the tolerance of `near`.
  std::string modes(Compilation& c, FuncId f, const Args& args) {
    const auto x = converted<Big>(args);
    std::vector<Big> first[3];
    const Mode kModes[] = {Mode::reverse, Mode::forward, Mode::symbolic};
    FuncId gradients[3];
    for (size_t k = 0; k < 3; ++k) {
      gradients[k] = c.derivative({.kind = Kind::grad, .mode = kModes[k], .base = f, .wrt = {0, 1}, .is_list = true}, {});
      if (!gradients[k] && kModes[k] == Mode::symbolic) {
        if (!has_no_form(c)) return render_all(c.diagnostics, c.sources);
        c.diagnostics.clear();
        continue;
      }
      if (!gradients[k]) return std::string(mode_name(kModes[k])) + ": " + render_all(c.diagnostics, c.sources);
      const auto value = interpret<Big>(c.module, gradients[k], x);
      if (!value) return std::string(mode_name(kModes[k])) + ": " + value.error().message;
      flatten(*value, first[k]);
      if (!near(first[0], first[k])) return std::string(mode_name(kModes[k])) + " differs from reverse";
    }
    if (seed_ % kSecondOrderEvery != 0) return {};
    std::vector<std::vector<Big>> second;
    auto directed = x;
    directed.insert(directed.end(), x.begin(), x.end());
    for (const auto& [outer, inner] : {std::pair(Mode::forward, 0), std::pair(Mode::reverse, 0), std::pair(Mode::reverse, 1), std::pair(Mode::forward, 1)}) {
      const std::string name = std::string(mode_name(outer)) + " over " + mode_name(kModes[inner]);
      const FuncId hvp = c.derivative({.kind = Kind::jvp, .mode = outer, .base = gradients[inner], .wrt = {0, 1}}, {});
      if (!hvp) return name + ": " + render_all(c.diagnostics, c.sources);
      const auto value = interpret<Big>(c.module, hvp, directed);
      if (!value) return name + ": " + value.error().message;
      flatten(*value, second.emplace_back());
      if (!near(second[0], second.back())) return name + " differs from forward over reverse";
    }
    return {};
  }

  static bool near(const std::vector<Big>& a, const std::vector<Big>& b) {
    Big largest = 1;
    for (const Big& v : a) {
      if (!isfinite(v)) return true;
      if (abs(v) > largest) largest = abs(v);
    }
    for (size_t k = 0; k < a.size(); ++k)
      if (k >= b.size() || !(abs(a[k] - b[k]) <= largest * Big(1e-11))) return false;
    return true;
  }

  uint64_t seed_;
  std::mt19937_64 random_;
};

/// The first line of what is wrong, digits left out: programs that fail alike.
std::string sort_of(const std::string& what) {
  std::string out;
  for (char ch : what.substr(0, what.find('\n')))
    if (ch < '0' || ch > '9') out += ch;
  return out.substr(0, 60);
}

std::string shrunk(Piece program, uint64_t seed, const std::string& sort) {
  for (bool is_smaller = true; is_smaller;) {
    is_smaller = false;
    for (Piece& candidate : smaller(program)) {
      if (candidate.size() >= program.size() || sort_of(Laws(seed).broken(candidate.source())) != sort) continue;
      program = std::move(candidate), is_smaller = true;
      break;
    }
  }
  return program.source();
}

int run(uint64_t first, uint64_t count) {
  std::map<std::string, int> failures;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Piece program = random_program(seed);
    const std::string what = Laws(seed).broken(program.source());
    if (what.empty()) continue;
    const std::string sort = sort_of(what);
    if (failures[sort]++ > 0) continue;  // one of each sort is made smaller
    const std::string least = shrunk(program, seed, sort);
    std::cout << "seed " << seed << ": " << Laws(seed).broken(least) << "\n" << least << "\n" << std::flush;
  }
  int n = 0;
  for (const auto& [sort, times] : failures) std::cout << times << " × " << sort << "\n", n += times;
  std::cout << count << " programs, " << n << " failures\n";
  return n > 0;
}

int still_fail(int n, char** paths) {
  int status = 0;
  for (int k = 0; k < n; ++k) {
    std::ostringstream text;
    text << std::ifstream(paths[k]).rdbuf();
    const bool fails = !Laws(0).broken(text.str()).empty();
    if (!fails) std::cout << paths[k] << " no longer fails: move it to tests/golden\n", status = 1;
  }
  return status;
}

}  // namespace
}  // namespace dlc

int main(int argc, char** argv) {
  uint64_t count = 300, seed = 1;
  int k = 1;
  for (; k + 1 < argc && argv[k][0] == '-'; k += 2) {
    const std::string option = argv[k];
    const uint64_t value = std::strtoull(argv[k + 1], nullptr, 10);
    (option == "--count" ? count : option == "--seed" ? seed : dlc::native_every) = std::max<uint64_t>(value, 1);
  }
  return k < argc ? dlc::still_fail(argc - k, argv + k) : dlc::run(seed, count);
}
