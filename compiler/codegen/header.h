// What an object's user reads: a C and C++ header without includes, and the same as JSON for other languages.
//
//   const Entry entries[] = {{ascii_name("nll"), nll}, {ascii_name("∇nll"), grad}};
//   auto object = emit_object(module, entries, {});
//   write("model.o", object->bytes);
//   write("model.h", c_header({module, entries, *object, sources, "model"}));
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/source.h"
#include "codegen/codegen.h"

namespace dlc {

/// A C identifier for a name of the language: θ → theta, `nll.vjp` → nll_vjp, other letters → u1F600; words of C and
/// C++ get a trailing underscore.
std::string ascii_name(std::string_view name);

/// The same for an entry point, which also keeps clear of the C library's names: exp → exp_.
std::string entry_name(std::string_view name);

/// One scalar or array of an entry, in the order of its C parameters.
struct SignatureLeaf {
  std::string name;  // C identifier, unique within the entry
  std::string path;  // as in the program: "s.h"; empty for an unnamed result
  DType dtype = DType::f64;
  std::vector<DimId> dims;
  bool is_array() const { return !dims.empty(); }
};

struct Signature {
  std::string symbol;
  std::string doc;
  std::vector<std::string> sizes;  // C identifiers of the int64_t parameters that come first
  std::vector<SignatureLeaf> inputs, outputs;
};
Signature signature_of(const Module& m, const Entry& entry);

struct HeaderInput {
  const Module& module;
  std::span<const Entry> entries;
  const ObjectCode& object;
  const Sources& sources;
  std::string name;  // of the file without ".h"; also prefix of its macros
  std::span<const TrainStep> steps = {};
};
std::string c_header(const HeaderInput& input);
std::string json_signature(const HeaderInput& input);

}  // namespace dlc
