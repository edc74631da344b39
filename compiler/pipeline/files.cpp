// Whole files in, whole files out. Plain POSIX calls: fsync and an atomic rename are the point.
#include "pipeline/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace dlc {
namespace {

Error failure(std::string_view what, const std::string& path) {
  return {fmt::format("cannot {} `{}`: {}", what, path, std::strerror(errno))};
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

/// Makes the rename itself durable. A file system that cannot do that is no error of ours.
void sync_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

std::optional<Error> write_directly(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return failure("write", path);
  const bool is_written = write_all(fd, bytes);
  std::optional<Error> error;
  if (!is_written) error = failure("write", path);
  ::close(fd);
  return error;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const bool is_stdin = path == "-";
  const int fd = is_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure("read", path);
  std::string text;
  char block[1 << 16];
  ssize_t n;
  while ((n = ::read(fd, block, sizeof block)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    text.append(block, static_cast<size_t>(n));
  }
  const bool has_failed = n < 0;
  std::optional<Error> error;
  if (has_failed) error = failure("read", path);
  if (!is_stdin) ::close(fd);
  if (error) return *error;
  return text;
}

std::optional<Error> write_file(const std::string& path, std::string_view bytes) {
  if (path == "-") {
    std::fflush(stdout);
    return write_all(STDOUT_FILENO, bytes) ? std::nullopt : std::optional(failure("write", "standard output"));
  }
  struct stat info {};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) return errno = EISDIR, failure("write", path);
  if (exists && !S_ISREG(info.st_mode)) return write_directly(path, bytes);
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return failure("write", path);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  const bool is_good = write_all(fd, bytes) && ::fchmod(fd, exists ? info.st_mode & 07777 : 0666 & ~mask) == 0 && ::fsync(fd) == 0;
  std::optional<Error> error;
  if (!is_good) error = failure("write", path);
  if (::close(fd) != 0 && !error) error = failure("write", path);
  if (!error && ::rename(temporary.c_str(), path.c_str()) != 0) error = failure("write", path);
  if (error) ::unlink(temporary.c_str());
  else sync_folder_of(path);
  return error;
}

}  // namespace dlc
