// dlc.h: a source file compiled while another program runs. Program::State serialises what touches the Compilation;
// Function::Code is immutable and knows nothing of it, so calls from any number of threads share nothing.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "dlc.h"
#include "interp/errors.h"
#include "ops/size_check.h"
#include "pipeline/arguments.h"
#include "pipeline/compilation.h"
#include "pipeline/files.h"
#include "pipeline/native.h"
#include "pipeline/rendering.h"
#include "pipeline/requests.h"
#include "pipeline/size_plan.h"

namespace dlc {

static_assert(sizeof(bool) == 1, "a bool is a byte of the ABI");

struct Function::Code {
  /// A check that may fail, and the size variables in it.
  struct Site {
    SizeCheck check;
    std::vector<size_t> variables;
  };
  JitModule module;
  SizePlan plan;
  std::vector<Leaf> inputs, outputs;
  std::vector<Span> input_spans;      // of the parameters
  std::vector<SizeOrigin> origins;    // of the size variables
  std::vector<Site> sites;
  Sources sources;                    // a copy: the compilation's grow while other functions are made
  int32_t (*packed)(const dlc_ctx*, void* const*) = nullptr;
  void* workspace = nullptr;
  void* direct = nullptr;
  int64_t fixed_workspace = 0;  // when there are no size variables
};

struct Program::State {
  explicit State(const Options& o) : options(o), compilation({.real = o.real == Real::f32 ? DType::f32 : DType::f64}) {}
  std::mutex mutex;
  Options options;
  Compilation compilation;
  std::vector<std::shared_ptr<const Function::Code>> made;  // so that pointers from `as` live as long as the Program
};

namespace {

ElementType element_type(DType d) {
  switch (d) {
    case DType::f32: return ElementType::f32;
    case DType::f64: return ElementType::f64;
    case DType::b1: return ElementType::b1;
    default: return ElementType::i64;
  }
}

const char* type_name(ElementType t) {
  switch (t) {
    case ElementType::f32: return "f32";
    case ElementType::f64: return "f64";
    case ElementType::i64: return "int";
    case ElementType::b1: return "bool";
  }
  return "?";
}

Status failed(std::string message) { return {DLC_BAD_SIZE, std::move(message)}; }

/// A vector that is on the stack when it is short, as argument lists are.
template <class T>
class Short {
 public:
  explicit Short(size_t n) : many_(n > kFew ? n : 0), data_(n > kFew ? many_.data() : few_), size_(n) {
    std::fill_n(data_, n, T{});
  }
  T* data() { return data_; }
  T& operator[](size_t k) { return data_[k]; }
  operator std::span<T>() { return {data_, size_}; }        // NOLINT: implicit on purpose
  operator std::span<const T>() { return {data_, size_}; }  // NOLINT: implicit on purpose

