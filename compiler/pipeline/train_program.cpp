// Builds the functions a training run calls, out of the model's: a block of examples with its gradient, the optimizer's
// update over the flat state, the loss with training off, the batched prediction, and the first values.
#include "pipeline/train_program.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "ops/builder.h"
#include "ops/size_check.h"
#include "ops/table.h"
#include "pipeline/native.h"
#include "pipeline/rendering.h"
#include "runtime/random/philox.h"

namespace dlc {

struct TrainBuilder {
  Compilation& c;
  const TrainSpec& spec;
  const ModelInfo& info;
  TrainProgram out = {};
  Loc loc = {spec.span};
  std::map<StrId, DimId> sizes = {};
  TypeId params = {}, states = {};  // at these sizes
  std::vector<Entry> entries = {};

  Module& m() { return c.module; }
  TypeTable& types() { return c.module.types; }
  std::string_view str(StrId id) { return c.module.strings[id]; }
  StrId intern(std::string_view text) { return c.module.strings.intern(text); }
  std::string own_name(std::string_view what) { return m().unique_name(fmt::format("{}.{}", str(info.name), what)); }

  FuncId start(std::string_view name, StrId size) {
    Func f;
    f.name = own_name(name), f.loc = loc;
    if (size) f.size_vars.push_back(size);
    f.blocks.emplace_back();
    return m().add(std::move(f));
  }
  ValueId param(FuncId f, TypeId type, std::string_view name) {
    return append_param(m(), m()[f], BlockId{0}, "param"_op, type, intern(name), loc);
  }
  TypeId at_sizes(TypeId t) { return types().substitute(t, sizes); }
  bool has_key(bool training) { return info.draws && (training || info.key_in_predict); }

  size_t field_at(StrId name) {
    const auto at = std::find_if(spec.fields.begin(), spec.fields.end(), [&](const FieldSpec& f) { return f.name == name; });
    return static_cast<size_t>(at - spec.fields.begin());
  }
  /// The dtype that the losses take a field as; the model's float for one that no loss takes.
  DType field_dtype(size_t k) {
    for (const bool is_loss : {true, false})
      for (const ModelFunction& f : info.functions) {
        if (f.is_loss != is_loss) continue;
        const Func& func = m()[f.func];
        for (ValueId p : func.body().params)
          if (m()[func[p].attr].name == spec.fields[k].name) return types()[func[p].type].dtype;
      }
    return out.step_.dtype;
  }
  /// Of one row.
  TypeId row_type(size_t k) {
    std::vector<DimId> dims;
    for (int64_t d : spec.fields[k].shape) dims.push_back(types().dims.constant(d));
    return types().array(out.step_.fields[k].dtype, std::move(dims));
  }
  TypeId field_type(size_t k, DimId n) {
    std::vector<DimId> dims{n};
    for (int64_t d : spec.fields[k].shape) dims.push_back(types().dims.constant(d));
    return types().array(out.step_.fields[k].dtype, std::move(dims));
  }

  /// One leaf after the other, each at a multiple of kStateAlign; their initial values are added to those known.
  int64_t lay_out(const std::vector<ModelParam>& items, std::vector<StateLeaf>& leaves) {
    int64_t offset = 0;
    for (const ModelParam& item : items) {
      TrainProgram::Initial initial;
      initial.drawn = item.drawn, initial.first_leaf = leaves.size(), initial.is_state = &leaves == &out.step_.states;
      for (DimId d : item.copies) initial.copies *= types().dims.as_constant(types().dims.substitute(d, sizes)).value_or(0);
      add_leaves(std::string(str(item.name)), at_sizes(item.type), offset, leaves);
      initial.n_leaves = leaves.size() - initial.first_leaf;
      out.initials_.push_back(std::move(initial));
      if (!item.drawn) continue;
      // Fans are those of one layer, of however many there are.
      const std::vector<int64_t>& shape = leaves.back().shape;
      TrainProgram::Initial& drawn = out.initials_.back();
      for (size_t k = item.copies.size(); k < shape.size(); ++k) {
        const bool is_first = k == item.copies.size(), is_only = shape.size() == item.copies.size() + 1;
        if (!is_first || is_only) drawn.fan_in *= static_cast<double>(shape[k]);
        if (is_first ? !is_only : k != item.copies.size() + 1) drawn.fan_out *= static_cast<double>(shape[k]);
      }
    }
    return offset;
  }
  void add_leaves(const std::string& name, TypeId id, int64_t& offset, std::vector<StateLeaf>& leaves) {
    const Type t = types()[id];
    for (size_t k = 0; k < t.fields.size(); ++k)
      add_leaves(fmt::format("{}.{}", name, t.fields[k].name ? std::string(str(t.fields[k].name)) : fmt::format("{}", k)), t.fields[k].type, offset, leaves);
    if (t.is_tuple()) return;
    StateLeaf leaf{name, {}, offset};
    for (DimId d : t.dims) leaf.shape.push_back(types().dims.as_constant(d).value_or(0));
    offset += (leaf.count() + kStateAlign - 1) / kStateAlign * kStateAlign;
    leaves.push_back(std::move(leaf));
  }

