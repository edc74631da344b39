// `dlc predict`: what a trained model says about each row of its data.
#include <CLI/CLI.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/command.h"
#include "pipeline/prediction.h"
#include "runtime/data/file.h"

namespace dlc {
namespace {

struct PredictOptions {
  std::string file, weights, output = "-";
  std::vector<std::string> data;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc predict net2.dl --weights net2.safetensors --data patients.csv\n"
    "  dlc predict net2.dl --weights net2.safetensors --data patients.csv -o predictions.csv\n"
    "The weights are what `dlc train` saved, by `save best` or `save last` or as a checkpoint. The table has the columns that the\n"
    "model was trained on, by name and in any order; the target need not be there. A model that was trained on idx files or on a text\n"
    "predicts from such a file, --data t10k-images-idx3-ubyte.gz.";

int predict(const PredictOptions& o, const Common& common) {
  const auto c = new_compilation(common);
  if (const int status = load(*c, o.file, common)) return status;
  if (c->models.trains.empty()) return report(*c, Error{fmt::format("{} has no `train` block", o.file)}, common);
  auto p = predict(*c, c->models.trains[0], o.weights, o.data, {.opt_level = common.opt_level});
  if (!p) return report(*c, c->diagnostics.has_errors() ? Error{} : p.error(), common);
  const std::string text = common.json ? predictions_json(*p).dump() + "\n" : predictions_csv(*p);
  if (o.output == "-") print_out(text);
  else if (auto e = runtime::write_file(o.output, text)) return report(*c, Error{e->message}, common);
  return kDone;
}

}  // namespace

void add_predict(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("predict", "Apply a trained model to data");
  auto o = std::make_shared<PredictOptions>();
  command->add_option("FILE", o->file, "Source with the model and its train block")->required();
  command->add_option("--weights", o->weights, "What `dlc train` saved")->required();
  command->add_option("--data", o->data, "As the model was trained on, plain or gzip; - is standard input; of several idx files name=PATH")->required();
  command->add_option("-o", o->output, "Write here, all or nothing")->capture_default_str();
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return predict(*o, common); }; });
}

}  // namespace dlc
