// Files are written whole or not at all, and every failure says what and why.
#include "runtime/data/file.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "tests/runtime/folder.h"

namespace dlc::runtime {
namespace {

class Files : public Folder {
 protected:
  std::string failure(const std::string& path, std::string_view bytes) {
    const MaybeError error = write_file(path, bytes);
    return error ? error->message : "";
  }
};

TEST_F(Files, WriteAndRead) {
  const std::string path = this->path("a.bin"), big(1 << 20, 'x');
  for (const std::string& bytes : {std::string(), std::string("a\0b", 3), big}) {
    ASSERT_EQ(failure(path, bytes), "");
    const Result<std::string> back = read_file(path);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, bytes);
    EXPECT_EQ(names(), std::vector<std::string>{"a.bin"});
  }
}

TEST_F(Files, ReadFailuresNameTheFile) {
  EXPECT_EQ(read_file("no/such").error().message, "cannot read `no/such`: No such file or directory");
  EXPECT_EQ(read_file(root_).error().message, "cannot read `" + root_.string() + "`: it is a folder, not a file");
}

TEST_F(Files, AnEarlierPartIsTakenOver) {
  file(".a.bin.part", "the rest of a killed process, longer than what comes");
  EXPECT_EQ(failure(path("a.bin"), "new"), "");
  EXPECT_EQ(text("a.bin"), "new");
  EXPECT_EQ(names(), std::vector<std::string>{"a.bin"});
}

TEST_F(Files, LinksAndPermissionsStay) {
  file("real", "old");
  ASSERT_EQ(chmod(path("real").c_str(), 0640), 0);
  std::filesystem::create_symlink("real", path("link"));
  ASSERT_EQ(failure(path("link"), "new"), "");
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(text("real"), "new");
  EXPECT_EQ(static_cast<int>(std::filesystem::status(path("real")).permissions()), 0640);
}

TEST_F(Files, PlacesThatCannotBeWritten) {
  EXPECT_EQ(failure(root_, "x"), "cannot write `" + root_.string() + "`: it is a folder");
  EXPECT_EQ(failure("no/such/a", "x"), "cannot write `no/such/a`: No such file or directory");
  EXPECT_EQ(failure("/dev/full", "x"), "cannot write `/dev/full`: No space left on device");
  EXPECT_EQ(failure("/dev/null", "x"), "");
}

/// In a child, so that root can stop being root (for whom nothing is read-only): exit code 0 if the check holds.
template <class Check>
int in_child(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

TEST_F(Files, ReadOnlyFolder) {
  const std::string path = file("a.bin", "old"), fresh = this->path("b.bin");
  const auto allow = [&](mode_t mode) { ASSERT_EQ(chmod(root_.c_str(), mode), 0); };
  allow(0555);
  const int code = in_child([&] {
    if (geteuid() == 0 && setuid(65534) != 0) return false;
    return failure(path, "new") == "cannot write `" + path + "`: Permission denied" &&
           failure(fresh, "new") == "cannot write `" + fresh + "`: Permission denied";
  });
  allow(0755);
  EXPECT_EQ(code, 0);
  EXPECT_EQ(names(), std::vector<std::string>{"a.bin"});
  EXPECT_EQ(text("a.bin"), "old");
}

/// A limit on the size of files stands for the full disk where none can be mounted: the write breaks off half-way.
TEST_F(Files, WriteThatBreaksOffLeavesTheEarlierFile) {
  const std::string path = file("a.bin", "old");
  const int code = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    return setrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           failure(path, std::string(300'000, 'x')) ==
               "cannot write `" + path + "`: File too large; the earlier file is untouched";
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(names(), std::vector<std::string>{"a.bin"});
  EXPECT_EQ(text("a.bin"), "old");
}

TEST_F(Files, FullDisk) {
  if (geteuid() != 0 || mount("tmpfs", root_.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "a small disk can be mounted by root only";
  const std::string path = file("a.bin", "old"), fresh = this->path("b.bin");
  const std::string large(300'000, 'x');
  EXPECT_EQ(failure(path, large),
            "cannot write `" + path + "`: No space left on device; the earlier file is untouched");
  EXPECT_EQ(failure(fresh, large), "cannot write `" + fresh + "`: No space left on device");
  EXPECT_EQ(names(), std::vector<std::string>{"a.bin"});
  EXPECT_EQ(text("a.bin"), "old");
  EXPECT_EQ(umount(root_.c_str()), 0);
}

TEST_F(Files, WritersTakeTurns) {
  const std::string path = this->path("a.bin");
  std::vector<std::thread> writers;
  for (char c = 'a'; c < 'e'; ++c)
    writers.emplace_back([&, c] {
      for (int i = 0; i < 50; ++i) EXPECT_FALSE(write_file(path, std::string(10'000, c)));
    });
  for (std::thread& t : writers) t.join();
  const std::string last = text("a.bin");
  EXPECT_EQ(last, std::string(10'000, last[0]));
  EXPECT_EQ(names(), std::vector<std::string>{"a.bin"});
}

/// Kills a process that writes all the time; whatever moment it was, the file is one of the two whole ones.
TEST_F(Files, KilledWriter) {
  const std::string path = file("a.bin", std::string(200'000, 'a'));
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0)
      for (char c = 'a';; c ^= 3) (void)write_file(path, std::string(200'000, c));
    usleep(static_cast<useconds_t>(500 + 700 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const std::string now = text("a.bin");
    ASSERT_EQ(now, std::string(200'000, now[0]));
  }
  EXPECT_FALSE(write_file(path, "last"));
  EXPECT_EQ(names(), std::vector<std::string>{"a.bin"});
}

}  // namespace
}  // namespace dlc::runtime