  void lay_out() {
    for (const auto& [name, value] : spec.sizes) sizes[name] = types().dims.constant(value);
    params = at_sizes(info.params_type);
    if (info.states_type) states = at_sizes(info.states_type);
    out.step_.dtype = info.dtype;
    out.step_.state_length = lay_out(info.params, out.step_.leaves);
    if (states) out.step_.states_length = lay_out(info.states, out.step_.states);
    for (size_t k = 0; k < spec.fields.size(); ++k) {
      const FieldSpec& f = spec.fields[k];
      out.step_.fields.push_back({std::string(str(f.name)), field_dtype(k), f.shape, f.stride > 0 ? f.stride : f.width()});
    }
    out.step_.data.resize(spec.data.size());
    for (size_t k = 0; k < spec.fields.size(); ++k) out.step_.data[static_cast<size_t>(spec.fields[k].data)].fields.push_back(static_cast<int>(k));
    for (size_t k = 0; k < spec.losses.size(); ++k) out.step_.data[static_cast<size_t>(spec.losses[k].data)].scales.push_back(static_cast<int>(k));
  }

  /// What one example has, in a map over examples.
  struct Example {
    ValueId params, states, key;
    std::vector<ValueId> fields;
  };

  /// The parameters of a function over the examples of one data: what they are, and inside a map over its rows.
  struct Rows {
    const TrainStep::Data& data;
    bool training = false;
    std::vector<ValueId> all = {};
    size_t first_key = 0, first_field = 0, first_scale = 0;
    DimId n = {};
  };

  FuncId start_rows(Rows& rows, std::string_view name, size_t n_scales) {
    const StrId n_name = intern("n");
    const FuncId f = start(name, n_name);
    rows.n = types().dims.variable(n_name);
    rows.all = {param(f, params, "params")};
    if (states) rows.all.push_back(param(f, states, "states"));
    rows.first_key = rows.all.size();
    if (has_key(rows.training)) {
      const TypeId whole = types().scalar(DType::i64);
      rows.all.push_back(param(f, whole, "key")), rows.all.push_back(param(f, whole, "first"));
    }
    rows.first_field = rows.all.size();
    for (int k : rows.data.fields) rows.all.push_back(param(f, field_type(static_cast<size_t>(k), rows.n), out.step_.fields[static_cast<size_t>(k)].name));
    rows.first_scale = rows.all.size();
    for (size_t k = 0; k < n_scales; ++k) rows.all.push_back(param(f, types().scalar(out.step_.dtype), fmt::format("scale{}", k)));
    return f;
  }

  /// The example that the map's body `inside` is about.
  Example example_of(Builder& in, const Rows& rows, const std::vector<ValueId>& inside) {
    const auto captured = [&](size_t k) { return inside[k + 1]; };  // i comes first
    const ValueId i = inside[0];
    Example example{captured(0), states ? captured(1) : ValueId{}, {}, std::vector<ValueId>(spec.fields.size())};
    if (has_key(rows.training)) example.key = in.op("philox"_op, {captured(rows.first_key), in.op("add"_op, {captured(rows.first_key + 1), i}, loc)}, loc);
    for (size_t k = 0; k < rows.data.fields.size(); ++k)
      example.fields[static_cast<size_t>(rows.data.fields[k])] = in.index(captured(rows.first_field + k), std::span(&i, 1), Bounds::inside, loc);
    return example;
  }

