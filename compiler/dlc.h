// dlc from C++: compile a .dl file or text while your program runs, then call its functions and their derivatives.
//
//   #include <dlc.h>
//
//   auto program = dlc::Program::from_file("net2_functions.dl");
//   if (!program) return std::puts(program.error().c_str()), 1;            // rendered diagnostics, errors are values
//
//   // d(objective)/d(W1, b1, W2, b2) beside the value; D and H fixed, the number of examples n free at run time.
//   auto step = program->value_and_grad("objective", {"W1", "b1", "W2", "b2"}, {{"D", 30}, {"H", 16}});
//   if (!step) return std::puts(step.error().c_str()), 1;
//   if (dlc::Status s = step->call({W1, b1, W2, b2, X, y}, {loss, gW1, gb1, gW2, gb2}); !s) …   // std::vector<double>s
//
//   auto f = program->function("f");                                       // scalars only: a plain function pointer
//   auto fast = f->as<double(double, double)>();                           // absent if the signature differs
//   double v = (*fast)(0.5, 1.0);
//
// Arrays are dense and row-major, in memory that you own. A Program keeps the compiled code of its Functions alive
// together with them (shared ownership): a Function may outlive the Program object. A Function is immutable and may be
// called from several threads at once; each thread gets a workspace of its own. Making Functions from one Program is
// serialised inside. Nothing throws on bad input and nothing aborts on it.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace dlc {

/// A value, or the text of what went wrong.
template <class T>
class [[nodiscard]] Expected {
 public:
  Expected(T value) : value_(std::move(value)) {}  // NOLINT: implicit
  static Expected failure(std::string why) {
    Expected e;
    e.error_ = std::move(why);
    return e;
  }
  explicit operator bool() const { return value_.has_value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  const std::string& error() const { return error_; }

 private:
  Expected() = default;
  std::optional<T> value_;
  std::string error_;
};

/// The outcome of a call. Codes are those of runtime/abi.h; 0 is success.
struct [[nodiscard]] Status {
  int32_t code = 0;
  std::string message;  // what, with the source lines and arguments it comes from; empty on success
  explicit operator bool() const { return code == 0; }
};

enum class Real : uint8_t { f32, f64 };
enum class DerivativeMode : uint8_t { reverse, forward, symbolic, numeric };
enum class ElementType : uint8_t { f32, f64, i64, b1 };

struct Options {
  Real real = Real::f64;   // what `real` means in the source
  int opt_level = 2;       // 0 … 3, of the native code
  std::string cpu;         // empty: the machine this runs on
};

/// A size variable with its value: {"D", 30}.
using Size = std::pair<std::string_view, int64_t>;

/// One argument: a scalar, or a span over a dense row-major array.
class In {
 public:
  In(double x) : scalar_f64_(x), type_(ElementType::f64) {}    // NOLINT: implicit
  In(float x) : scalar_f32_(x), type_(ElementType::f32) {}     // NOLINT: implicit
  In(int64_t x) : scalar_i64_(x), type_(ElementType::i64) {}   // NOLINT: implicit
  In(int x) : In(static_cast<int64_t>(x)) {}                   // NOLINT: implicit
  In(bool x) : scalar_b1_(x), type_(ElementType::b1) {}        // NOLINT: implicit
  In(std::span<const double> x) : array_(x.data()), count_(x.size()), type_(ElementType::f64), is_array_(true) {}   // NOLINT
  In(std::span<const float> x) : array_(x.data()), count_(x.size()), type_(ElementType::f32), is_array_(true) {}    // NOLINT
  In(std::span<const int64_t> x) : array_(x.data()), count_(x.size()), type_(ElementType::i64), is_array_(true) {}  // NOLINT
  In(const std::vector<double>& x) : In(std::span<const double>(x)) {}    // NOLINT: implicit
  In(const std::vector<float>& x) : In(std::span<const float>(x)) {}      // NOLINT: implicit
  In(const std::vector<int64_t>& x) : In(std::span<const int64_t>(x)) {}  // NOLINT: implicit

  const void* data() const { return is_array_ ? array_ : &scalar_f64_; }
  size_t count() const { return count_; }
  ElementType type() const { return type_; }
  bool is_array() const { return is_array_; }

 private:
  union {
    const void* array_;
    double scalar_f64_;
    float scalar_f32_;
    int64_t scalar_i64_;
    bool scalar_b1_;
  };
  size_t count_ = 1;
  ElementType type_;
  bool is_array_ = false;
};

/// Where one result goes: a scalar or an array of the right length, never resized.
class Out {
 public:
  Out(double& x) : Out(&x, 1, ElementType::f64, false) {}    // NOLINT: implicit
  Out(float& x) : Out(&x, 1, ElementType::f32, false) {}     // NOLINT: implicit
  Out(int64_t& x) : Out(&x, 1, ElementType::i64, false) {}   // NOLINT: implicit
  Out(bool& x) : Out(&x, 1, ElementType::b1, false) {}       // NOLINT: implicit
  Out(std::span<double> x) : Out(x.data(), x.size(), ElementType::f64, true) {}    // NOLINT: implicit
  Out(std::span<float> x) : Out(x.data(), x.size(), ElementType::f32, true) {}     // NOLINT: implicit
  Out(std::span<int64_t> x) : Out(x.data(), x.size(), ElementType::i64, true) {}   // NOLINT: implicit
  Out(std::vector<double>& x) : Out(std::span<double>(x)) {}    // NOLINT: implicit
  Out(std::vector<float>& x) : Out(std::span<float>(x)) {}      // NOLINT: implicit
  Out(std::vector<int64_t>& x) : Out(std::span<int64_t>(x)) {}  // NOLINT: implicit

