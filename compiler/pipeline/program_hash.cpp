// See program_hash.h.
#include "pipeline/program_hash.h"

#include <fmt/format.h>

#include "ir/text.h"
#include "ops/table.h"
#include "passes/passes.h"

namespace dlc {
namespace {

void add_function(ProgramHash& hash, const Module& m, FuncId f) {
  if (!f) return;
  for (FuncId callee : call_order(m, f)) hash.add(print(m, m[callee], op_set()));
}

}  // namespace

uint64_t training_hash(const Compilation& c, const TrainSpec& spec) {
  ProgramHash hash;
  for (const ModelFunction& f : c.models.models[static_cast<size_t>(spec.model)].functions) add_function(hash, c.module, f.training);
  for (FuncId f : {spec.regulariser, spec.update, spec.clip}) add_function(hash, c.module, f);
  return hash.value;
}

uint64_t prediction_hash(const Compilation& c, const TrainSpec& spec) {
  ProgramHash hash;
  for (const ModelFunction& f : c.models.models[static_cast<size_t>(spec.model)].functions) {
    if (c.module.strings[f.name] != "predict") continue;
    add_function(hash, c.module, f.func);
    for (const auto& [name, value] : spec.sizes) hash.add(fmt::format("{} = {}", c.module.strings[name], value));
    return hash.value;
  }
  return 0;
}

}  // namespace dlc