  /// block[n](params, [states], [key, first], fields…, scales…): Σ over examples and loss terms of scale · coefficient ·
  /// weight · loss; in training with the new values of states behind it, (Σ, states…), if there are any.
  FuncId block(size_t at, bool training) {
    TrainStep::Data& data = out.step_.data[at];
    Rows rows{data, training};
    const FuncId f = start_rows(rows, training ? "block" : "evaluate", data.scales.size());
    Builder b(m(), f, BlockId{0});
    const BlockId body = b.begin_map({rows.n}, {}, rows.all, loc);
    const std::vector<ValueId> inside = m()[f][body].params;
    Builder in = b.in(body);
    const Example example = example_of(in, rows, inside);
    std::vector<ValueId> results(1);
    for (size_t k = 0; k < data.scales.size(); ++k) {
      const LossTerm& term = spec.losses[static_cast<size_t>(data.scales[k])];
      ValueId value = loss_of(in, term, training, example, results, data);
      if (term.coefficient != 1) value = in.op("mul"_op, {value, in.constant(term.coefficient, out.step_.dtype, loc)}, loc);
      value = in.op("mul"_op, {inside[rows.first_scale + k + 1], weighted(in, value, term, example)}, loc);
      results[0] = results[0] ? in.op("add"_op, {results[0], value}, loc) : value;
    }
    in.set_result(results.size() == 1 ? results[0] : in.tuple(results, loc));
    const ValueId boxed = training ? b.end_example_map(body, rows.n, rows.all, loc) : b.end_map(body, {rows.n}, rows.all, loc);
    if (results.size() == 1) return b.set_result(b.sum(boxed, {0}, loc)), f;
    std::vector<ValueId> whole{b.sum(b.get(boxed, 0, loc), {0}, loc)};
    // New values of states are the same for every example: those of the first.
    for (size_t k = 1; k < results.size(); ++k) whole.push_back(b.pick(b.get(boxed, static_cast<int>(k), loc), 0, types().dims.constant(0), loc));
    b.set_result(b.tuple(whole, loc));
    return f;
  }

  /// metric[n](params, [states], [key, first], fields…): Σ over examples of weight · value, training off.
  FuncId mean_metric(const LossTerm& term) {
    Rows rows{out.step_.data[static_cast<size_t>(term.data)]};
    const FuncId f = start_rows(rows, "metric", 0);
    Builder b(m(), f, BlockId{0});
    const BlockId body = b.begin_map({rows.n}, {}, rows.all, loc);
    const std::vector<ValueId> inside = m()[f][body].params;
    Builder in = b.in(body);
    const Example example = example_of(in, rows, inside);
    ValueId value = call_model(in, info.find(term.loss)->func, false, example);
    const TypeId type = m().types[in.func()[value].type].is_tuple() ? in.func()[value].type : TypeId{};
    size_t k = 0;
    while (type && term.extra && types()[type].fields[k].name != term.extra) ++k;
    if (type) value = in.get(value, static_cast<int>(k), loc);
    in.set_result(weighted(in, in.convert(value, out.step_.dtype, loc), term, example));
    b.set_result(b.sum(b.end_map(body, {rows.n}, rows.all, loc), {0}, loc));
    return f;
  }

  /// The loss of an example. New values of states go to `results`, of each state the first that a term gives.
  ValueId loss_of(Builder& in, const LossTerm& term, bool training, const Example& example, std::vector<ValueId>& results, TrainStep::Data& data) {
    const ModelFunction& loss = *info.find(term.loss);
    ValueId value = call_model(in, training ? loss.training : loss.func, training, example);
    if (training && !loss.updates.empty()) {
      for (size_t k = 0; k < loss.updates.size(); ++k) {
        // A state is one leaf.
        const auto is_known = [&](const TrainStep::Data& d) { return std::find(d.updated.begin(), d.updated.end(), loss.updates[k]) != d.updated.end(); };
        if (std::any_of(out.step_.data.begin(), out.step_.data.end(), is_known)) continue;
        data.updated.push_back(loss.updates[k]);
        results.push_back(in.get(value, static_cast<int>(k) + 1, loc));
      }
      value = in.get(value, 0, loc);
    }
    if (m().types[in.func()[value].type].is_tuple()) value = in.get(value, 0, loc);  // what follows are metrics
    return in.convert(value, out.step_.dtype, loc);
  }
  ValueId weighted(Builder& in, ValueId value, const LossTerm& term, const Example& example) {
    if (!term.weight) return value;
    return in.op("mul"_op, {value, in.convert(example.fields[field_at(term.weight)], out.step_.dtype, loc)}, loc);
  }

