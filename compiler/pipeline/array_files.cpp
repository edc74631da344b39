// Readers of .npy and .csv. Neither trusts a number in the file before it has compared it with the file's length.
#include "pipeline/array_files.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <string_view>

#include "pipeline/files.h"

namespace dlc {
namespace {

/// The text behind `'key':` in an npy header, up to what can end it.
std::string_view header_field(std::string_view header, std::string_view key) {
  const size_t at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) return {};
  std::string_view rest = header.substr(at + key.size() + 3);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const size_t end = rest.find(rest.starts_with('(') ? ')' : ',');
  return rest.substr(0, end);
}

template <class T, class To>
void copy_as(std::string_view bytes, std::vector<To>& to) {
  for (size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T x;
    std::memcpy(&x, bytes.data() + at, sizeof x);
    to.push_back(static_cast<To>(x));
  }
}

Result<InterpValue<double>> read_npy(const std::string& path, std::string_view bytes) {
  const auto bad = [&](std::string_view why) { return Error{fmt::format("`{}` is not an array that can be read: {}", path, why)}; };
  if (bytes.size() < 12 || !bytes.starts_with("\x93NUMPY")) return bad("it does not begin as .npy files do");
  const auto byte = [&](size_t k) { return static_cast<size_t>(static_cast<unsigned char>(bytes[k])); };
  const bool is_long = byte(6) >= 2;
  const size_t begin = is_long ? 12 : 10;
  const size_t length = is_long ? byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24 : byte(8) | byte(9) << 8;
  if (length > bytes.size() - begin) return bad("its header is cut off");
  const std::string_view header = bytes.substr(begin, length), data = bytes.substr(begin + length);
  if (!header_field(header, "fortran_order").starts_with("False")) return bad("it is in Fortran order; save np.ascontiguousarray(x)");

  InterpValue<double> v;
  int64_t n = 1;
  std::string_view shape = header_field(header, "shape");
  if (shape.find('-') != std::string_view::npos) return bad("its shape has a negative size");
  for (size_t at; (at = shape.find_first_of("0123456789")) != std::string_view::npos;) {
    int64_t size = 0;
    const auto [end, error] = std::from_chars(shape.data() + at, shape.data() + shape.size(), size);
    if (error != std::errc() || __builtin_mul_overflow(n, size, &n)) return bad("its shape is too large");
    v.dims.push_back(size);
    shape.remove_prefix(static_cast<size_t>(end - shape.data()));
  }
  const std::string_view type = header_field(header, "descr");
  const auto is = [&](std::string_view name) { return type.find(name) != std::string_view::npos; };
  const size_t width = is("<f8") || is("<i8") ? 8 : is("<f4") || is("<i4") ? 4 : is("|b1") ? 1 : 0;
  if (width == 0) return bad(fmt::format("elements of type {} (f4, f8, i4, i8 and bool are read)", type));
  if (static_cast<size_t>(n) > data.size() / width) return bad("it is shorter than its shape says");
  const std::string_view elements = data.substr(0, static_cast<size_t>(n) * width);
  if (is("<f8")) copy_as<double>(elements, v.floats);
  if (is("<f4")) copy_as<float>(elements, v.floats);
  if (is("<i8")) copy_as<int64_t>(elements, v.ints);
  if (is("<i4")) copy_as<int32_t>(elements, v.ints);
  if (is("|b1")) copy_as<uint8_t>(elements, v.ints);
  v.dtype = is("f") ? DType::f64 : is("|b1") ? DType::b1 : DType::i64;
  return v;
}

std::optional<double> cell_number(std::string_view cell) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t')) cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t' || cell.back() == '\r')) cell.remove_suffix(1);
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double x = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), x);
  if (cell.empty() || error != std::errc() || end != cell.data() + cell.size()) return std::nullopt;
  return x;
}

Result<InterpValue<double>> read_csv(const std::string& path, std::string_view text) {
  std::vector<double> numbers;
  int64_t rows = 0, columns = -1;
  for (int64_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    int64_t n = 0;
    bool is_header = false;
    while (true) {
      const size_t comma = std::min(row.find(','), row.size());
      const auto x = cell_number(row.substr(0, comma));
      if (!x && line == 1) is_header = true;
      else if (!x) return Error{fmt::format("`{}`, line {}: `{}` is not a number", path, line, row.substr(0, std::min<size_t>(comma, 40)))};
      else numbers.push_back(*x);
      ++n;
      if (comma == row.size()) break;
      row.remove_prefix(comma + 1);
    }
    if (columns >= 0 && n != columns) return Error{fmt::format("`{}`, line {}: {} columns, but {} above", path, line, n, columns)};
    columns = n;
    if (is_header) numbers.clear();
    else ++rows;
  }
  if (rows == 0) return Error{fmt::format("`{}` holds no numbers", path)};
  return InterpValue<double>::array({rows, columns}, std::move(numbers));
}

}  // namespace

Result<InterpValue<double>> read_array_file(const std::string& path) {
  const auto bytes = read_file(path);
  if (!bytes) return bytes.error();
  return path.ends_with(".npy") ? read_npy(path, *bytes) : read_csv(path, *bytes);
}

}  // namespace dlc
