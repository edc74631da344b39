// Entry points and stages' texts.
#include "pipeline/artifacts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "codegen/header.h"
#include "ops/request.h"
#include "pipeline/errors.h"
#include "pipeline/native.h"
#include "pipeline/requests.h"
#include "pipeline/train_program.h"
#include "syntax/parser.h"

namespace dlc {
namespace {

using Kind = DerivativeRequest::Kind;

constexpr std::string_view kStages[] = {"ast", "ir", "ir-after=PASS", "llvm", "asm", "obj", "header"};

std::string listed(std::span<const std::string_view> names) {
  std::string text;
  for (std::string_view n : names) text += fmt::format("{}{}", text.empty() ? "" : ", ", n);
  return text;
}

class EntryPoints {
 public:
  EntryPoints(Compilation& c, const ArtifactOptions& options, std::vector<std::string>& notes) : c_(c), options_(options), notes_(notes) {}

  Result<std::vector<Entry>> make() {
    if (!options_.functions.empty()) {
      for (const std::string& name : options_.functions) {
        const auto f = find_function_named(c_, name);
        if (!f) return f.error();
        if (auto done = add(name, *f, c_.module[*f].loc.span); !done) return done.error();
      }
      return entries_;
    }
    if (c_.module.exports.empty() && c_.models.trains.empty()) {
      const std::vector<std::string> names = c_.names();
      const FuncId last = names.empty() ? FuncId{} : c_.find(names.back());
      Diagnostic& d = c_.diagnostics.error(find_kind<kPipelineErrors>("nothing-exported"), last ? c_.module[last].loc.span : Span{},
                                           "no function is exported, so there is no entry point to compile");
      if (last) d.help(fmt::format("add a line `export {}`, or name functions: `dlc compile FILE {} -o …`", names.back(), names.back()));
      return Error{};
    }
    for (const Export& e : c_.module.exports)
      if (auto done = add(e.name, e.func, e.span); !done) return done.error();
    // Copied: making a derivative may add to the module's tables.
    const std::vector<Export> exports = c_.module.exports;
    for (const Export& e : exports)
      if (auto done = add_derivatives(e); !done) return done.error();
    for (const TrainSpec& spec : c_.models.trains)
      if (auto done = add_model(spec); !done) return done.error();
    return entries_;
  }

 private:
  Result<bool> add(const std::string& name, FuncId f, Span span) {
    const std::string symbol = entry_name(name);
    for (const char* form : {"", "_ws", "_packed", "_direct"}) {  // an entry has more names than its own
      const auto [at, is_new] = taken_.emplace(symbol + form, std::pair(span, name));
      if (is_new) continue;
      c_.diagnostics.error(find_kind<kPipelineErrors>("export-name-clash"), span,
                           fmt::format("`{}` and `{}` would both have an entry called `{}`", at->second.second, name, symbol + form))
          .label(at->second.first, "the other");
      return Error{};
    }
    if (!c_.ready(f)) return Error{};
    const auto special = specialised(f);
    if (!special) return special.error();
    entries_.push_back({symbol, *special});
    return true;
  }

  /// Of a model that the file trains, at the sizes it is trained at: Net_predict, Net_loss and Net_loss_grad for one example.
  Result<bool> add_model(const TrainSpec& spec) {
    const ModelInfo& model = c_.models.models[static_cast<size_t>(spec.model)];
    const std::string prefix = std::string(c_.module.strings[model.name]) + "_";
    for (const ModelFunction& f : model.functions) {
      const std::string name = prefix + std::string(c_.module.strings[f.name]);
      if (!c_.ready(f.func)) return Error{};
      const FuncId fixed = c_.at_sizes(f.func, spec.sizes);
      if (!fixed) return Error{};
      if (auto done = add(name, fixed, f.span); !done) return done.error();
      if (!f.is_loss) continue;
      const int of = default_of(c_.module, fixed);
      const FuncId gradient = c_.derivative({.kind = Kind::grad, .base = fixed, .wrt = {0}, .of = of}, {f.span});
      if (!gradient) return Error{};
      if (auto done = add(name + "_grad", gradient, f.span); !done) return done.error();
    }
    return true;
  }

