// The C header and the JSON signature of an object.
#include "codegen/header.h"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "codegen/abi_text.h"
#include "ops/size_check.h"

namespace dlc {

namespace {

const char* c_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return "float";
    case DType::f64: return "double";
    case DType::b1: return "uint8_t";
    default: return "int64_t";
  }
}

std::string shape_text(const Module& m, const std::vector<DimId>& dims) {
  std::string s = "[";
  for (size_t k = 0; k < dims.size(); ++k) s += (k ? ", " : "") + m.types.dims.text(dims[k]);
  return s + "]";
}

/// Collects the leaves of a value by the names of its fields.
class Leaves {
 public:
  Leaves(const Module& m, std::set<std::string>& used) : m_(m), used_(used) {}

  void add(TypeId type, const std::string& path, const std::string& otherwise, std::vector<SignatureLeaf>& out) {
    const Type& t = m_.types[type];
    if (!t.is_tuple()) {
      out.push_back({unique(ascii_name(path.empty() ? otherwise : path)), path, t.dtype, t.dims});
      return;
    }
    for (size_t k = 0; k < t.fields.size(); ++k) {
      const std::string field(m_.strings[t.fields[k].name]);
      const std::string name = field.empty() ? std::to_string(k) : field;
      if (path.empty() && field.empty()) add(t.fields[k].type, "", otherwise + std::to_string(k), out);
      else add(t.fields[k].type, path.empty() ? name : path + "." + name, otherwise, out);
    }
  }
  std::string unique(const std::string& wanted) {
    std::string name = wanted;
    for (int n = 2; !used_.insert(name).second; ++n) name = fmt::format("{}_{}", wanted, n);
    return name;
  }

 private:
  const Module& m_;
  std::set<std::string>& used_;
};

/// A text that is safe inside a C comment.
std::string in_comment(std::string text) {
  for (size_t at; (at = text.find("*/")) != std::string::npos;) text.replace(at, 2, "* /");
  return text;
}

std::string parameters(const Signature& s, const Module& m) {
  std::string out = "const dlc_ctx* ctx";
  for (const std::string& name : s.sizes) out += ", int64_t " + name;
  for (const SignatureLeaf& l : s.inputs)
    out += l.is_array() ? fmt::format(", const {}* {} /* {} */", c_type(l.dtype), l.name, in_comment(shape_text(m, l.dims)))
                        : fmt::format(", {} {}", c_type(l.dtype), l.name);
  for (const SignatureLeaf& l : s.outputs)
    out += fmt::format(", {}* {}{}", c_type(l.dtype), l.name, l.is_array() ? " /* " + in_comment(shape_text(m, l.dims)) + " */" : "");
  return out + ", void* workspace";
}

