// Result<T>: a value, or the reason why there is none. The runtime's own, because runtime/ never includes compiler/.
// Everything that can go wrong here is the world's doing (a file, a table, memory), so a reason is one message, in the
// user's words, that names the thing: `wine.csv:12: column 3 ash: abc is not a number`.
#pragma once
#include <optional>
#include <string>
#include <utility>

namespace dlc::runtime {

struct Error {
  std::string message;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT: implicit on purpose, `return value;`
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: `return Error{"…"};`
  explicit operator bool() const { return value_.has_value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

/// What a function returns that makes nothing: the error, or nothing when all went well.
///   if (MaybeError error = write_file(path, bytes)) return *error;
struct [[nodiscard]] MaybeError : std::optional<Error> {
  using optional::optional;
};

}  // namespace dlc::runtime