  ValueId call_model(Builder& in, FuncId callee, bool training, const Example& example) {
    std::vector<ValueId> args{example.params};
    if (states) args.push_back(example.states);
    if (has_key(training)) args.push_back(example.key ? example.key : in.constant_int(0, loc));
    const std::vector<ValueId> own = m()[callee].body().params;
    for (size_t k = args.size(); k < own.size(); ++k) args.push_back(example.fields[field_at(m()[m()[callee][own[k]].attr].name)]);
    std::map<StrId, int64_t> known;
    for (const auto& [name, size] : sizes) known[name] = types().dims.as_constant(size).value_or(0);
    // What recurs on sizes ends at these.
    if (const FuncId fixed = c.recurs(callee) ? c.at_sizes(callee, known) : callee) callee = fixed;
    std::vector<DimId> given;
    for (StrId s : m()[callee].size_vars) given.push_back(sizes[s]);
    return in.call(callee, std::move(given), args, loc);
  }

  /// predict[n](params, [states], [first], fields that it takes…): one row an example.
  FuncId prediction() {
    const ModelFunction* predict = info.find(intern("predict"));
    if (!predict) return {};
    const Func& of_one = m()[predict->func];
    const TypeId result = at_sizes(of_one.result_type());
    const Type t = types()[result];
    if (t.is_tuple() || t.dims.size() > 1 || of_one.size_vars.size() != info.sizes.size()) return {};
    if (!t.dims.empty()) out.prediction_width_ = types().dims.as_constant(t.dims[0]).value_or(1);
    for (size_t k = info.n_hidden(false); k < of_one.body().params.size(); ++k) {
      const size_t field = field_at(m()[of_one[of_one.body().params[k]].attr].name);
      // Predicts from what this data has not, or has in another shape.
      if (field == spec.fields.size() || row_type(field) != at_sizes(of_one[of_one.body().params[k]].type)) return {};
      if (!out.predict_fields_.empty() && spec.fields[out.predict_fields_[0]].data != spec.fields[field].data) return {};
      out.predict_fields_.push_back(field);
    }
    const StrId n_name = intern("n");
    const FuncId f = start("predictions", n_name);
    const DimId n = types().dims.variable(n_name);
    std::vector<ValueId> all{param(f, params, "params")};
    if (states) all.push_back(param(f, states, "states"));
    const size_t first_row = all.size();
    if (has_key(false)) all.push_back(param(f, types().scalar(DType::i64), "first"));
    const size_t first_field = all.size();
    for (size_t k : out.predict_fields_) all.push_back(param(f, field_type(k, n), out.step_.fields[k].name));
    Builder b(m(), f, BlockId{0});
    const BlockId body = b.begin_map({n}, {}, all, loc);
    const std::vector<ValueId> inside = m()[f][body].params;
    Builder in = b.in(body);
    Example example{inside[1], states ? inside[2] : ValueId{}, {}, std::vector<ValueId>(spec.fields.size())};
    // There is no run whose key it could be: that of seed 0, another for each row.
    if (has_key(false)) example.key = in.op("philox"_op, {in.constant_int(0, loc), in.op("add"_op, {inside[first_row + 1], inside[0]}, loc)}, loc);
    for (size_t k = 0; k < out.predict_fields_.size(); ++k)
      example.fields[out.predict_fields_[k]] = in.index(inside[first_field + k + 1], std::span(&inside[0], 1), Bounds::inside, loc);
    in.set_result(in.convert(call_model(in, predict->func, false, example), DType::f64, loc));
    b.set_result(b.end_map(body, {n}, all, loc));
    out.predict_n_fields_ = static_cast<int>(out.predict_fields_.size());
    return f;
  }

