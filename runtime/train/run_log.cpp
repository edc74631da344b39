// See run_log.h.
#include "runtime/train/run_log.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "runtime/data/file.h"

namespace dlc::runtime {
namespace {

Error failure(const std::string& path) {
  return {fmt::format("cannot write the log `{}`: {}", path == "-" ? "standard output" : path, std::strerror(errno))};
}

/// A whole line or, in a regular file, nothing of it; a new file without a line goes.
MaybeError put(std::FILE* file, const std::string& path, bool is_new, const std::string& line) {
  struct stat before {};
  const bool is_regular = ::fstat(::fileno(file), &before) == 0 && S_ISREG(before.st_mode);
  if (std::fwrite(line.data(), 1, line.size(), file) == line.size() && std::fflush(file) == 0) return std::nullopt;
  Error error = failure(path);
  if (is_regular && ::ftruncate(::fileno(file), before.st_size) == 0 && is_new && before.st_size == 0) ::unlink(path.c_str());
  return error;
}

std::string csv_header(const std::vector<std::string>& columns) {
  std::string line;
  for (const std::string& name : columns) {
    line += line.empty() ? "" : ",";
    if (name.find_first_of(",\"\r\n") == std::string::npos) {
      line += name;
      continue;
    }
    line += '"';
    for (const char c : name) line += c == '"' ? "\"\"" : std::string(1, c);
    line += '"';
  }
  return line + "\n";
}

std::string csv_row(std::span<const double> values) { return fmt::format("{}\n", fmt::join(values, ",")); }

std::string json_row(const std::vector<std::string>& columns, std::span<const double> values) {
  using Json = nlohmann::json;
  std::string line = "{";
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string name = Json(columns[i]).dump(-1, ' ', false, Json::error_handler_t::replace);
    line +=
        fmt::format("{}{}: {}", i ? ", " : "", name, std::isfinite(values[i]) ? fmt::format("{}", values[i]) : "null");
  }
  return line + "}\n";
}

/// The first number of a row, which stands before a comma, in jsonl after its name; nan if there is none.
double first_number(std::string_view line, bool is_csv) {
  const size_t begin = is_csv ? 0 : line.find(": ") + 2;  // npos + 2 is 1
  double number = NAN;
  if (begin <= line.size()) std::from_chars(line.data() + begin, line.data() + line.size(), number);
  return number;
}

/// What a log that goes on keeps of its file, if there is one: whole lines, up to the first whose number is more than `after`.
Result<std::string> existing_rows(const std::string& path, bool is_csv, double after) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::string();
  Result<std::string> text = read_file(path);
  if (!text) return text.error();
  size_t kept = 0;
  for (size_t end; (end = text->find('\n', kept)) != std::string::npos; kept = end + 1)
    if (first_number(std::string_view(*text).substr(kept, end - kept), is_csv) > after) break;
  text->resize(kept);
  return text;
}

/// Whether the file has no more than `size` bytes now; what is no regular file has no size.
bool cut_to(std::FILE* file, size_t size) {
  struct stat info {};
  if (::fstat(::fileno(file), &info) != 0) return false;
  return !S_ISREG(info.st_mode) || info.st_size <= static_cast<off_t>(size) || ::ftruncate(::fileno(file), static_cast<off_t>(size)) == 0;
}

}  // namespace

Result<RunLog> RunLog::open(const std::string& targets, std::vector<std::string> columns, std::optional<double> after) {
  RunLog log;
  log.columns_ = std::move(columns);
  for (size_t begin = 0; begin <= targets.size();) {
    const size_t end = std::min(targets.find(',', begin), targets.size());
    if (MaybeError error = log.open_target(targets.substr(begin, end - begin), after)) return *error;
    begin = end + 1;
  }
  return log;
}

MaybeError RunLog::open_target(const std::string& text, std::optional<double> after) {
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  if (colon == std::string::npos || colon + 1 == text.size() || (kind != "csv" && kind != "jsonl"))
    return Error{fmt::format("the log `{}` is neither csv:FILE nor jsonl:FILE", text)};
  Target target{.path = text.substr(colon + 1), .is_csv = kind == "csv"};
  const std::string header = target.is_csv ? csv_header(columns_) : "";
  std::string existing;
  if (target.path == "-") {
    target.file.reset(stdout);
  } else {
    if (after) {
      const Result<std::string> rows = existing_rows(target.path, target.is_csv, *after);
      if (!rows) return rows.error();
      existing = *rows;
    }
    if (!existing.empty() && !existing.starts_with(header))
      return Error{fmt::format("the log `{}` has other columns than this run, so it cannot go on in it", target.path)};
    target.is_new = ::access(target.path.c_str(), F_OK) != 0;
    target.file.reset(std::fopen(target.path.c_str(), after ? "ae" : "we"));
    if (!target.file) return failure(target.path);
    std::setvbuf(target.file.get(), nullptr, _IONBF, 0);  // or closing it would write the rest of a line that failed
    if (!cut_to(target.file.get(), existing.size())) return failure(target.path);
  }
  if (existing.empty())
    if (MaybeError error = put(target.file.get(), target.path, target.is_new, header)) return error;
  targets_.push_back(std::move(target));
  return std::nullopt;
}

MaybeError RunLog::write(std::span<const double> values) {
  for (const Target& t : targets_) {
    const std::string line = t.is_csv ? csv_row(values) : json_row(columns_, values);
    if (MaybeError error = put(t.file.get(), t.path, t.is_new, line)) return error;
  }
  return std::nullopt;
}

}  // namespace dlc::runtime