  Result<FuncId> specialised(FuncId f) {
    std::map<StrId, int64_t> sizes;
    for (const auto& [name, value] : options_.sizes) {
      const StrId id = c_.module.strings.intern(name);
      const auto& own = c_.module[f].size_vars;
      if (std::find(own.begin(), own.end(), id) != own.end()) sizes[id] = value;
    }
    if (sizes.empty() && !c_.recurs(f)) return f;
    const FuncId special = c_.at_sizes(f, sizes);
    if (!special) return Error{};
    if (c_.recurs(special)) return open_recursion(c_, special);
    return special;
  }

  Result<bool> add_derivatives(const Export& e) {
    if (c_.module[e.func].request) return true;  // `export g = grad(f)`: its value is the derivative
    const auto wrt = find_wrt(c_, e.func, {}, WrtDefault::all);
    const int of = default_of(c_.module, e.func);
    const Type part = c_.module.types[differentiated_part(c_.module, c_.module[e.func].result_type(), of)];
    if (!wrt || !is_float(part.dtype)) return true;
    const std::pair<Kind, const char*> kinds[] = {{Kind::grad, "_grad"}, {Kind::jvp, "_jvp"}, {Kind::vjp, "_vjp"}};
    for (const auto& [kind, suffix] : kinds) {
      if ((kind == Kind::grad && part.rank() > 0) || taken_.contains(entry_name(e.name + suffix))) continue;
      const Mode mode = kind == Kind::jvp ? Mode::forward : Mode::reverse;
      const FuncId d = c_.derivative({.kind = kind, .mode = mode, .base = e.func, .wrt = *wrt, .is_list = true, .of = of}, {e.span});
      if (!d) {
        // The value is exported all the same: an export asks for it, not for its derivatives.
        notes_.push_back(fmt::format("`{}` has no derivative entries: {}", e.name, c_.diagnostics.all().empty() ? "" : c_.diagnostics.all().front().message));
        c_.diagnostics.clear();
        return true;
      }
      if (auto done = add(e.name + suffix, d, e.span); !done) return done.error();
    }
    return true;
  }

