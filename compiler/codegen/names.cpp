// Names of the language as C identifiers.
#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.h"
#include "codegen/header.h"

namespace dlc {

namespace {

constexpr const char* kLowerGreek[] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
                                       "xi", "omicron", "pi", "rho", "sigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"};

// Sorted. Every word that C or C++ keeps for itself, and the names the generated declarations use.
constexpr std::string_view kReserved[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "char16_t", "char32_t",
    "char8_t", "class", "co_await", "co_return", "co_yield", "compl", "concept", "const", "const_cast", "consteval", "constexpr", "constinit",
    "continue", "ctx", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false",
    "float", "for", "friend", "goto", "if", "inline", "int", "int16_t", "int32_t", "int64_t", "int8_t", "long", "main", "memcpy", "memset",
    "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "private", "protected", "public",
    "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed", "sizeof", "static", "static_assert", "static_cast",
    "struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "uint64_t", "uint8_t",
    "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "workspace", "xor", "xor_eq"};

// Sorted. Names of the C library that a program which includes an object's header is likely to have seen declared.
constexpr std::string_view kLibrary[] = {
    "abort", "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "atof", "atoi", "atol", "bsearch", "calloc", "cbrt", "ceil",
    "clock", "copysign", "cos", "cosh", "div", "div_t", "erf", "erfc", "exit", "exp", "exp10", "exp2", "expm1", "fabs", "fclose", "fdim",
    "fflush", "floor", "fma", "fmax", "fmin", "fmod", "fopen", "fprintf", "fputs", "fread", "free", "frexp", "fwrite", "gamma", "getc",
    "gets", "hypot", "ilogb", "index", "isalpha", "isdigit", "isspace", "j0", "j1", "jn", "labs", "ldexp", "ldiv", "lgamma", "llabs",
    "log", "log10", "log1p", "log2", "logb", "longjmp", "lrint", "lround", "malloc", "memchr", "memcmp", "memmove", "modf", "nan",
    "nearbyint", "nextafter", "perror", "pow", "pow10", "printf", "putc", "puts", "qsort", "raise", "rand", "random", "read", "realloc",
    "remainder", "remove", "remquo", "rename", "rewind", "rint", "rindex", "round", "scalbn", "scanf", "setjmp", "signal", "signgam", "sin",
    "sincos", "sinh", "sleep", "snprintf", "sprintf", "sqrt", "srand", "sscanf", "strcat", "strchr", "strcmp", "strcpy", "strlen", "strncmp",
    "strncpy", "strstr", "strtod", "strtol", "system", "tan", "tanh", "tgamma", "time", "tolower", "toupper", "trunc", "ungetc", "vprintf",
    "write", "y0", "y1", "yn"};

std::string transliterate(char32_t c) {
  if (c >= 0x3B1 && c <= 0x3C9) return kLowerGreek[c - 0x3B1];
  if (c >= 0x391 && c <= 0x3A9) {
    std::string name = kLowerGreek[c - 0x391];
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
  }
  if (c == 0x3D5) return "phi";
  if (c == 0x3F5) return "epsilon";
  if (c == 0x3D1) return "theta";
  if (c == 0x2202) return "d";
  if (c == 0x2207) return "grad";
  if (c >= 0x2080 && c <= 0x2089) return std::string(1, static_cast<char>('0' + (c - 0x2080)));
  return fmt::format("u{:04X}", static_cast<uint32_t>(c));
}

}  // namespace

std::string ascii_name(std::string_view name) {
  std::string out;
  for (size_t at = 0; at < name.size();) {
    const CodePoint c = decode_utf8(name, at);
    at += static_cast<size_t>(c.size);
    const bool plain = (c.value >= '0' && c.value <= '9') || (c.value >= 'a' && c.value <= 'z') || (c.value >= 'A' && c.value <= 'Z');
    if (plain) out += static_cast<char>(c.value);
    else if (c.value < 0x80) out += '_';
    else out += transliterate(c.value);
  }
  if (out.empty() || (out[0] >= '0' && out[0] <= '9')) out.insert(out.begin(), '_');
  if (std::binary_search(std::begin(kReserved), std::end(kReserved), out)) out += '_';
  return out;
}

std::string entry_name(std::string_view name) {
  std::string out = ascii_name(name);
  if (std::binary_search(std::begin(kLibrary), std::end(kLibrary), out)) out += '_';
  return out;
}

}  // namespace dlc