  /// update[p](w, g, moments…, hyper…) → (w, moments…), the optimizer's constants filled in.
  FuncId update() {
    const OptimizerSpec& o = spec.optimizer;
    using Kind = OptimizerSpec::Kind;
    const bool is_adam = o.kind == Kind::adam || o.kind == Kind::adamw;
    const DType dtype = out.step_.dtype;
    if (o.kind == Kind::lbfgs) out.step_.moments = {"gradient"};
    else if (o.kind == Kind::sgd) out.step_.moments = {"momentum"};
    else if (o.kind == Kind::rmsprop) out.step_.moments = {"square", "momentum"};
    else out.step_.moments = {"mean", "square"};
    out.step_.hyper = {"lr"};
    if (is_adam) out.step_.hyper = {"lr", "c1", "c2"};
    if (o.kind == Kind::lbfgs) out.step_.hyper.clear();

    const StrId p_name = intern("p");
    const FuncId f = start("update", p_name);
    const DimId p = types().dims.variable(p_name);
    const TypeId flat = types().array(dtype, {p}), scalar = types().scalar(dtype);
    std::vector<ValueId> args{param(f, flat, "w"), param(f, flat, "g")};
    for (const std::string& name : out.step_.moments) args.push_back(param(f, flat, name));
    for (const std::string& name : out.step_.hyper) args.push_back(param(f, scalar, name));
    Builder b(m(), f, BlockId{0});
    if (o.kind == Kind::lbfgs) {  // moves nothing: who calls it looks for a point by values and gradients
      b.set_result(b.tuple(std::vector<ValueId>{args[0], args[1]}, loc));
      return f;
    }
    const auto number = [&](double x) { return b.constant(x, dtype, loc); };
    if (spec.clip) {
      const ValueId clipped[2] = {args[1], number(spec.clip_norm)};
      args[1] = b.call(spec.clip, {p}, clipped, loc);
    }
    std::vector<double> constants{o.beta1, o.beta2, o.eps, o.weight_decay};
    if (o.kind == Kind::sgd) constants = {o.momentum, o.nesterov ? 1.0 : 0.0, o.weight_decay};
    if (o.kind == Kind::rmsprop) constants = {o.rho, o.eps, o.momentum, o.weight_decay};
    for (double x : constants) args.push_back(number(x));
    b.set_result(b.call(spec.update, {p}, args, loc));
    return f;
  }

  FuncId gradient(FuncId f) {
    const int of = types()[m()[f].result_type()].is_tuple() ? 0 : -1;
    return c.derivative({.kind = DerivativeRequest::Kind::value_and_grad, .mode = Mode::reverse, .base = f, .wrt = {0}, .with_value = true, .of = of}, loc);
  }
  FuncId fixed(FuncId f) { return f && c.ready(f) ? c.at_sizes(f, spec.sizes) : FuncId{}; }

  Error failure() { return Error{render_all(c.diagnostics, c.sources)}; }

  Result<bool> make_step() {
    lay_out();
    TrainStep& step = out.step_;
    step.draws = has_key(true);
    if (info.has_collectives) step.block_rows = spec.batch;
    for (const LossTerm& term : spec.losses) step.scales.emplace_back(str(term.loss));
    for (size_t k = 0; k < step.data.size(); ++k) {
      step.data[k].block = gradient(block(k, true));
      if (!step.data[k].block) return failure();
    }
    if (spec.regulariser) {
      const FuncId r = fixed(spec.regulariser);
      step.regulariser = r ? gradient(r) : r;
      if (!step.regulariser) return failure();
    }
    step.update = update();
    if (!c.ready(step.update)) return failure();
    return true;
  }

