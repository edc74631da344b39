// Result<T>: a value, or the reason why there is none, for what the *world* can do wrong (a file, memory, a
// device) and at the public API. What is wrong with the user's program is a Diagnostic (base/diagnostic.h).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dlc {

struct Diagnostic;

struct Error {
  std::string message;
  std::shared_ptr<const Diagnostic> diagnostic;  // when the program's text shows where: what `message` says, with places
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit on purpose, `return value;`
  Result(Error error) : error_(std::move(error)) {}      // NOLINT: `return Error{"…"};`
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

}  // namespace dlc