  Compilation& c_;
  const ArtifactOptions& options_;
  std::vector<std::string>& notes_;
  std::vector<Entry> entries_;
  std::map<std::string, std::pair<Span, std::string>> taken_;  // symbol → where and what it was made for
};

}  // namespace

std::optional<Error> wrong_name(const Compilation& c, const ArtifactOptions& options) {
  for (const std::string& name : options.functions)
    if (const auto f = find_function_named(c, name); !f) return f.error();
  for (const auto& [name, value] : options.sizes) {
    const auto has = [&, n = &name](FuncId f) {
      const auto& own = c.module[f].size_vars;
      return std::any_of(own.begin(), own.end(), [&](StrId s) { return c.module.strings[s] == *n; });
    };
    bool is_known = false;
    for (int32_t k = 0; k < static_cast<int32_t>(c.module.size()); ++k) is_known = is_known || has(FuncId{k});
    if (!is_known) return Error{fmt::format("no function has a size `{}`", name)};
    if (value < 0) return Error{fmt::format("the size {} may not be {}", name, value)};
  }
  return std::nullopt;
}

Result<std::vector<Entry>> entry_points(Compilation& c, const ArtifactOptions& options, std::vector<std::string>& notes) {
  if (auto error = wrong_name(c, options)) return *error;
  return EntryPoints(c, options, notes).make();
}

Result<StageText> StageText::begin(std::string kind, Compilation& c) {
  StageText stage(kind, c);
  if (kind.starts_with("ir-after=")) {
    stage.pass_ = kind.substr(9);
    const auto passes = pass_names();
    if (stage.pass_ == "fuse") return stage;
    if (std::find(passes.begin(), passes.end(), stage.pass_) == passes.end()) {
      const std::string_view near = nearest_name(stage.pass_, passes);
      return Error{fmt::format("there is no pass `{}`{}; the passes are {}, fuse", stage.pass_,
                               near.empty() ? "" : fmt::format(", did you mean `{}`?", near), listed(passes))};
    }
    stage.seen_ = std::make_shared<std::map<FuncId, std::string>>();
    c.observe = [seen = stage.seen_, wanted = stage.pass_, &c](std::string_view pass, FuncId f) {
      if (pass == wanted) (*seen)[f] = print(c.module, c.module[f], op_set());
    };
    return stage;
  }
  if (kind == "ast" || kind == "ir" || kind == "llvm" || kind == "asm") return stage;
  return Error{fmt::format("there is nothing to emit called `{}`; there are {}", kind, listed(kStages))};
}

Result<std::vector<FuncId>> StageText::functions(const ArtifactOptions& options) const {
  std::vector<FuncId> all;
  const std::vector<std::string> names = options.functions.empty() ? c_->names() : options.functions;
  for (const std::string& name : names) {
    const auto f = find_function_named(*c_, name);
    if (!f) return f.error();
    if (std::find(all.begin(), all.end(), *f) == all.end()) all.push_back(*f);
  }
  if (names.empty())  // IR text
    for (int32_t k = 0; k < static_cast<int32_t>(c_->module.size()); ++k) all.push_back(FuncId{k});
  return all;
}

Result<std::string> StageText::after_pass(const ArtifactOptions& options) {
  auto wanted = functions(options);
  if (!wanted) return wanted.error();
  std::string text;
  std::set<FuncId> printed;
  for (FuncId f : *wanted) {
    if (!c_->ready(f)) return Error{};
    std::map<StrId, int64_t> sizes;
    for (const auto& [name, value] : options.sizes) sizes[c_->module.strings.intern(name)] = value;
    const FuncId last = sizes.empty() ? f : c_->at_sizes(f, sizes);
    if (!last) return Error{};
    if (pass_ == "fuse") {
      text += loops_text(c_->module, last);
      continue;
    }
    for (FuncId one : {f, last})
      if (auto it = seen_->find(one); it != seen_->end() && printed.insert(one).second) text += it->second + "\n";
  }
  if (text.empty()) return Error{fmt::format("the pass `{}` ran on none of these functions{}", pass_, pass_ == "specialise" ? "; it wants --size" : "")};
  if (text.ends_with("\n\n")) text.pop_back();
  return text;
}

Result<std::string> StageText::finish(const ArtifactOptions& options) {
  if (kind_ == "ast") {
    if (!c_->ast) return Error{"IR text has no syntax tree"};
    return print_ast(*c_->ast, c_->module.strings);
  }
  if (kind_.starts_with("ir-after=")) return after_pass(options);
  if (kind_ == "ir") {
    const auto wanted = functions(options);
    if (!wanted) return wanted.error();
    std::string text;
    for (FuncId f : *wanted) text += (text.empty() ? "" : "\n") + print(c_->module, c_->module[f], op_set());
    return text;
  }
  std::vector<std::string> notes;
  ArtifactOptions own = options;
  if (own.functions.empty() && c_->module.exports.empty()) own.functions = c_->names();
  const auto entries = entry_points(*c_, own, notes);
  if (!entries) return entries.error();
  return kind_ == "asm" ? emit_asm(c_->module, *entries, options.code) : emit_llvm_text(c_->module, *entries, options.code);
}

Result<Artifacts> make_object(Compilation& c, const ArtifactOptions& options, const std::string& name, std::vector<std::string>& notes) {
  auto entries = entry_points(c, options, notes);
  if (!entries) return entries.error();
  std::vector<TrainStep> steps;
  for (const TrainSpec& spec : c.models.trains) {
    if (!options.functions.empty()) break;
    const auto& model = c.models.models[static_cast<size_t>(spec.model)];
    auto step = TrainProgram::plan(c, spec, ascii_name(std::string(c.module.strings[model.name]) + "_train_step"));
    if (!step) return step.error();
    steps.push_back(std::move(*step));
  }
  CompileOptions code = options.code;
  code.steps = steps;
  auto object = emit_object(c.module, *entries, code);
  if (!object) return object.error();
  const HeaderInput input{c.module, *entries, *object, c.sources, name, steps};
  Artifacts made{{}, c_header(input), json_signature(input), {}};
  made.object = std::move(object->bytes);
  made.entries = std::move(*entries);
  return made;
}

}  // namespace dlc