  Result<TrainProgram> run(const CompileOptions& options) {
    if (auto made = make_step(); !made) return made.error();
    out.step_.symbol = "step";
    out.key_in_predict_ = has_key(false);
    for (size_t k = 0; k < spec.data.size(); ++k) entries.push_back({fmt::format("evaluate{}", k), block(k, false)});
    if (const FuncId predict = prediction()) entries.push_back({"predict", predict});
    out.metric_fields_.resize(spec.metrics.size());
    for (size_t k = 0; k < spec.metrics.size(); ++k) {
      if (spec.metrics[k].kind != MetricSpec::Kind::mean) continue;
      entries.push_back({fmt::format("metric{}", k), mean_metric(spec.metrics[k].term)});
      out.metric_fields_[k] = out.step_.data[static_cast<size_t>(spec.metrics[k].term.data)].fields;
    }
    for (const Entry& e : entries)
      if (!c.ready(e.func)) return failure();
    std::vector<ModelParam> all = info.params;
    all.insert(all.end(), info.states.begin(), info.states.end());
    for (size_t k = 0; k < all.size(); ++k) {
      if (!all[k].initial) continue;
      std::map<StrId, int64_t> own;  // a layer's sizes
      for (const auto& [name, size] : all[k].sizes) own[name] = types().dims.evaluate(size, spec.sizes).value_or(0);
      const FuncId f = c.ready(all[k].initial) ? c.at_sizes(all[k].initial, own.empty() ? spec.sizes : own) : FuncId{};
      if (!f) return failure();
      out.initials_[k].entry = fmt::format("initial{}", k);
      entries.push_back({out.initials_[k].entry, f});
    }
    CompileOptions with_step = options;
    with_step.steps = std::span(&out.step_, 1);
    auto code = jit(m(), entries, with_step);
    if (!code) return code.error();
    out.code_ = std::make_shared<JitModule>(std::move(*code));
    out.sources_ = &c.sources;
    return std::move(out);
  }
};

Result<TrainProgram> TrainProgram::make(Compilation& c, const TrainSpec& spec, const CompileOptions& options) {
  return TrainBuilder{c, spec, c.models.models[static_cast<size_t>(spec.model)]}.run(options);
}

Result<TrainStep> TrainProgram::plan(Compilation& c, const TrainSpec& spec, std::string symbol) {
  TrainBuilder builder{c, spec, c.models.models[static_cast<size_t>(spec.model)]};
  if (auto made = builder.make_step(); !made) return made.error();
  builder.out.step_.symbol = std::move(symbol);
  return std::move(builder.out.step_);
}

namespace {

/// A uniform number in (0, 1) from 64 random bits.
double unit(uint64_t bits) { return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52; }

double draw(const Distribution& d, double fan_in, double fan_out, uint64_t key, uint64_t element) {
  using Kind = Distribution::Kind;
  const auto uniform = [&](double lo, double hi) { return lo + (hi - lo) * unit(runtime::philox64(key, element)); };
  // Box & Muller 1958; two draws an element, so that an element does not depend on its neighbour.
  const auto normal = [&] {
    const double u = unit(runtime::philox64(key, 2 * element)), v = unit(runtime::philox64(key, 2 * element + 1));
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * v);
  };
  switch (d.kind) {
    case Kind::glorot_uniform: return uniform(-1, 1) * std::sqrt(6 / (fan_in + fan_out));
    case Kind::he_uniform: return uniform(-1, 1) * std::sqrt(6 / fan_in);
    case Kind::glorot_normal: return normal() * std::sqrt(2 / (fan_in + fan_out));
    case Kind::he_normal: return normal() * std::sqrt(2 / fan_in);
    case Kind::uniform: return uniform(d.a, d.b);
    case Kind::normal: return d.a + d.b * normal();
  }
  return 0;
}

}  // namespace

