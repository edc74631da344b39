// A function of a file and its arguments, as run, diff and trace take them from the command line.
#pragma once
#include <string>
#include <vector>

#include "driver/command.h"
#include "pipeline/arguments.h"

namespace dlc {

struct Point {
  std::vector<FuncId> functions;           // several, "f,g": of the same parameters
  std::vector<InterpValue<double>> args;
  std::string text;                        // "x1 = 0.5, x2 = 1"
};

/// Finds the functions, makes them ready, and binds the arguments, whose sizes must fit. kDone, or the exit status after
/// a message.
[[nodiscard]] int find_point(Compilation& c, const std::string& functions, const Arguments& given, const Common& common, Point& point);

/// "a,b" split.
std::vector<std::string> split_names(const std::string& list);

}  // namespace dlc