 private:
  static constexpr size_t kFew = 24;
  T few_[kFew];  // not zeroed as a whole: a call of a small function would take longer for it than for the function
  std::vector<T> many_;
  T* data_;
  size_t size_;
};

/// The leaves of a type with their names: a field of a tuple is called as itself, or by its number.
void add_leaves(const Module& m, TypeId id, const std::string& name, std::vector<Leaf>& leaves, std::vector<std::vector<DimId>>& shapes) {
  const Type type = m.types[id];
  if (!type.is_tuple()) {
    std::string shape;
    for (DimId d : type.dims) shape += (shape.empty() ? "[" : ", ") + m.types.dims.text(d);
    leaves.push_back({name, element_type(type.dtype), shape.empty() ? "" : shape + "]"});
    shapes.push_back(type.dims);
    return;
  }
  for (size_t k = 0; k < type.fields.size(); ++k) {
    const StrId field = type.fields[k].name;
    add_leaves(m, type.fields[k].type, field ? std::string(m.strings[field]) : name.empty() ? fmt::to_string(k) : fmt::format("{}.{}", name, k),
               leaves, shapes);
  }
}

std::vector<Function::Code::Site> sites_of(const Module& m, FuncId f, std::span<const CodeSite> sites) {
  std::vector<Function::Code::Site> found;
  const std::vector<StrId>& known = m[f].size_vars;
  for (const CodeSite& s : sites) {
    found.push_back({s.check, {}});
    if (s.func != f) continue;  // the sizes of a callee are not told
    for (StrId name : m.types.dims.variables(s.check.nonnegative))
      found.back().variables.push_back(static_cast<size_t>(std::find(known.begin(), known.end(), name) - known.begin()));
  }
  return found;
}

std::string rendered(const Compilation& c) { return render_all(c.diagnostics, c.sources); }

Expected<Function> compiled(Program::State& state, FuncId id, std::initializer_list<Size> sizes) {
  Compilation& c = state.compilation;
  using Failure = Expected<Function>;
  std::map<StrId, int64_t> fixed;
  for (const auto& [name, value] : sizes) {
    const auto& known = c.module[id].size_vars;
    const StrId size = c.module.strings.intern(name);
    if (std::find(known.begin(), known.end(), size) == known.end())
      return Failure::failure(fmt::format("`{}` has no size `{}`", c.module[id].name, name));
    if (value < 0) return Failure::failure(fmt::format("the size {} may not be {}", name, value));
    fixed[size] = value;
  }
  const FuncId f = fixed.empty() ? id : c.at_sizes(id, fixed);
  if (!f) return Failure::failure(rendered(c));
  Module& m = c.module;
  if (m[f].size_vars.size() > kMaxSizeVariables)
    return Failure::failure(fmt::format("`{}` has more than {} open sizes; fix some", m[id].name, kMaxSizeVariables));

  const Entry entry{"f", f};
  auto module = jit(m, std::span(&entry, 1), {.opt_level = state.options.opt_level, .cpu = state.options.cpu});
  if (!module) return Failure::failure(module.error().message);
  std::vector<Leaf> inputs, outputs;
  std::vector<std::vector<DimId>> input_shapes, output_shapes;
  std::vector<Span> input_spans;
  for (size_t k = 0; k < m[f].body().params.size(); ++k) {
    const Inst& p = m[f][m[f].body().params[k]];
    add_leaves(m, p.type, parameter_name(m, m[f], k), inputs, input_shapes);
    input_spans.resize(inputs.size(), p.loc.span);
  }
  add_leaves(m, m[f].result_type(), "", outputs, output_shapes);
  auto code = std::make_shared<Function::Code>(Function::Code{
      *module, SizePlan(m, m[f].size_vars, input_shapes, output_shapes), std::move(inputs), std::move(outputs),
      std::move(input_spans), size_origins(m, m[f]), sites_of(m, f, module->sites()), c.sources, nullptr, module->workspace("f"), module->direct("f"), 0});
  code->packed = reinterpret_cast<int32_t (*)(const dlc_ctx*, void* const*)>(module->packed("f"));
  if (m[f].size_vars.empty()) code->fixed_workspace = workspace_bytes(code->workspace, {});
  state.made.push_back(code);
  return Function(std::move(code));
}

/// What a length that does not fit is told: "argument `X` has 91 elements, and `[n, 30]` with n = 3 has 90".
Status length_failed(const Function::Code& code, size_t leaf, int64_t given, std::span<const int64_t> values) {
  const Leaf& l = code.inputs[leaf];
  const auto expected = code.plan.input_count(leaf, values);
  std::string text = fmt::format("argument `{}` has {} elements, but its shape is {}", l.name, given, l.shape);
  if (code.plan.n_variables() > 0) text += " with " + code.plan.text(values);
  if (expected) text += fmt::format(", which has {}", *expected);
  Diagnostic d{.kind = &call_error("argument-size-mismatch"), .message = std::move(text), .span = code.input_spans[leaf]};
  for (size_t v = 0; v < code.origins.size(); ++v)
    if (code.origins[v].span != d.span) label_origin(d, code.origins[v], values[v]);
  return failed(render_text(d, code.sources));
}

Status run_failed(const Function::Code& code, const dlc_error& error, std::span<const int64_t> sizes) {
  if (error.site < 0 || static_cast<size_t>(error.site) >= code.sites.size()) return {error.code, run_time_error_text(error)};
  const Function::Code::Site& site = code.sites[static_cast<size_t>(error.site)];
  Diagnostic d = failed_check(site.check, error.value, error.extent);
  for (size_t v : site.variables) label_origin(d, code.origins[v], sizes[v]);
  return {error.code, render_text(d, code.sources)};
}

/// The cells of the arguments and the values of the sizes.
Status bind_inputs(const Function::Code& code, std::span<const In> inputs, std::span<int64_t> sizes, void** cells) {
  if (inputs.size() != code.inputs.size())
    return failed(fmt::format("the function takes {} arguments, not {}", code.inputs.size(), inputs.size()));
  Short<int64_t> counts(inputs.size());
  for (size_t k = 0; k < inputs.size(); ++k) {
    const Leaf& leaf = code.inputs[k];
    if (inputs[k].type() != leaf.type)
      return failed(fmt::format("argument `{}` is {}, and must be {}", leaf.name, type_name(inputs[k].type()), type_name(leaf.type)));
    if (inputs[k].is_array() == leaf.shape.empty())
      return failed(fmt::format("argument `{}` is {}, and must be {}", leaf.name, inputs[k].is_array() ? "an array" : "a number",
                                leaf.shape.empty() ? "a number" : "an array of shape " + leaf.shape));
    counts[k] = static_cast<int64_t>(inputs[k].count());
    cells[k] = const_cast<void*>(inputs[k].data());  // entries only read their inputs
  }
  size_t bad = 0;
  if (!code.plan.find(counts, sizes, bad)) return length_failed(code, bad, counts[bad], sizes);
  return {};
}

Status bind_outputs(const Function::Code& code, std::span<const Out> outputs, std::span<const int64_t> sizes, void** cells) {
  if (outputs.size() != code.outputs.size())
    return failed(fmt::format("the function has {} results, not {}", code.outputs.size(), outputs.size()));
  for (size_t k = 0; k < outputs.size(); ++k) {
    const Leaf& leaf = code.outputs[k];
    const auto name = [&] { return leaf.name.empty() ? fmt::format("result {}", k) : fmt::format("result `{}`", leaf.name); };
    if (outputs[k].type() != leaf.type)
      return failed(fmt::format("{} is {}, and the place for it {}", name(), type_name(leaf.type), type_name(outputs[k].type())));
    const auto expected = code.plan.output_count(k, sizes);
    if (!expected) return failed(fmt::format("{} has a size that is negative or too large", name()));
    if (*expected != static_cast<int64_t>(outputs[k].count()) || (outputs[k].is_array() && leaf.shape.empty()))
      return failed(fmt::format("{} has {} elements, and the place for it {}", name(), *expected, outputs[k].count()));
    cells[k] = outputs[k].data();
  }
  return {};
}

}  // namespace

const std::vector<Leaf>& Function::inputs() const { return code_->inputs; }
const std::vector<Leaf>& Function::outputs() const { return code_->outputs; }

Status Function::call(std::span<const In> inputs, std::span<const Out> outputs) const {
  const Code& code = *code_;
  const size_t n_sizes = code.plan.n_variables();
  Short<int64_t> sizes(n_sizes);
  Short<void*> cells(n_sizes + code.inputs.size() + code.outputs.size() + 1);
  for (size_t k = 0; k < n_sizes; ++k) cells[k] = &sizes[k];
  if (Status s = bind_inputs(code, inputs, sizes, cells.data() + n_sizes); !s) return s;
  if (Status s = bind_outputs(code, outputs, sizes, cells.data() + n_sizes + inputs.size()); !s) return s;
  const int64_t bytes = n_sizes == 0 ? code.fixed_workspace : workspace_bytes(code.workspace, sizes);
  void* workspace = bytes > 0 ? thread_workspace(bytes) : nullptr;
  if (bytes > 0 && !workspace) return failed(fmt::format("there are no {} bytes of memory for the workspace", bytes));
  cells[n_sizes + inputs.size() + outputs.size()] = workspace;

  CallContext context;
  const int32_t result = code.packed(&context.ctx, cells.data());
  if (result == DLC_OK) return {};
  context.error.code = result;
  return run_failed(code, context.error, sizes);
}

void* Function::direct(const std::string& signature) const {
  std::string own;
  const auto add = [&](const Leaf& l) { own += !l.shape.empty() ? '?' : "fdib"[static_cast<int>(l.type)]; };
  if (code_->outputs.size() != 1) return nullptr;
  add(code_->outputs[0]);
  for (const Leaf& l : code_->inputs) add(l);
  return own == signature ? code_->direct : nullptr;
}

Expected<Program> Program::from_file(const std::string& path, const Options& options) {
  auto text = read_file(path);
  if (!text) return Expected<Program>::failure(text.error().message);
  return from_text(*text, path == "-" ? "stdin" : path, options);
}

Expected<Program> Program::from_text(std::string_view text, const std::string& name, const Options& options) {
  auto state = std::make_shared<State>(options);
  if (!state->compilation.load(name, std::string(text))) return Expected<Program>::failure(rendered(state->compilation));
  return Program(std::move(state));
}

std::vector<std::string> Program::functions() const {
  const std::lock_guard lock(state_->mutex);
  return state_->compilation.names();
}

Expected<Function> Program::function(std::string_view name, std::initializer_list<Size> sizes) const {
  const std::lock_guard lock(state_->mutex);
  Compilation& c = state_->compilation;
  const auto f = find_function_named(c, name);
  if (!f) return Expected<Function>::failure(f.error().message);
  c.diagnostics.clear();  // one function's errors are no other's
  if (!c.ready(*f)) return Expected<Function>::failure(rendered(c));
  return compiled(*state_, *f, sizes);
}

namespace {

using Kind = DerivativeRequest::Kind;

Mode ir_mode(DerivativeMode mode) {
  switch (mode) {
    case DerivativeMode::reverse: return Mode::reverse;
    case DerivativeMode::forward: return Mode::forward;
    case DerivativeMode::symbolic: return Mode::symbolic;
    case DerivativeMode::numeric: return Mode::numeric;
  }
  return Mode::reverse;
}

Expected<Function> derived(Program::State& state, Kind kind, std::string_view name, std::initializer_list<std::string_view> wrt,
                           std::initializer_list<Size> sizes, DerivativeMode mode) {
  const std::lock_guard lock(state.mutex);
  Compilation& c = state.compilation;
  const auto base = find_function_named(c, name);
  if (!base) return Expected<Function>::failure(base.error().message);
  const std::vector<std::string> names(wrt.begin(), wrt.end());
  const auto params = find_wrt(c, *base, names, WrtDefault::only);
  if (!params) return Expected<Function>::failure(params.error().message);
  c.diagnostics.clear();
  DerivativeRequest request{.kind = kind, .mode = ir_mode(mode), .base = *base, .wrt = *params, .is_list = true};
  request.of = default_of(c.module, *base);
  const FuncId f = c.derivative(request, c.module[*base].loc);
  if (!f) return Expected<Function>::failure(rendered(c));
  return compiled(state, f, sizes);
}

}  // namespace

Expected<Function> Program::grad(std::string_view name, std::initializer_list<std::string_view> wrt, std::initializer_list<Size> sizes,
                                 DerivativeMode mode) const {
  return derived(*state_, Kind::grad, name, wrt, sizes, mode);
}
Expected<Function> Program::value_and_grad(std::string_view name, std::initializer_list<std::string_view> wrt,
                                           std::initializer_list<Size> sizes, DerivativeMode mode) const {
  return derived(*state_, Kind::value_and_grad, name, wrt, sizes, mode);
}
Expected<Function> Program::jvp(std::string_view name, std::initializer_list<std::string_view> wrt, std::initializer_list<Size> sizes,
                                DerivativeMode mode) const {
  return derived(*state_, Kind::jvp, name, wrt, sizes, mode);
}
Expected<Function> Program::vjp(std::string_view name, std::initializer_list<std::string_view> wrt, std::initializer_list<Size> sizes,
                                DerivativeMode mode) const {
  return derived(*state_, Kind::vjp, name, wrt, sizes, mode);
}

}  // namespace dlc
