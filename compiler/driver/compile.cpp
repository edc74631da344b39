// `dlc compile`: objects with their headers, and every stage as text.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "driver/point.h"
#include "pipeline/artifacts.h"
#include "pipeline/files.h"

namespace dlc {
namespace {

struct Options {
  std::string file, output, emit;
  std::vector<std::string> functions, sizes;
  std::vector<std::string> stages;  // of --emit, or by the ending of the output; empty: an object
  ArtifactOptions artifacts;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc compile examples/slides.dl -o slides.o                      slides.o, slides.h and slides.json\n"
    "  dlc compile examples/net2_functions.dl -o net2.o --size D=30,H=16\n"
    "  dlc compile examples/slides.dl --emit ir-after=simplify f\n"
    "Of each export: name, name_grad, name_jvp, name_vjp.";

/// "f.o" without its ending and folder.
std::string stem_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const size_t dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

std::string with_ending(const std::string& path, const char* ending) {
  const size_t slash = path.rfind('/'), dot = path.rfind('.');
  const bool has_ending = dot != std::string::npos && dot > 0 && (slash == std::string::npos || dot > slash + 1);
  return (has_ending ? path.substr(0, dot) : path) + ending;
}

void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& n : notes) std::fprintf(stderr, "note: %s\n", n.c_str());
}

int write(const Compilation& c, const std::string& path, std::string_view bytes, const Common& common) {
  if (auto error = write_file(path, bytes)) return report(c, *error, common);
  return kDone;
}

/// The object last: who finds it finds the other two.
int write_object(Compilation& c, const Options& o, const Common& common) {
  std::vector<std::string> notes;
  const auto made = make_object(c, o.artifacts, stem_of(o.output), notes);
  if (!made) return report(c, made.error(), common);
  print_notes(notes);
  if (o.output == "-") return write(c, "-", made->object, common);
  if (const int status = write(c, with_ending(o.output, ".h"), made->header, common)) return status;
  if (const int status = write(c, with_ending(o.output, ".json"), made->signature, common)) return status;
  if (const int status = write(c, o.output, made->object, common)) return status;
  if (common.json) print_out(made->signature);
  return kDone;
}

/// Everything in the list --emit, one after the other.
int emit_stages(const Options& o, const Common& common) {
  std::string all;
  for (const std::string& kind : o.stages) {
    const auto c = new_compilation(common);  // one each: ir-after watches the passes as they run
    std::vector<std::string> notes;
    if (kind == "obj" || kind == "header") {
      if (const int status = load(*c, o.file, common)) return status;
      if (const auto error = wrong_name(*c, o.artifacts)) return wrong_usage(error->message, common);
      const auto made = make_object(*c, o.artifacts, o.output.empty() ? stem_of(o.file) : stem_of(o.output), notes);
      if (!made) return report(*c, made.error(), common);
      print_notes(notes);
      all += kind == "obj" ? made->object : made->header;
      continue;
    }
    auto stage = StageText::begin(kind, *c);
    if (!stage) return wrong_usage(stage.error().message, common);
    const int status = load(*c, o.file, common);
    if (status != kDone && !(kind == "ast" && c->ast)) return status;
    if (status == kDone)
      if (const auto error = wrong_name(*c, o.artifacts)) return wrong_usage(error->message, common);
    auto text = stage->finish(o.artifacts);
    if (!text) return report(*c, text.error(), common);
    all += *text;
    if (!all.ends_with('\n')) all += '\n';
    if (status != kDone) return print_out(all), status;
  }
  const auto c = new_compilation(common);
  return write(*c, o.output.empty() ? "-" : o.output, all, common);
}

/// What to emit, from --emit or the ending of -o; an error when they contradict each other or there is nothing.
std::optional<Error> read_stages(Options& o) {
  const bool is_object = o.output.ends_with(".o"), is_llvm = o.output.ends_with(".ll"), is_asm = o.output.ends_with(".s");
  if (o.emit.empty()) {
    if (is_llvm) o.stages = {"llvm"};
    else if (is_asm) o.stages = {"asm"};
    else if (o.output.empty()) return Error{"say what to make: -o FILE.o, or --emit ast|ir|ir-after=PASS|llvm|asm|obj|header"};
    else if (!is_object && o.output != "-") return Error{fmt::format("`{}` does not say what to make: its ending must be .o, .ll or .s", o.output)};
    return std::nullopt;
  }
  auto split = split_names(o.emit);
  if (!split) return Error{"--emit: " + split.error().message};
  o.stages = std::move(*split);
  for (const std::string& kind : o.stages) {
    const bool fits = is_object ? kind == "obj" : is_llvm ? kind == "llvm" : is_asm ? kind == "asm" : true;
    if (!fits) return Error{fmt::format("--emit {} does not make what `{}` says", kind, o.output)};
    if ((kind == "ast" || kind == "ir") && !o.artifacts.sizes.empty())
      return Error{fmt::format("--emit {} shows the program before sizes are fixed, so --size has no place; --emit ir-after=specialise shows it after", kind)};
  }
  return std::nullopt;
}

int run(Options o, const Common& common) {
  auto sizes = read_sizes(o.sizes);
  if (!sizes) return wrong_usage(sizes.error().message, common);
  o.artifacts.sizes = std::move(*sizes);
  o.artifacts.functions = o.functions;
  o.artifacts.code.opt_level = common.opt_level;
  if (const auto error = read_stages(o)) return wrong_usage(error->message, common);
  if (!o.artifacts.code.cpu.empty())
    if (const auto error = wrong_cpu(o.artifacts.code.cpu)) return wrong_usage(error->message, common);
  if (!o.stages.empty()) return emit_stages(o, common);
  const auto c = new_compilation(common);
  if (const int status = load(*c, o.file, common)) return status;
  if (const auto error = wrong_name(*c, o.artifacts)) return wrong_usage(error->message, common);
  return write_object(*c, o, common);
}

}  // namespace

void add_compile(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("compile", "Make an object with header and signature, or show a stage");
  auto o = std::make_shared<Options>();
  command->add_option("FILE", o->file, "Source, or IR text in a file ending in .ir; - is standard input")->required();
  command->add_option("FN", o->functions, "Only these functions, by value; the exports with their derivatives if left out");
  command->add_option("-o", o->output, "FILE.o (with FILE.h and FILE.json), FILE.ll or FILE.s; - is standard output");
  command->add_option("--emit", o->emit, "Stages as text: ast, ir, ir-after=PASS, llvm, asm, obj, header; several as a,b");
  command->add_option("--size", o->sizes, "Fix sizes, n=100,d=3")->expected(1)->allow_extra_args(false)->take_all();
  command->add_option("--cpu", o->artifacts.code.cpu, "As LLVM names it, or native; x86-64-v3 if left out");
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return run(*o, common); }; });
}

}  // namespace dlc