std::vector<std::byte> TrainProgram::initial_state(uint64_t seed) const {
  std::vector<std::byte> state(static_cast<size_t>(state_bytes()));
  const uint64_t stream = runtime::stream_key(seed, runtime::Stream::init);
  for (const Initial& initial : initials_) {
    const std::vector<StateLeaf>& leaves = initial.is_state ? step_.states : step_.leaves;
    const size_t first = initial.first_leaf, end = first + initial.n_leaves;
    const auto at = [&](size_t k) { return state.data() + ((initial.is_state ? step_.states_at() : 0) + leaves[k].offset) * element_bytes(); };
    if (!initial.entry.empty()) {
      // Nothing it computes may fail: a function of constants.
      auto* f = reinterpret_cast<int32_t (*)(const dlc_ctx*, void* const*)>(code_->packed(initial.entry));
      std::vector<void*> cells;
      for (size_t k = first; k < end; ++k) cells.push_back(at(k));
      cells.push_back(thread_workspace(workspace_bytes(code_->workspace(initial.entry), {})));
      if (initial.copies > 0) f(nullptr, cells.data());
      for (size_t k = first; k < end; ++k) {
        const auto bytes = static_cast<size_t>(leaves[k].count() * element_bytes() / std::max<int64_t>(initial.copies, 1));
        for (int64_t copy = 1; copy < initial.copies; ++copy) std::memcpy(at(k) + static_cast<size_t>(copy) * bytes, at(k), bytes);
      }
      continue;
    }
    for (size_t k = first; k < end && initial.drawn; ++k) {
      const uint64_t key = runtime::fold(stream, k + (initial.is_state ? step_.leaves.size() : 0));
      for (int64_t e = 0; e < leaves[k].count(); ++e) {
        const double x = draw(*initial.drawn, initial.fan_in, initial.fan_out, key, static_cast<uint64_t>(e));
        const auto narrow = static_cast<float>(x);
        if (dtype() == DType::f32) std::memcpy(at(k) + e * 4, &narrow, 4);
        else std::memcpy(at(k) + e * 8, &x, 8);
      }
    }
  }
  return state;
}

Result<TrainProgram::Losses> TrainProgram::step(const Window& window, const std::byte* state, std::byte* next, runtime::ThreadPool* pool) const {
  // Of one data the number of its examples, of several where the numbers stand; both are a register.
  using Step = int32_t (*)(const dlc_ctx*, int64_t, const int64_t*, const void* const*, int64_t, const double*, const double*, const void*, void*,
                           double*, void*);
  static_assert(sizeof(Step) == sizeof(void*) && sizeof(const int64_t*) == sizeof(int64_t));
  const auto f = reinterpret_cast<Step>(code_->entry("step"));
  const auto workspace = reinterpret_cast<int64_t (*)(int64_t)>(code_->workspace("step"));
  const int64_t n = window.n.size() == 1 ? window.n[0] : static_cast<int64_t>(reinterpret_cast<intptr_t>(window.n.data()));
  const int64_t bytes = workspace(n);
  void* const memory = thread_workspace(bytes);
  if (!memory) return Error{fmt::format("there are no {} bytes of memory for a step over {} examples", bytes, fmt::join(window.n, " + "))};
  double losses[2] = {};
  CallContext context;
  if (pool) context.ctx.parallel_for = runtime::ThreadPool::parallel_for, context.ctx.user = pool;
  const int32_t code = f(&context.ctx, n, window.rows, window.tables.data(), static_cast<int64_t>(window.key), window.scales.data(),
                         window.hyper.data(), state, next, losses, memory);
  if (code != DLC_OK) return context.error.code = code, failure(context.error);
  return Losses{losses[0], losses[1]};
}

/// What the program's text says of a call that failed: which subscript left which axis, and where.
Error TrainProgram::failure(const dlc_error& error) const {
  const auto sites = code_->sites();
  if (error.site < 0 || static_cast<size_t>(error.site) >= sites.size()) return Error{run_time_error_text(error)};
  return as_error(failed_check(sites[static_cast<size_t>(error.site)].check, error.value, error.extent), sources_);
}

void TrainProgram::add_state(const std::byte* state, std::vector<void*>& cells) const {
  auto* const base = const_cast<std::byte*>(state);
  for (const StateLeaf& leaf : step_.leaves) cells.push_back(base + leaf.offset * element_bytes());
  for (const StateLeaf& leaf : step_.states) cells.push_back(base + (step_.states_at() + leaf.offset) * element_bytes());
}

Result<int> TrainProgram::run(const std::string& entry, std::vector<void*> cells, int64_t n) const {
  const int64_t bytes = workspace_bytes(code_->workspace(entry), std::span(&n, 1));
  void* workspace = thread_workspace(bytes);
  if (bytes > 0 && !workspace) return Error{fmt::format("there are no {} bytes of memory for {} rows", bytes, n)};
  cells.insert(cells.begin(), &n);
  cells.push_back(workspace);
  CallContext context;
  const int32_t code = reinterpret_cast<int32_t (*)(const dlc_ctx*, void* const*)>(code_->packed(entry))(&context.ctx, cells.data());
  if (code != DLC_OK) return context.error.code = code, failure(context.error);
  return 0;
}

