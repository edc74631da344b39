// How far a run is, for who watches it. On a terminal one line that redraws itself at most ten times a second:
//
//   [===========>            ]  23/50  loss 0.0731  valid 0.0802  0:12 left
//
// In a pipe or a file plain lines, without times so that two runs give the same text: the first, the last, and about
// one in twenty between.
//
//   Progress progress(stderr, n_epochs, "epoch");
//   progress.update(epoch + 1, fmt::format("loss {:.4g}", loss));
//   progress.say("saved net2.safetensors");          // a line that stays, above the bar
//   progress.finish();
//
// For one thread. Nothing is reported when writing fails: a run goes on when its watcher has left.
#pragma once
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

namespace dlc::runtime {

struct ProgressOptions {
  int64_t start = 0;                // what was done already when a run is resumed: the pace is that of the rest
  int width = 0;                    // columns of the terminal; 0: ask it at each drawing
  int is_terminal = -1;             // 0 or 1; -1: ask the file
  std::function<double()> seconds;  // a clock; empty: the steady clock
};

class Progress {
 public:
  Progress(std::FILE* out, int64_t total, std::string unit, ProgressOptions options = {});
  /// `done` of `total` are done; `text` says how things are.
  void update(int64_t done, std::string_view text);
  void say(std::string_view line);
  /// Draws the last state, and ends the bar's line. Nothing comes after it.
  void finish();

 private:
  void draw();
  void print_plain();

  std::FILE* out_;
  int64_t total_, done_ = 0;
  std::string unit_, text_;
  ProgressOptions options_;
  bool is_terminal_ = false;
  double began_ = 0, drawn_ = -1;
  int64_t printed_ = -1;  // the `done` of the last plain line
  bool is_finished_ = false;
};

/// The bar's line, of at most `width` columns; `seconds_left` < 0: not known yet.
std::string progress_line(int64_t done, int64_t total, double seconds_left, int width, std::string_view text);

/// "0:07", "12:34", "3:02:01", "2 d 3 h".
std::string duration_text(double seconds);

}  // namespace dlc::runtime
