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
    const int64_t width = p->width > 0 ? p->width : static_cast<int64_t>(p->columns.size());
    if (format(k) == DataSpec::Format::text ? p->characters.empty() : width != field.width() || !p->characters.empty())
      return wrong(fmt::format("the field `{}` was another in training", field.name));
    if (!asked.columns.empty() && asked.columns != p->columns)
      return wrong(fmt::format("the field `{}` was made of other columns in training", field.name));
    return std::move(*p);
  }

  DataSpec::Format format(size_t field) const { return spec.data[static_cast<size_t>(spec.fields[field].data)].format; }

  /// The fields that `predict` takes, prepared as in training; the others stay empty.
  Result<Tables> read_tables(const std::vector<std::string>& data) const {
    const std::vector<size_t>& fields = program.predict_fields();
    std::vector<runtime::FieldPreparation> preparations;
    for (size_t k : fields) {
      auto p = preparation(k);
      if (!p) return p.error();
      preparations.push_back(std::move(*p));
    }
    const DataSpec::Format of = fields.empty() ? DataSpec::Format::csv : format(fields[0]);
    if (of == DataSpec::Format::idx) {
      auto files = files_of(data);
      if (!files) return files.error();
      auto read = read_arrays(spec, program, fields, *files);
      if (!read) return read.error();
      return prepared(std::move(*read), preparations);
    }
    if (data.size() != 1) return Error{fmt::format("the data are one file, and {} are given", data.size())};
    if (of == DataSpec::Format::text) return read_text(data[0], fields[0], preparations[0]);
    auto read = read_table(data[0], preparations);
    if (!read) return read.error();
    return prepared(std::move(*read), preparations);
  }

  Result<runtime::Dataset> read_table(const std::string& path, const std::vector<runtime::FieldPreparation>& preparations) const {
    auto table = runtime::read_csv(path);
    if (!table) return Error{table.error().message};
    std::vector<runtime::FieldSpec> asked;
    bool is_filled = !preparations.empty();
    for (size_t at = 0; at < preparations.size(); ++at) {
      const size_t k = program.predict_fields()[at];
      asked.push_back(table_field(spec.fields[k], program.fields()[k]));
      asked.back().columns = preparations[at].columns;
      is_filled = is_filled && !preparations[at].fill.empty();
    }
    auto read = runtime::make_dataset(*table, asked, is_filled ? runtime::MissingPolicy::mean : runtime::MissingPolicy::error);
    if (!read) return Error{read.error().message};
    return std::move(*read);
  }

  /// Of the sources that `predict` takes: the one path, or those that are given by name.
  Result<std::vector<DataSpec::File>> files_of(const std::vector<std::string>& data) const {
    std::vector<DataSpec::File> files;
    for (size_t k : program.predict_fields()) {
      const std::string& name = spec.fields[k].source;
      if (std::none_of(files.begin(), files.end(), [&](const DataSpec::File& f) { return f.name == name; })) files.push_back({name, ""});
    }
    for (const std::string& text : data) {
      const auto of = std::find_if(files.begin(), files.end(), [&](const DataSpec::File& f) { return text.starts_with(f.name + "="); });
      if (of != files.end()) of->path = text.substr(of->name.size() + 1);
      else if (files.size() == 1 && data.size() == 1) files[0].path = text;
      else return Error{fmt::format("`{}` is given for none of the sources that `predict` takes; say `{}=PATH`", text, files[0].name)};
    }
    for (const DataSpec::File& f : files)
      if (f.path.empty()) return Error{fmt::format("`predict` takes the source `{0}`; say `{0}=PATH`", f.name)};
    return files;
  }

  Result<Tables> prepared(runtime::Dataset data, const std::vector<runtime::FieldPreparation>& preparations) const {
    Tables out;
    out.n.assign(spec.data.size(), data.n_rows);
    out.bytes.resize(program.fields().size());
    std::vector<int64_t> rows(static_cast<size_t>(data.n_rows));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
    for (size_t at = 0; at < preparations.size(); ++at) {
      const size_t k = program.predict_fields()[at];
      if (auto e = runtime::apply_preparation(preparations[at], data.fields[at])) return Error{e->message};
      auto bytes = gather_field(program.fields()[k], data.fields[at], rows);
      if (!bytes) return Error{fmt::format("{}: {}", data.path, bytes.error().message)};
      out.bytes[k] = std::move(*bytes);
    }
    return out;
  }

  Result<Tables> read_text(const std::string& path, size_t k, const runtime::FieldPreparation& p) const {
    auto text = runtime::read_text(path, p.characters);
    if (!text) return Error{text.error().message};
    const TrainField& field = program.fields()[k];
    Tables out;
    out.n.assign(spec.data.size(), runtime::n_windows(*text, field.width(), field.stride));
    out.bytes.resize(program.fields().size());
    std::vector<int64_t> rows(static_cast<size_t>(out.n[0]));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
    out.bytes[k] = gather_text(field, *text, rows);
    return out;
  }
};

}  // namespace

Result<Predictions> predict(Compilation& c, const TrainSpec& spec, const std::string& weights, const std::vector<std::string>& data,
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
  auto tables = p.read_tables(data);
  if (!tables) return tables.error();
  auto values = program->predict(tables->pointers(), tables->n[0], state);
  if (!values) return values.error();
  Predictions out{tables->n[0], program->prediction_width(), program->dtype() == DType::f32, std::move(*values)};
  out.is_f32 = out.is_f32 && std::all_of(out.values.begin(), out.values.end(), [](double x) { return std::isnan(x) || x == static_cast<float>(x); });
  return out;
}

}  // namespace dlc