namespace {

// As many rows as are evaluated at once: the memory this takes does not grow with the table.
constexpr int64_t kRowsAtOnce = 1024;

/// Rows of a table, one after the other: where they lie, or a copy if they overlap there.
struct RowBlock {
  std::vector<std::byte> copy;
  void* at(const TrainField& field, const void* table, int64_t first, int64_t n) {
    auto* const from = static_cast<std::byte*>(const_cast<void*>(table)) + first * field.stride_bytes();
    if (field.stride_bytes() == field.row_bytes()) return from;
    copy.resize(static_cast<size_t>(n * field.row_bytes()));
    for (int64_t i = 0; i < n; ++i) std::memcpy(copy.data() + i * field.row_bytes(), from + i * field.stride_bytes(), static_cast<size_t>(field.row_bytes()));
    return copy.data();
  }
};

}  // namespace

/// What a function over the rows of a data adds up to, over all of them.
Result<double> TrainProgram::sum(const std::string& entry, const std::vector<int>& fields, const std::vector<const void*>& tables, int64_t n,
                                 std::span<const double> scales, const std::byte* state) const {
  double total = 0;
  for (int64_t first = 0; first < n; first += kRowsAtOnce) {
    const int64_t n_now = std::min(kRowsAtOnce, n - first);
    int64_t key = 0, start = first;
    std::vector<void*> cells;
    add_state(state, cells);
    if (key_in_predict_) cells.push_back(&key), cells.push_back(&start);
    std::vector<RowBlock> blocks(fields.size());
    for (size_t k = 0; k < fields.size(); ++k) {
      const auto at = static_cast<size_t>(fields[k]);
      cells.push_back(blocks[k].at(step_.fields[at], tables[at], first, n_now));
    }
    std::vector<float> narrow(scales.begin(), scales.end());
    for (size_t k = 0; k < scales.size(); ++k) cells.push_back(dtype() == DType::f32 ? static_cast<void*>(&narrow[k]) : const_cast<double*>(&scales[k]));
    alignas(8) std::byte value[8];
    cells.push_back(value);
    const Result<int> done = run(entry, std::move(cells), n_now);
    if (!done) return done.error();
    float x = 0;
    double y = 0;
    std::memcpy(&x, value, 4), std::memcpy(&y, value, 8);
    total += dtype() == DType::f32 ? x : y;
  }
  return total;
}

Result<double> TrainProgram::loss(const std::vector<const void*>& tables, const std::vector<int64_t>& n, std::span<const double> scales, const std::byte* state) const {
  double total = 0;
  for (size_t k = 0; k < step_.data.size(); ++k) {
    std::vector<double> own;
    for (int at : step_.data[k].scales) own.push_back(scales[static_cast<size_t>(at)]);
    auto part = sum(fmt::format("evaluate{}", k), step_.data[k].fields, tables, n[k], own, state);
    if (!part) return part.error();
    total += *part;
  }
  return total;
}

Result<double> TrainProgram::metric(size_t at, const std::vector<const void*>& tables, int64_t n, const std::byte* state) const {
  return sum(fmt::format("metric{}", at), metric_fields_[at], tables, n, {}, state);
}

Result<std::vector<double>> TrainProgram::predict(const std::vector<const void*>& tables, int64_t n, const std::byte* state) const {
  std::vector<double> out(static_cast<size_t>(n * prediction_width_));
  for (int64_t first = 0; first < n; first += kRowsAtOnce) {
    const int64_t n_now = std::min(kRowsAtOnce, n - first);
    int64_t start = first;
    std::vector<void*> cells;
    add_state(state, cells);
    if (key_in_predict_) cells.push_back(&start);
    std::vector<RowBlock> blocks(predict_fields_.size());
    for (size_t k = 0; k < predict_fields_.size(); ++k) cells.push_back(blocks[k].at(step_.fields[predict_fields_[k]], tables[predict_fields_[k]], first, n_now));
    cells.push_back(out.data() + first * prediction_width_);
    const Result<int> done = run("predict", std::move(cells), n_now);
    if (!done) return done.error();
  }
  return out;
}

}  // namespace dlc
