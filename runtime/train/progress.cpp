// See progress.h.
#include "runtime/train/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace dlc::runtime {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr int64_t kPlainLines = 20;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int width_of(std::FILE* out) {
  winsize size{};
  const bool is_known = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? size.ws_col : 80;
}

/// The first `n` characters of UTF-8 text, each taken for one column.
std::string_view first_columns(std::string_view text, int64_t n) {
  for (size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (begins && n-- <= 0) return text.substr(0, i);
  }
  return text;
}

void print(std::FILE* out, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

}  // namespace

std::string duration_text(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9)) return "?";
  const auto s = static_cast<int64_t>(std::llround(seconds));
  if (s >= 86'400) return fmt::format("{} d {} h", s / 86'400, s % 86'400 / 3600);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s % 3600 / 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string progress_line(int64_t done, int64_t total, double seconds_left, int width, std::string_view text) {
  const std::string count = fmt::format("{:{}}/{}", done, fmt::formatted_size("{}", total), total);
  std::string right = count;
  if (!text.empty()) right += fmt::format("  {}", text);
  if (seconds_left >= 0) right += fmt::format("  {} left", duration_text(seconds_left));
  // The bar gets a third of the line; where that is too little to see, the text gets all of it.
  const int64_t bar = width / 3 - 4;
  if (bar < 8) return std::string(first_columns(right, width));
  const double share = total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 1.0;
  const auto filled = static_cast<int64_t>(share * static_cast<double>(bar));
  const std::string line =
      fmt::format("[{}{}{}]  {}", std::string(static_cast<size_t>(filled), '='), filled < bar ? ">" : "",
                  std::string(static_cast<size_t>(std::max<int64_t>(bar - filled - 1, 0)), ' '), right);
  return std::string(first_columns(line, width));
}

Progress::Progress(std::FILE* out, int64_t total, std::string unit, ProgressOptions options)
    : out_(out), total_(total), unit_(std::move(unit)), options_(std::move(options)) {
  if (!options_.seconds) options_.seconds = steady_seconds;
  is_terminal_ = options_.is_terminal >= 0 ? options_.is_terminal != 0 : isatty(fileno(out)) != 0;
  done_ = options_.start;
  began_ = options_.seconds();
}

void Progress::update(int64_t done, std::string_view text) {
  done_ = done;
  text_ = text;
  if (is_terminal_ && (drawn_ < 0 || options_.seconds() - drawn_ >= kRedrawSeconds)) draw();
  if (is_terminal_) return;
  const int64_t stride = std::max<int64_t>(total_ / kPlainLines, 1);
  if (printed_ < 0 || done_ / stride != printed_ / stride) print_plain();
}

void Progress::say(std::string_view line) {
  print(out_, fmt::format("{}{}\n", is_terminal_ ? "\r\x1b[K" : "", line));
  if (is_terminal_ && drawn_ >= 0) draw();
}

void Progress::finish() {
  if (is_finished_) return;
  is_finished_ = true;
  if (is_terminal_ && drawn_ >= 0) {
    draw();
    print(out_, "\n");
  } else if (!is_terminal_ && printed_ >= 0 && printed_ != done_) {
    print_plain();
  }
}

void Progress::draw() {
  drawn_ = options_.seconds();
  const int64_t n_here = done_ - options_.start;
  const double left =
      n_here > 0 ? (drawn_ - began_) / static_cast<double>(n_here) * static_cast<double>(total_ - done_) : -1;
  // One column stays free: a full line makes some terminals move on to the next.
  const int width = (options_.width > 0 ? options_.width : width_of(out_)) - 1;
  print(out_, "\r" + progress_line(done_, total_, done_ < total_ ? left : -1, width, text_) + "\x1b[K");
}

void Progress::print_plain() {
  printed_ = done_;
  print(out_, fmt::format("{} {}/{}{}{}\n", unit_, done_, total_, text_.empty() ? "" : "  ", text_));
}

}  // namespace dlc::runtime
