// Functions of a file and their arguments, as the subcommands take them from the command line.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "driver/command.h"
#include "pipeline/arguments.h"

namespace dlc {

struct Point {
  std::vector<FuncId> functions;           // several, "f,g": of the same parameters
  std::vector<InterpValue<double>> args;
  std::map<StrId, int64_t> sizes;          // given with --size, of those that the functions have
  std::string text;                        // "x1 = 0.5, x2 = 1"
};

/// What --size, --args and the arguments say, before a function is known.
struct GivenPoint {
  Arguments args;
  std::vector<std::pair<std::string, int64_t>> sizes;
};

/// The lists of --size, "D=30,H=16".
Result<std::vector<std::pair<std::string, int64_t>>> read_sizes(const std::vector<std::string>& lists);

/// Finds the functions, makes them ready, and binds the arguments, whose sizes must fit those given. kDone, or the exit status after
/// a message.
[[nodiscard]] int find_point(Compilation& c, const std::string& functions, const GivenPoint& given, const Common& common, Point& point);

/// The named functions, or all of the file; one that an export names again only once, and no exported derivative.
[[nodiscard]] int find_functions(const Compilation& c, const std::vector<std::string>& names, const Common& common, std::vector<FuncId>& functions);

/// The arguments in `lists` (of run: one each) and in the file of --args; read_point: with the lists of --size.
[[nodiscard]] int read_point(GivenPoint& given, const std::vector<std::string>& lists, bool is_one_each, const std::vector<std::string>& sizes,
                             const std::string& source, const std::string& args_file, const Common& common);
[[nodiscard]] int read_arguments(Arguments& given, const std::vector<std::string>& lists, bool is_one_each, const std::string& source,
                                 const std::string& args_file, const Common& common);

/// "a,b" split. An empty name is an error: "a,,b", "".
Result<std::vector<std::string>> split_names(const std::string& list);
/// The parameters in --wrt; all float ones when it is not given.
[[nodiscard]] int find_parameters(const Compilation& c, FuncId f, const std::optional<std::string>& names, const Common& common,
                                  std::vector<int>& wrt);

}  // namespace dlc
