// Values as people and programs read them: text for the terminal, JSON for `--json`.
//
//   value_text(m, type, v)         1.5     [1, 2, 3]     [[1, 2],     value = 3
//                                                         [3, 4]]     x1 = 0.5
//   value_brief(m, type, v)        f64[100] [0.1, 0.2, 0.3, …, 9.9]
//   value_json(m, type, v)         {"value": 3, "x1": 0.5}     nan and inf as strings, which arguments accept too
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "interp/value.h"
#include "ir/module.h"

namespace dlc {

/// A number in the fewest digits that read back as it; in 17 when those are 16 or more.
std::string number_text(double value, DType dtype = DType::f64);
/// In five significant digits, for sums that a person follows.
std::string short_number(double value);

/// Every element. Fields of a tuple one per line; `name` is put before the value when it is not empty.
std::string value_text(const Module& m, TypeId type, const InterpValue<double>& v, const std::string& name = {});
/// One line whatever the size.
std::string value_brief(const InterpValue<double>& v, bool is_short = false);
nlohmann::ordered_json value_json(const Module& m, TypeId type, const InterpValue<double>& v);
nlohmann::ordered_json number_json(double value, DType dtype = DType::f64);

}  // namespace dlc