  void* data() const { return data_; }
  size_t count() const { return count_; }
  ElementType type() const { return type_; }
  bool is_array() const { return is_array_; }

 private:
  Out(void* data, size_t count, ElementType type, bool is_array) : data_(data), count_(count), type_(type), is_array_(is_array) {}
  void* data_;
  size_t count_;
  ElementType type_;
  bool is_array_;
};

/// A scalar or array leaf of a signature: a parameter "W1" of shape "[16, 30]", a result "W1" of a gradient.
struct Leaf {
  std::string name;
  ElementType type = ElementType::f64;
  std::string shape;  // in the source's sizes: "" for a scalar, "[n, 30]"
};

/// A compiled function of fixed or run-time sizes.
class Function {
 public:
  const std::vector<Leaf>& inputs() const;
  const std::vector<Leaf>& outputs() const;

  /// Runs it. Tuples are passed and returned leaf by leaf, in order. Sizes that were left open are found from the
  /// lengths of the arrays; a length or element type that does not fit is an error that names the parameter, and
  /// then nothing has been written.
  Status call(std::span<const In> inputs, std::span<const Out> outputs) const;
  Status call(std::initializer_list<In> inputs, std::initializer_list<Out> outputs) const {
    return call(std::span(inputs.begin(), inputs.size()), std::span(outputs.begin(), outputs.size()));
  }

  /// A function of scalars with one scalar result as a plain pointer, `as<double(double, double)>()`; nullptr
  /// (absent) when the signature is another one. Good as long as some Function or Program of this compilation lives.
  template <class Signature>
  Expected<Signature*> as() const {
    if (void* address = direct(signature_of(static_cast<Signature*>(nullptr))))
      return reinterpret_cast<Signature*>(address);
    return Expected<Signature*>::failure("the function has another signature");
  }

  struct Code;  // the implementation
  explicit Function(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

 private:
  template <class T>
  static constexpr char letter() {
    if constexpr (std::is_same_v<T, double>) return 'd';
    else if constexpr (std::is_same_v<T, float>) return 'f';
    else if constexpr (std::is_same_v<T, int64_t>) return 'i';
    else if constexpr (std::is_same_v<T, bool>) return 'b';
    else return '?';
  }
  template <class R, class... Args>
  static std::string signature_of(R (*)(Args...)) {
    return {letter<R>(), letter<Args>()...};
  }
  void* direct(const std::string& signature) const;

  std::shared_ptr<const Code> code_;
};

/// A checked source file, from which Functions are compiled on demand.
class Program {
 public:
  static Expected<Program> from_file(const std::string& path, const Options& options = {});
  static Expected<Program> from_text(std::string_view text, const std::string& name = "text", const Options& options = {});

  /// Names of the functions and exports of the source, in its order.
  std::vector<std::string> functions() const;

  /// Compiles `name`, a function or an export. `sizes` fixes size variables, which makes faster code; one that is left
  /// out stays a run-time value found from the arguments.
  Expected<Function> function(std::string_view name, std::initializer_list<Size> sizes = {}) const;

  /// Derivatives of a function, as `grad(name, wrt = …, mode = …)` in the language. `wrt` may be empty when the
  /// function has a single float parameter. Results are leaves in the order of `wrt`, after the value for
  /// value_and_grad. jvp takes a direction per `wrt` parameter after the arguments; vjp the cotangent of the result.
  Expected<Function> grad(std::string_view name, std::initializer_list<std::string_view> wrt = {},
                          std::initializer_list<Size> sizes = {}, DerivativeMode mode = DerivativeMode::reverse) const;
  Expected<Function> value_and_grad(std::string_view name, std::initializer_list<std::string_view> wrt = {},
                                    std::initializer_list<Size> sizes = {}, DerivativeMode mode = DerivativeMode::reverse) const;
  Expected<Function> jvp(std::string_view name, std::initializer_list<std::string_view> wrt = {},
                         std::initializer_list<Size> sizes = {}, DerivativeMode mode = DerivativeMode::forward) const;
  Expected<Function> vjp(std::string_view name, std::initializer_list<std::string_view> wrt = {},
                         std::initializer_list<Size> sizes = {}, DerivativeMode mode = DerivativeMode::reverse) const;

  struct State;  // the implementation
  explicit Program(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

}  // namespace dlc
