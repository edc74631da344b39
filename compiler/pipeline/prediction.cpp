// See prediction.h.
#include "pipeline/prediction.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "pipeline/program_hash.h"
#include "pipeline/train_data.h"
#include "runtime/data/preparation.h"
#include "runtime/data/quote.h"
#include "runtime/data/safetensors.h"

namespace dlc {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

struct Predictor {
  Compilation& c;
  const TrainSpec& spec;
  const TrainProgram& program;
  const std::string& path;  // of the weights
  const runtime::TensorFile& file;

  Error wrong(std::string_view message) const { return Error{fmt::format("{}: {}", path, message)}; }

  Result<bool> check_program() const {
    const std::string model(c.module.strings[c.models.models[static_cast<size_t>(spec.model)].name]);
    const std::string *theirs = file.note("model"), *predict = file.note("predict");
    if (!theirs || !predict) return wrong("these weights were not saved by `dlc train`: the note `model` or `predict` is missing");
    if (*theirs != model) return wrong(fmt::format("these are the weights of a model {}, and the program's is `{}`", runtime::quote(*theirs), model));
    return true;
  }

  /// The parameters and the states, laid out as the compiled code wants them.
  Result<bool> read_state(std::byte* state) const {
    if (auto read = read_leaves(program.leaves(), "parameter", state); !read) return read;
    return read_leaves(program.states(), "state", state + program.states_at() * program.element_bytes());
  }

  Result<bool> read_leaves(const std::vector<StateLeaf>& leaves, std::string_view what, std::byte* state) const {
    for (const StateLeaf& leaf : leaves) {
      const runtime::Tensor* t = file.find(leaf.name);
      const char* const dtype = program.dtype() == DType::f32 ? "F32" : "F64";
      if (!t) return wrong(fmt::format("the {} `{}` is missing", what, leaf.name));
      if (t->shape != leaf.shape)
        return wrong(fmt::format("the {} `{}` has the shape {}, and the program's {}", what, leaf.name, shape_text(t->shape), shape_text(leaf.shape)));
      if (t->dtype != dtype) return wrong(fmt::format("the {} `{}` is {}, and the program's {}", what, leaf.name, t->dtype, dtype));
      if (!t->bytes.empty()) std::memcpy(state + leaf.offset * program.element_bytes(), t->bytes.data(), t->bytes.size());
    }
    return true;
  }

  Result<runtime::FieldPreparation> preparation(size_t k) const {
    auto p = runtime::load_preparation(file, program.fields()[k].name);
    if (!p) return wrong(p.error().message);
    const FieldSpec& asked = spec.fields[k];
    const TrainField& field = program.fields()[k];
    if (static_cast<int64_t>(p->columns.size()) != field.width)
      return wrong(fmt::format("the field `{}` had {} columns in training, and the program's has {}", field.name, p->columns.size(), field.width));
    if (!asked.columns.empty() && asked.columns != p->columns)
      return wrong(fmt::format("the field `{}` was made of other columns in training", field.name));
    return std::move(*p);
  }

  /// The fields that `predict` takes, prepared as in training; the others stay empty.
  Result<Tables> read_table(const std::string& data) const {
    auto table = runtime::read_csv(data);
    if (!table) return Error{table.error().message};
    std::vector<runtime::FieldSpec> asked;
    std::vector<runtime::FieldPreparation> preparations;
    bool is_filled = !program.predict_fields().empty();
    for (size_t k : program.predict_fields()) {
      auto p = preparation(k);
      if (!p) return p.error();
      asked.push_back(table_field(spec.fields[k], program.fields()[k]));
      asked.back().columns = p->columns;
      is_filled = is_filled && !p->fill.empty();
      preparations.push_back(std::move(*p));
    }
    auto read = runtime::make_dataset(*table, asked, is_filled ? runtime::MissingPolicy::mean : runtime::MissingPolicy::error);
    if (!read) return Error{read.error().message};
    Tables out;
    out.n = table->n_rows();
    out.bytes.resize(program.fields().size());
    std::vector<int64_t> rows(static_cast<size_t>(out.n));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
    for (size_t at = 0; at < asked.size(); ++at) {
      const size_t k = program.predict_fields()[at];
      if (auto e = runtime::apply_preparation(preparations[at], read->fields[at])) return Error{e->message};
      auto bytes = gather_field(program.fields()[k], read->fields[at], rows);
      if (!bytes) return Error{fmt::format("{}: {}", data, bytes.error().message)};
      out.bytes[k] = std::move(*bytes);
    }
    return out;
  }
};

}  // namespace

Result<Predictions> predict(Compilation& c, const TrainSpec& spec, const std::string& weights, const std::string& data,
                            const CompileOptions& options) {
  const uint64_t hash = prediction_hash(c, spec);  // before the functions are optimised
  auto file = runtime::read_safetensors(weights);
  if (!file) return Error{file.error().message};
  auto program = TrainProgram::make(c, spec, options);
  if (!program) return program.error();
  if (!program->has_predict()) return Error{"the model has no `predict` that gives one row of numbers from fields of the data"};
  const Predictor p{c, spec, *program, weights, *file};
  if (auto good = p.check_program(); !good) return good.error();

  std::vector<std::byte> memory(static_cast<size_t>(program->state_bytes()) + 64);
  const auto start = reinterpret_cast<uintptr_t>(memory.data());
  std::byte* const state = memory.data() + ((start + 63) / 64 * 64 - start);
  if (auto read = p.read_state(state); !read) return read.error();
  if (*file->note("predict") != fmt::format("{:016x}", hash))
    return p.wrong("these weights were trained with another `predict` than the program's");
  auto tables = p.read_table(data);
  if (!tables) return tables.error();
  auto values = program->predict(tables->pointers(), tables->n, state);
  if (!values) return values.error();
  Predictions out{tables->n, program->prediction_width(), program->dtype() == DType::f32, std::move(*values)};
  out.is_f32 = out.is_f32 && std::all_of(out.values.begin(), out.values.end(), [](double x) { return std::isnan(x) || x == static_cast<float>(x); });
  return out;
}

}  // namespace dlc
