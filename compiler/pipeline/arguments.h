// Arguments as a person gives them, by name, to typed values of a function's parameters.
//
//   Arguments given;
//   if (auto e = given.add("x1=1.5")) …                       scalars; inf and nan are numbers, in arrays too
//   if (auto e = given.add_list("W=[[1,2],[3,4]],b=@b.npy")) …  arrays as JSON; @file.json, @file.csv, @file.npy
//   if (auto e = given.add_json_file("in.json")) …            {"x1": 1.5, "W": [[1, 2], [3, 4]]}
//   Result<std::vector<InterpValue<double>>> args = given.bind(module, function);
//
// A missing, unknown or repeated name is an error with a suggestion, as is a value that does not fit its parameter's
// type. Whether the sizes agree with each other is bind_sizes' to say (interp/sizes.h).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "interp/value.h"
#include "ir/module.h"

namespace dlc {

/// What is wrong with arguments: the data when a value or a file is, else the command line (a name, a missing value).
struct ArgumentError : Error {
  bool is_data = false;
};

class Arguments {
 public:
  Arguments();
  ~Arguments();
  Arguments(Arguments&&) noexcept;

  [[nodiscard]] std::optional<ArgumentError> add(std::string_view name_and_value);
  [[nodiscard]] std::optional<ArgumentError> add_list(std::string_view list);
  [[nodiscard]] std::optional<ArgumentError> add_json_file(const std::string& path);

  /// Lets fields of the file of --args that no parameter has be.
  void ignore_extra() { ignores_extra_ = true; }

  /// A value for each parameter, in order; f32 values are rounded to f32. The error has a diagnostic when a value is
  /// wrong, and none when a name is.
  Result<std::vector<InterpValue<double>>> bind(const Module& m, const Func& f) const;

 private:
  struct Given;
  std::vector<Given> given_;
  bool ignores_extra_ = false;
};

/// "x1: f64, W: f64[n, 3]" for messages.
std::string signature_text(const Module& m, const Func& f);
/// The name of parameter `k`; `%0` when IR text gives it none.
std::string parameter_name(const Module& m, const Func& f, size_t k);

}  // namespace dlc
