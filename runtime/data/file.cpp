// Plain POSIX calls: fsync, flock and an atomic rename are the point.
#include "runtime/data/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>

namespace dlc::runtime {
namespace {

/// The system's reason in `code`, errno as the failed call left it.
Error failure(std::string_view what, const std::string& path, int code) {
  return {fmt::format("cannot {} `{}`: {}", what, path, std::strerror(code))};
}

/// Closes on every way out.
struct OpenFile {
  int fd = -1;
  explicit OpenFile(int fd) : fd(fd) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd > STDERR_FILENO) ::close(fd);
  }
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string part_of(const std::string& path) {
  const size_t name = path.rfind('/') + 1;  // npos + 1 is 0
  return path.substr(0, name) + "." + path.substr(name) + ".part";
}

/// Makes the rename itself last. A file system that cannot sync a folder is no error of ours.
void sync_folder(const std::string& folder) {
  const OpenFile f(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (f.fd >= 0) ::fsync(f.fd);
}

MaybeError write_directly(int fd, const std::string& path, std::string_view bytes) {
  if (fd < 0 || !write_all(fd, bytes)) return failure("write", path, errno);
  return std::nullopt;
}

/// Opens the part for us alone. Whoever held its lock before may have renamed it meanwhile: then what is open is no
/// longer the part but the finished file, and the part is opened anew. File systems without locks go without.
int open_part(const std::string& part) {
  while (true) {
    const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) return fd;
    while (::flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    struct stat opened {
    }, named{};
    if (::fstat(fd, &opened) == 0 && ::lstat(part.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
        opened.st_dev == named.st_dev)
      return fd;
    ::close(fd);
  }
}

/// Fills the part and renames it over `target`; 0 or errno. `mode`: the permissions of the file replaced, null to keep
/// those that the system gives a new file.
int write_part(int fd, const std::string& part, const std::string& target, std::string_view bytes, const mode_t* mode) {
  const bool is_good = ::ftruncate(fd, 0) == 0 && write_all(fd, bytes) && (!mode || ::fchmod(fd, *mode & 07777) == 0) &&
                       ::fsync(fd) == 0 && ::rename(part.c_str(), target.c_str()) == 0;
  if (is_good) return 0;
  const int code = errno;
  ::unlink(part.c_str());
  return code;
}

}  // namespace

Result<std::string> read_file(const std::string& path) try {
  const OpenFile file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0) return failure("read", path, errno);
  if (S_ISDIR(info.st_mode)) return Error{fmt::format("cannot read `{}`: it is a folder, not a file", path)};
  std::string bytes;
  size_t used = 0;
  // One byte more than the file has, so that a regular file is read in one go and its end is seen.
  bytes.resize(S_ISREG(info.st_mode) ? static_cast<size_t>(info.st_size) + 1 : size_t{1} << 16);
  while (true) {
    const ssize_t n = ::read(file.fd, bytes.data() + used, bytes.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failure("read", path, errno);
    if (n == 0) break;
    used += static_cast<size_t>(n);
    if (used == bytes.size()) bytes.resize(2 * used);
  }
  bytes.resize(used);
  return bytes;
} catch (const std::bad_alloc&) {
  return failure("read", path, ENOMEM);
} catch (const std::length_error&) {
  return failure("read", path, EFBIG);
}

MaybeError write_file(const std::string& path, std::string_view bytes) {
  if (path == "-") {
    std::fflush(stdout);
    return write_directly(STDOUT_FILENO, "standard output", bytes);
  }
  struct stat info {};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) return Error{fmt::format("cannot write `{}`: it is a folder", path)};
  if (exists && !S_ISREG(info.st_mode)) {
    const OpenFile file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return write_directly(file.fd, path, bytes);
  }
  // What is protected from writing stays, though a rename would get around it.
  if (exists && ::access(path.c_str(), W_OK) != 0) return failure("write", path, errno);
  std::string target = path;
  if (const std::unique_ptr<char, decltype(&std::free)> real{::realpath(path.c_str(), nullptr), &std::free})
    target = real.get();
  const std::string part = part_of(target);
  const OpenFile file(open_part(part));
  if (file.fd < 0) return failure("write", path, errno);
  if (const int code = write_part(file.fd, part, target, bytes, exists ? &info.st_mode : nullptr))
    return Error{failure("write", path, code).message + (exists ? "; the earlier file is untouched" : "")};
  sync_folder(folder_of(target));
  return std::nullopt;
}

}  // namespace dlc::runtime
