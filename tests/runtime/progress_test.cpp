// What a watcher sees: the bar and the plain lines, by a clock of our own; and what the log's files hold.
#include "runtime/train/progress.h"

#include <cmath>

#include "runtime/train/run_log.h"
#include "tests/runtime/folder.h"

namespace dlc::runtime {
namespace {

TEST(Durations, AreShort) {
  EXPECT_EQ(duration_text(0.4), "0:00");
  EXPECT_EQ(duration_text(7), "0:07");
  EXPECT_EQ(duration_text(754), "12:34");
  EXPECT_EQ(duration_text(3599.6), "1:00:00");
  EXPECT_EQ(duration_text(10921), "3:02:01");
  EXPECT_EQ(duration_text(86400 * 2 + 3 * 3600), "2 d 3 h");
  EXPECT_EQ(duration_text(NAN), "?");
  EXPECT_EQ(duration_text(INFINITY), "?");
}

TEST(ProgressLine, FitsItsWidth) {
  EXPECT_EQ(progress_line(5, 50, 12, 60, "loss 0.5"), "[=>              ]   5/50  loss 0.5  0:12 left");
  EXPECT_EQ(progress_line(50, 50, -1, 60, "loss 0.5"), "[================]  50/50  loss 0.5");
  EXPECT_EQ(progress_line(5, 50, 12, 30, "loss 0.5"), " 5/50  loss 0.5  0:12 left");
  EXPECT_EQ(progress_line(5, 50, 12, 10, "σσσσσσσσ"), " 5/50  σσσ");
  EXPECT_EQ(progress_line(0, 0, -1, 60, ""), "[================]  0/0");
  EXPECT_EQ(progress_line(9, 3, -1, 60, ""), "[================]  9/3");
}

class Watcher : public Folder {
 protected:
  /// What a run of five epochs writes, one a second if on a terminal.
  std::string run(ProgressOptions options, int64_t total, int64_t step) {
    const std::string path = file("out", "");
    std::FILE* out = std::fopen(path.c_str(), "w");
    double now = 100;
    options.seconds = [&] { return now; };
    Progress progress(out, total, "epoch", options);
    for (int64_t done = options.start + step; done <= total; done += step) {
      now += 1;
      progress.update(done, "loss 1");
      now += 0.01;
      progress.update(done, "not drawn yet");
    }
    progress.say("saved");
    progress.finish();
    std::fclose(out);
    return text("out");
  }
};

TEST_F(Watcher, OnATerminal) {
  EXPECT_EQ(run({.width = 25, .is_terminal = 1}, 2, 1),
            "\r1/2  loss 1  0:01 left\x1b[K\r2/2  loss 1\x1b[K"
            "\r\x1b[Ksaved\n\r2/2  not drawn yet\x1b[K\r2/2  not drawn yet\x1b[K\n");
}

TEST_F(Watcher, AResumedRunCountsItsOwnPace) {
  EXPECT_EQ(run({.start = 90, .width = 30, .is_terminal = 1}, 100, 10).substr(0, 11), "\r100/100  l");
  const std::string text = run({.start = 60, .width = 30, .is_terminal = 1}, 100, 20);
  EXPECT_EQ(text.substr(0, text.find("\x1b")), "\r 80/100  loss 1  0:01 left");
}

TEST_F(Watcher, InAPipe) {
  EXPECT_EQ(run({}, 3, 1), "epoch 1/3  loss 1\nepoch 2/3  loss 1\nepoch 3/3  loss 1\nsaved\n");
  const std::string text = run({}, 1000, 1);
  EXPECT_EQ(text.substr(0, text.find("\nepoch 100/")), "epoch 1/1000  loss 1\nepoch 50/1000  loss 1");
  EXPECT_TRUE(text.ends_with("epoch 1000/1000  loss 1\nsaved\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 22);
}

class Logs : public Folder {
 protected:
  std::string failure(const std::string& targets, std::optional<double> after = {}) {
    const Result<RunLog> log = RunLog::open(targets, {"epoch", "loss"}, after);
    return log ? "" : log.error().message;
  }
};

TEST_F(Logs, BothForms) {
  Result<RunLog> log = RunLog::open("csv:" + path("a.csv") + ",jsonl:" + path("a.jsonl"), {"epoch", "a,\"b\""});
  ASSERT_TRUE(log) << log.error().message;
  ASSERT_FALSE(log->write(std::vector<double>{1, 0.1}));
  ASSERT_FALSE(log->write(std::vector<double>{2, NAN}));
  EXPECT_EQ(text("a.csv"), "epoch,\"a,\"\"b\"\"\"\n1,0.1\n2,nan\n");  // before the log is closed
  EXPECT_EQ(text("a.jsonl"), "{\"epoch\": 1, \"a,\\\"b\\\"\": 0.1}\n{\"epoch\": 2, \"a,\\\"b\\\"\": null}\n");
}

TEST_F(Logs, Appending) {
  const std::string target = "csv:" + path("a.csv");
  file("a.csv", "epoch,loss\n1,0.5\n2,0.");  // the rest of a killed run
  {
    Result<RunLog> log = RunLog::open(target, {"epoch", "loss"}, 1);
    ASSERT_TRUE(log) << log.error().message;
    ASSERT_FALSE(log->write(std::vector<double>{2, 0.25}));
  }
  EXPECT_EQ(text("a.csv"), "epoch,loss\n1,0.5\n2,0.25\n");
  EXPECT_EQ(RunLog::open(target, {"epoch", "auc"}, 1).error().message,
            "the log `" + path("a.csv") + "` has other columns than this run, so it cannot go on in it");
  EXPECT_EQ(text("a.csv"), "epoch,loss\n1,0.5\n2,0.25\n");  // and is as it was
  EXPECT_EQ(failure("csv:/dev/full", 1), "cannot write the log `/dev/full`: No space left on device");
  EXPECT_EQ(failure("csv:" + path("new.csv"), 1), "");
  EXPECT_EQ(text("new.csv"), "epoch,loss\n");
  EXPECT_EQ(failure(target), "");
  EXPECT_EQ(text("a.csv"), "epoch,loss\n");
}

TEST_F(Logs, RowsAfterTheCheckpointAreWrittenAgain) {
  const std::string targets = "csv:" + path("a.csv") + ",jsonl:" + path("a.jsonl");
  for (int run = 0; run < 2; ++run) {
    Result<RunLog> log = RunLog::open(targets, {"epoch", "loss"}, run == 0 ? std::nullopt : std::optional<double>(8));
    ASSERT_TRUE(log) << log.error().message;
    for (const double epoch : {8, 9, 10})
      if (epoch > 8 || run == 0) { ASSERT_FALSE(log->write(std::vector<double>{epoch, epoch / 4})); }
  }
  EXPECT_EQ(text("a.csv"), "epoch,loss\n8,2\n9,2.25\n10,2.5\n");
  EXPECT_EQ(text("a.jsonl"), "{\"epoch\": 8, \"loss\": 2}\n{\"epoch\": 9, \"loss\": 2.25}\n{\"epoch\": 10, \"loss\": 2.5}\n");
}

TEST_F(Logs, Failures) {
  EXPECT_EQ(failure("xml:a"), "the log `xml:a` is neither csv:FILE nor jsonl:FILE");
  EXPECT_EQ(failure(""), "the log `` is neither csv:FILE nor jsonl:FILE");
  EXPECT_EQ(failure("csv:"), "the log `csv:` is neither csv:FILE nor jsonl:FILE");
  EXPECT_EQ(failure("csv:no/such/a.csv"), "cannot write the log `no/such/a.csv`: No such file or directory");
  EXPECT_EQ(failure("csv:/dev/full"), "cannot write the log `/dev/full`: No space left on device");
  Result<RunLog> log = RunLog::open("jsonl:/dev/full", {"epoch"});
  ASSERT_TRUE(log);
  EXPECT_EQ(log->write(std::vector<double>{1})->message, "cannot write the log `/dev/full`: No space left on device");
}

}  // namespace
}  // namespace dlc::runtime
