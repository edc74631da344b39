// `--log csv:run.csv,jsonl:-`: a row of numbers for each epoch, for plots and scripts.
//
//   Result<RunLog> log = RunLog::open("csv:run.csv,jsonl:-", {"epoch", "loss", "valid.accuracy"});
//   if (!log) return log.error();
//   if (MaybeError error = log->write(std::vector<double>{1, 0.31, 0.95})) return *error;
//
// Every row is out when `write` returns, so a run that is killed leaves its rows; at most the last line of the file is
// cut off. A resumed run says which row it goes on after: a rest of a line, and rows that were written after the
// checkpoint it goes on from, are removed first, so no row is there twice. Numbers are written with as many digits as say which f64 they are.
// What is not finite is `nan`, `inf` in csv and null in jsonl (JSON has no word for it). For one thread.
#pragma once
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/result.h"

namespace dlc::runtime {

class RunLog {
 public:
  /// `targets` is a list of csv:FILE and jsonl:FILE; FILE may be "-", standard output, and cannot have a comma. Without
  /// `after` files are begun anew; with it rows are added after those whose first number is at most that, and a csv file
  /// must have the same header.
  static Result<RunLog> open(const std::string& targets, std::vector<std::string> columns, std::optional<double> after = {});
  /// A value for each column.
  MaybeError write(std::span<const double> values);

 private:
  struct Closer {
    void operator()(std::FILE* file) const {
      if (file != stdout) std::fclose(file);
    }
  };
  struct Target {
    std::string path;
    bool is_csv = false;
    bool is_new = false;  // there was no such file
    std::unique_ptr<std::FILE, Closer> file;
  };
  MaybeError open_target(const std::string& text, std::optional<double> after);

  std::vector<std::string> columns_;
  std::vector<Target> targets_;
};

}  // namespace dlc::runtime
