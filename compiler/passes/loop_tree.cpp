// Loop trees as text.
#include "passes/loop_tree.h"

#include <fmt/format.h>

namespace dlc {

namespace {

struct Printer {
  const Module& m;
  const LoopProgram& p;
  std::string out;

  std::string shape(const std::vector<DimId>& dims) const {
    std::string s = "[";
    for (size_t k = 0; k < dims.size(); ++k) s += (k ? ", " : "") + m.types.dims.text(dims[k]);
    return s + "]";
  }
  std::string leaf(int32_t l) const {
    const LoopLeaf& x = p.leaves[static_cast<size_t>(l)];
    const bool many = p.leaves_of[static_cast<size_t>(x.value.i)].size() > 1;
    return many ? fmt::format("%{}.{}", x.value.i, x.part) : fmt::format("%{}", x.value.i);
  }
  std::string buffer(int32_t b) const {
    if (b < 0) return "register";
    const Buffer& x = p.buffers[static_cast<size_t>(b)];
    const char* place = x.place == Buffer::Place::input ? "in" : x.place == Buffer::Place::output ? "out" : "slot";
    return fmt::format("{}{}", place, x.position);
  }

  void print(const std::vector<Step>& steps, int depth) {
    static constexpr const char* kNames[] = {"scalars", "for", "for", "cumsum", "scatter", "matmul", "call", "if", "store", "loop"};
    for (const Step& s : steps) {
      out += std::string(static_cast<size_t>(2 * depth), ' ') + kNames[static_cast<int>(s.kind)];
      if (!s.axes.empty() || s.kind == Step::Kind::elements || s.kind == Step::Kind::reduce) out += " " + shape(s.axes);
      if (!s.reduced.empty()) out += " reduce " + shape(s.reduced);
      for (ValueId v : s.scalars) out += fmt::format(" %{}", v.i);
      if (s.value) out += fmt::format(" %{}", s.value.i);
      for (size_t k = 0; k < s.targets.size(); ++k) {
        const Target& t = s.targets[k];
        out += fmt::format("{} {} -> {}", k ? "," : ":", leaf(t.leaf), buffer(t.buffer));
        if (t.row >= 0) out += fmt::format("[{}]", t.row);
      }
      out += "\n";
      for (size_t k = 0; k < s.blocks.size(); ++k) {
        if (k) out += std::string(static_cast<size_t>(2 * depth), ' ') + (s.kind == Step::Kind::loop ? "do\n" : "else\n");
        print(s.blocks[k], depth + 1);
      }
    }
  }
};

}  // namespace

std::string print_program(const Module& m, const LoopProgram& p) {
  Printer printer{m, p, {}};
  printer.out = fmt::format("loops {}\n", m[p.func].name);
  for (size_t k = 0; k < p.slots.size(); ++k) {
    const Slot& s = p.slots[k];
    printer.out += s.callee ? fmt::format("  slot{} = workspace of {}\n", k, m[s.callee].name)
                            : fmt::format("  slot{} = {} x {} bytes\n", k, printer.shape(s.dims), s.element_bytes);
  }
  printer.print(p.steps, 1);
  return printer.out;
}

}  // namespace dlc