void declare(const HeaderInput& in, size_t k, std::string& out) {
  const Signature s = signature_of(in.module, in.entries[k]);
  out += fmt::format("\n/* {}\n", in_comment(in.module[in.entries[k].func].name));
  size_t at = 0;
  while (at < s.doc.size()) {
    const size_t end = std::min(s.doc.find('\n', at), s.doc.size());
    out += " * " + in_comment(s.doc.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  for (const SignatureLeaf& l : s.inputs)
    if (!l.path.empty() && l.path != l.name) out += fmt::format(" * {} is {}\n", l.name, in_comment(l.path));
  out += " * Returns DLC_OK or one of dlc_code. */\n";
  out += fmt::format("int32_t {}({});\n", s.symbol, parameters(s, in.module));
  std::string sizes;
  for (const std::string& name : s.sizes) sizes += (sizes.empty() ? "int64_t " : ", int64_t ") + name;
  out += fmt::format("int64_t {}_ws({});\n", s.symbol, sizes.empty() ? "void" : sizes);
  out += fmt::format("int32_t {}_packed(const dlc_ctx* ctx, void* const* args);\n", s.symbol);
  if (!in.object.has_direct[k]) return;
  std::string args;
  for (const SignatureLeaf& l : s.inputs) args += fmt::format("{}{} {}", args.empty() ? "" : ", ", c_type(l.dtype), l.name);
  out += fmt::format("{} {}_direct({});\n", c_type(s.outputs[0].dtype), s.symbol, args.empty() ? "void" : args);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string s;
  for (int64_t d : shape) s += fmt::format("{}{}", s.empty() ? "[" : ", ", d);
  return s.empty() ? "a number" : s + "]";
}

/// A training step: its state's layout as constants, and what the arrays it is given hold.
void declare(const TrainStep& step, std::string& out) {
  const char* type = c_type(step.dtype);
  const std::string prefix = step.symbol.substr(0, step.symbol.rfind("_train_step"));
  const auto list = [](const std::vector<std::string>& names) {
    std::string s;
    for (const std::string& n : names) s += (s.empty() ? "" : ", ") + in_comment(n);
    return s;
  };
  out += fmt::format("\n/* {}: one training step. The state is {} parts of {}_PART elements each: the parameters, then {}.\n", step.symbol,
                     1 + step.moments.size(), prefix, list(step.moments));
  out += " * Where a parameter begins in its part; what is between parameters is zero:\n";
  for (const TrainStep::Leaf& l : step.leaves) out += fmt::format(" *   {:>8}  {} {}\n", l.offset, in_comment(l.name), shape_text(l.shape));
  if (!step.states.empty()) {
    out += fmt::format(" * Behind the parts, from {}_STATES on, stand the model's states, which training sets and no optimizer moves:\n", prefix);
    for (const TrainStep::Leaf& l : step.states) out += fmt::format(" *   {:>8}  {} {}\n", l.offset, in_comment(l.name), shape_text(l.shape));
  }
  if (step.block_rows == 0) out += " * The examples of a call are one batch.\n";
  else if (step.block_rows != kBlockRows) out += fmt::format(" * The examples of a call are batches of {}, one after the other.\n", step.block_rows);
  out += " * Tables of the data, in order, row-major, a row an example:\n";
  for (size_t k = 0; k < step.data.size(); ++k) {
    if (step.data.size() > 1) out += fmt::format(" *  data {}:\n", k);
    for (int at : step.data[k].fields) {
      const TrainStep::Field& f = step.fields[static_cast<size_t>(at)];
      std::string sizes;
      for (int64_t d : f.shape) sizes += fmt::format(", {}", d);
      const std::string overlap = f.stride == f.width() ? "" : fmt::format(", row r from element {} r on", f.stride);
      out += fmt::format(" *   {} {}[rows{}]{}\n", in_comment(f.name), c_type(f.dtype), sizes, overlap);
    }
  }
  const bool is_one = step.data.size() == 1;
  if (is_one) out += " * n examples, the `rows` of the tables.";
  else out += fmt::format(" * n[k] examples of data k, {} numbers; `rows` of the tables, those of data 0, then of data 1, and so on.", step.data.size());
  out += fmt::format(" scales: of {}, 1.0/n each for a mean. hyper: {}.\n", list(step.scales), step.hyper.empty() ? "none" : list(step.hyper));
  if (step.hyper.empty()) out += " * The parameters of new_state are those of state: a line search moves them, along what the gradients say.\n";
  if (step.hyper.size() > 1) out += " * c1 = 1 - beta1^t and c2 = 1 - beta2^t for step t = 1, 2, ...\n";
  if (step.draws) out += " * key: another number for every step; random numbers follow from it.\n";
  out += " * state and new_state are aligned to 64 bytes and do not overlap. losses[0]: the data's part of the objective,\n"
         " * losses[1]: the rest. Returns DLC_OK or one of dlc_code. */\n";
  out += fmt::format("enum {{ {0}_PART = {1}, {0}_PARTS = {2}", prefix, step.state_length, 1 + step.moments.size());
  std::set<std::string> taken;  // `fc.W` and `fc_W` would be one
  const auto constant = [&](const TrainStep::Leaf& l) {
    std::string name = fmt::format("{}_AT_{}", prefix, ascii_name(l.name));
    while (!taken.insert(name).second) name += '_';
    return name;
  };
  for (const TrainStep::Leaf& l : step.leaves) out += fmt::format(", {} = {}", constant(l), l.offset);
  if (!step.states.empty()) out += fmt::format(", {}_STATES = {}, {}_STATES_LENGTH = {}", prefix, step.states_at(), prefix, step.states_length);
  for (const TrainStep::Leaf& l : step.states) out += fmt::format(", {} = {}", constant(l), step.states_at() + l.offset);
  out += " };\n";
  const char* n = is_one ? "int64_t n" : "const int64_t* n";
  out += fmt::format("int32_t {0}(const dlc_ctx* ctx, {1}, const int64_t* rows, const void* const* fields, int64_t key, const double* scales,\n"
                     "    const double* hyper, const {2}* state, {2}* new_state, double* losses, void* workspace);\n"
                     "int64_t {0}_ws({1});\n",
                     step.symbol, n, type);
}

nlohmann::ordered_json step_json(const TrainStep& step) {
  nlohmann::ordered_json j{{"symbol", step.symbol}, {"dtype", dtype_name(step.dtype)}, {"part_length", step.state_length},
                           {"moments", step.moments}, {"hyper", step.hyper}, {"scales", step.scales}, {"draws", step.draws}};
  j["parameters"] = nlohmann::ordered_json::array();
  j["fields"] = nlohmann::ordered_json::array();
  for (const TrainStep::Leaf& l : step.leaves) j["parameters"].push_back({{"name", l.name}, {"shape", l.shape}, {"offset", l.offset}});
  j["states_at"] = step.states_at(), j["states_length"] = step.states_length;
  j["states"] = nlohmann::ordered_json::array();
  for (const TrainStep::Leaf& l : step.states) j["states"].push_back({{"name", l.name}, {"shape", l.shape}, {"offset", l.offset}, {"kind", "state"}});
  for (size_t k = 0; k < step.data.size(); ++k)
    for (int at : step.data[k].fields) {
      const TrainStep::Field& f = step.fields[static_cast<size_t>(at)];
      j["fields"].push_back({{"name", f.name}, {"dtype", dtype_name(f.dtype)}, {"width", f.width()}, {"shape", f.shape}, {"stride", f.stride}, {"data", k}});
    }
  return j;
}

const char* site_reason(SizeCheck::Kind kind) {
  switch (kind) {
    case SizeCheck::Kind::subscript:
    case SizeCheck::Kind::index: return "a subscript leaves its array";
    case SizeCheck::Kind::elements: return "a reduction of no elements";
    case SizeCheck::Kind::size: return "a size is negative";
    case SizeCheck::Kind::iterations: return "a loop reached its bound";
    case SizeCheck::Kind::memory: return "no memory for a loop's steps";
  }
  return "";
}

std::string site_text(const HeaderInput& in, const CodeSite& site) {
  const Diagnostic d = failed_check(site.check, -1, std::nullopt);
  std::string text = in.sources.place(d.span);
  if (text.empty()) text = in.module[site.func].name;
  else text += ": " + std::string(in.sources.text(d.span).substr(0, 80));
  return fmt::format("{} ({})", text, site_reason(site.check.kind));
}

nlohmann::ordered_json leaf_json(const Module& m, const SignatureLeaf& l) {
  nlohmann::ordered_json j;
  j["name"] = l.name;
  if (!l.path.empty()) j["path"] = l.path;
  j["dtype"] = dtype_name(l.dtype);
  auto shape = nlohmann::ordered_json::array();
  for (DimId d : l.dims) {
    if (const auto n = m.types.dims.as_constant(d)) shape.push_back(*n);
    else shape.push_back(m.types.dims.text(d));
  }
  j["shape"] = std::move(shape);
  return j;
}

}  // namespace

Signature signature_of(const Module& m, const Entry& entry) {
  const Func& f = m[entry.func];
  Signature s;
  s.symbol = entry.symbol;
  s.doc = f.doc;
  std::set<std::string> used;
  Leaves leaves(m, used);
  for (StrId name : f.size_vars) s.sizes.push_back(leaves.unique(ascii_name(m.strings[name])));
  for (size_t k = 0; k < f.body().params.size(); ++k) {
    const Inst& p = f[f.body().params[k]];
    leaves.add(p.type, std::string(m.strings[m[p.attr].name]), "x" + std::to_string(k), s.inputs);
  }
  // A result's name may be an input's (the gradient by W is W): results get a prefix then.
  std::vector<SignatureLeaf> results;
  std::set<std::string> own;
  Leaves(m, own).add(f.result_type(), "", "out", results);
  for (SignatureLeaf& l : results) {
    l.name = leaves.unique(used.contains(l.name) ? "out_" + l.name : l.name);
    s.outputs.push_back(std::move(l));
  }
  return s;
}

std::string c_header(const HeaderInput& in) {
  const std::string prefix = ascii_name(in.name);
  const std::string guard = "DLC_GENERATED_" + prefix + "_H";
  std::string out = fmt::format("/* {}.h: made by dlc. Depends on nothing but stdint.h. */\n#ifndef {}\n#define {}\n", prefix, guard, guard);
  out += kAbiText;
  out += "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
  for (size_t k = 0; k < in.entries.size(); ++k) declare(in, k, out);
  for (const TrainStep& step : in.steps) declare(step, out);
  out += "\n#ifdef __cplusplus\n}\n#endif\n";
  out += fmt::format("\n/* What dlc_error::site counts: const char* const sites[] = {}_SITES; */\n#define {}_SITES {{", prefix, prefix);
  // JSON's escapes are C's, as long as only ASCII is left as it is and no digit follows an escape.
  for (const CodeSite& site : in.object.sites)
    out += fmt::format(" \\\n  {},", nlohmann::json(site_text(in, site)).dump());
  out += " 0 }\n#endif\n";
  return out;
}

std::string json_signature(const HeaderInput& in) {
  nlohmann::ordered_json j;
  j["abi_version"] = kAbiVersion;
  j["functions"] = nlohmann::ordered_json::array();
  for (size_t k = 0; k < in.entries.size(); ++k) {
    const Signature s = signature_of(in.module, in.entries[k]);
    nlohmann::ordered_json f;
    f["symbol"] = s.symbol;
    f["name"] = in.module[in.entries[k].func].name;
    if (!s.doc.empty()) f["doc"] = s.doc;
    f["sizes"] = s.sizes;
    f["inputs"] = nlohmann::ordered_json::array();
    f["outputs"] = nlohmann::ordered_json::array();
    for (const SignatureLeaf& l : s.inputs) f["inputs"].push_back(leaf_json(in.module, l));
    for (const SignatureLeaf& l : s.outputs) f["outputs"].push_back(leaf_json(in.module, l));
    f["direct"] = static_cast<bool>(in.object.has_direct[k]);
    j["functions"].push_back(std::move(f));
  }
  j["train_steps"] = nlohmann::ordered_json::array();
  for (const TrainStep& step : in.steps) j["train_steps"].push_back(step_json(step));
  j["sites"] = nlohmann::ordered_json::array();
  for (const CodeSite& site : in.object.sites) j["sites"].push_back(site_text(in, site));
  return j.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace dlc
