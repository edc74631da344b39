// IR to text. Values are numbered in the order they are printed, so equal programs have equal text whatever
// passes did to the ids. It also prints what the verifier rejects (that is when one reads IR), so nothing here
// relies on an invariant: an attribute that does not have its op's form is printed as the lists it consists of.
#include <algorithm>
#include <fmt/format.h>

#include <bit>
#include <iterator>
#include <unordered_map>

#include "ir/form.h"
#include "ir/lexer.h"
#include "ir/text.h"

namespace dlc {
namespace {

const char* reason_name(Reason reason) {
  switch (reason) {
    case Reason::written: return "";
    case Reason::jvp_of: return ", jvp of";
    case Reason::vjp_of: return ", vjp of";
    case Reason::symbolic_of: return ", symbolic of";
    case Reason::numeric_of: return ", numeric of";
    case Reason::batched_from: return ", batched from";
    case Reason::simplified_from: return ", simplified from";
    case Reason::inlined_from: return ", inlined from";
  }
  return "";
}

std::string name_text(std::string_view name) {
  if (is_bare_name(name)) return std::string(name);
  std::string out = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + "\"";
}

/// Visits the blocks of a function in print order, each once: a broken function may use a block twice or nest forever.
struct Numbering {
  const Func& f;
  std::vector<int32_t> numbers;
  std::vector<bool> is_seen;
  int32_t next = 0;

  void number(ValueId v) {
    if (v && static_cast<size_t>(v.i) < numbers.size() && numbers[static_cast<size_t>(v.i)] < 0)
      numbers[static_cast<size_t>(v.i)] = next++;
  }
  void visit(int32_t index, int depth) {
    if (index < 0 || static_cast<size_t>(index) >= f.blocks.size() || is_seen[static_cast<size_t>(index)] ||
        depth > kMaxRegionDepth)
      return;
    is_seen[static_cast<size_t>(index)] = true;
    const Block& block = f.blocks[static_cast<size_t>(index)];
    for (ValueId p : block.params) number(p);
    for (ValueId v : block.body) {
      number(v);
      if (!v || static_cast<size_t>(v.i) >= f.insts.size()) continue;
      for (int32_t k = 0; k < f[v].n_blocks && static_cast<size_t>(k) < f.blocks.size(); ++k)
        visit(f[v].first_block.i + k, depth + 1);
    }
  }
};

class Printer {
 public:
  Printer(const Module& m, const OpSet& ops, const Sources* locations) : m_(m), ops_(ops), locations_(locations) {}
  void print_function(const Func& f);
  void print_export(const Export& e) { write("export {} = {}\n", name_text(e.name), function_name(e.func)); }
  std::string take() { return std::move(out_); }

 private:
  template <class... Args>
  void write(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

  std::string function_name(FuncId id) const {
    return id && static_cast<size_t>(id.i) < m_.size() ? "@" + name_text(m_[id].name) : "@?";
  }
  const std::string& dim(DimId d);
  std::string dim_text(DimId d);
  const std::string& type(TypeId t);
  std::string type_text(TypeId t);

  bool is_value(ValueId v) const { return v && static_cast<size_t>(v.i) < f_->insts.size(); }
  void print_value(ValueId v) {
    is_value(v) && numbers_[static_cast<size_t>(v.i)] >= 0 ? write("%{}", numbers_[static_cast<size_t>(v.i)])
                                                           : write("%?");
  }
  void print_params(const Block& block);
  void print_request(const DerivativeRequest& r);
  void print_block(const Block& block, int indent, const char* result_word);
  void print_inst(ValueId v, int indent);
  bool print_special(const Inst& in, Form form);
  void print_call_sizes(const Inst& in, const Attr& a);
  void print_constant(const Inst& in, int64_t bits);
  bool print_view(const Inst& in, const Attr& attr, Form form);
  void print_coordinate(const Attr& attr, size_t R, size_t axis);
  void print_operands(const Inst& in, int first = 0);
  void print_attr(Form form, AttrId id);
  void print_dims(std::span<const DimId> dims);

  const Module& m_;
  const OpSet& ops_;
  const Sources* locations_;
  const Func* f_ = nullptr;
  std::vector<int32_t> numbers_;
  std::vector<bool> is_printed_;  // blocks
  std::unordered_map<DimId, std::string> dims_;
  std::unordered_map<TypeId, std::string> types_;
  int depth_ = 0;
  std::string out_;
};

// --------------------------------------------------------------------------------------------------- types

const std::string& Printer::dim(DimId d) {
  auto it = dims_.find(d);
  return it != dims_.end() ? it->second : dims_[d] = dim_text(d);
}

// As DimTable::text, but names that would read as something else are quoted.
std::string Printer::dim_text(DimId d) {
  if (!d || static_cast<size_t>(d.i) >= m_.types.dims.size()) return "?";
  const auto terms = m_.types.dims.terms(d);
  if (terms.empty()) return "0";
  std::string out;
  for (const DimTerm& t : terms) {
    const bool is_negative = t.coefficient < 0;
    if (out.empty())
      out += is_negative ? "-" : "";
    else
      out += is_negative ? " - " : " + ";
    const uint64_t size = is_negative ? 0 - static_cast<uint64_t>(t.coefficient) : static_cast<uint64_t>(t.coefficient);
    const char* star = "";
    if (size != 1 || t.factors.empty()) out += std::to_string(size), star = "*";
    for (auto [index, exponent] : t.factors) {
      const DimTable::Atom& a = m_.types.dims.atom(index);
      const std::string factor = a.variable ? name_text(m_.strings[a.variable])
                                            : fmt::format("div({}, {})", dim_text(a.numerator), dim_text(a.divisor));
      for (int k = 0; k < exponent; ++k) out += star + factor, star = "*";
    }
  }
  return out;
}

const std::string& Printer::type(TypeId t) {
  auto it = types_.find(t);
  return it != types_.end() ? it->second : types_[t] = type_text(t);
}

// As TypeTable::text, but a struct shows its fields, since text knows no declarations: `Point(x: f64, y: f64)`.
std::string Printer::type_text(TypeId id) {
  if (!id || static_cast<size_t>(id.i) >= m_.types.size()) return "?";
  const Type& t = m_.types[id];
  std::string out;
  if (t.is_tuple()) {
    if (t.name) out = name_text(m_.strings[t.name]);
    const char* comma = "(";
    for (const Field& f : t.fields) {
      out += comma;
      if (f.name) out += name_text(m_.strings[f.name]) + ": ";
      out += type_text(f.type);
      comma = ", ";
    }
    return out + (t.fields.empty() ? "()" : ")");
  }
  out = dtype_name(t.dtype);
  for (size_t k = 0; k < t.dims.size(); ++k) out += (k ? ", " : "[") + dim(t.dims[k]);
  return t.dims.empty() ? out : out + "]";
}

// ----------------------------------------------------------------------------------------------- functions

void Printer::print_function(const Func& f) {
  f_ = &f;
  numbers_ = print_numbers(f);
  is_printed_.assign(f.blocks.size(), false);
  const bool is_request = f.request && (f.blocks.empty() || !f.body().result);
  write("{} @{}", is_request ? "request" : "func", name_text(f.name));
  for (size_t k = 0; k < f.size_vars.size(); ++k) write("{}{}", k ? ", " : "[", name_text(m_.strings[f.size_vars[k]]));
  if (!f.size_vars.empty()) out_ += ']';
  static const Block kEmpty;
  const Block& body = f.blocks.empty() ? kEmpty : f.body();
  print_params(body);
  const TypeId result = is_value(body.result) ? f[body.result].type : f.declared_result;
  write(" -> {}", type(result));
  if (f.is_kept) out_ += " kept";
  if (f.rule) write(" rule {}", function_name(f.rule));
  if (is_request) {
    print_request(*f.request);
    if (f.checks.empty()) {
      out_ += '\n';
      return;
    }
  }
  out_ += " {\n";
  for (const SizeCheck& c : f.checks) {
    write("  check {} >= 0", dim(c.nonnegative));
    const bool is_plain = c.kind == SizeCheck::Kind::subscript;
    if (c.extent) write(" {{extent = {}{}{}}}", dim(c.extent), is_plain ? "" : ", of = ", is_plain ? "" : check_name(c.kind));
    out_ += '\n';
  }
  if (!is_request) print_block(body, 2, "return");
  out_ += "}\n";
}

void Printer::print_request(const DerivativeRequest& r) {
  constexpr const char* kKinds[] = {"grad", "value_and_grad", "jvp", "vjp", "jacobian", "hessian", "hvp"};
  write(" = {} {} of {} wrt [", kKinds[static_cast<size_t>(r.kind)], mode_name(r.mode), function_name(r.base));
  for (size_t k = 0; k < r.wrt.size(); ++k) {
    write("{}{}", k ? ", " : "", r.wrt[k]);
    if (k >= r.paths.size()) continue;
    for (int field : r.paths[k]) write(" field {}", field);
  }
  write("]{}{}", r.is_list ? " list" : "", r.with_value ? " value" : "");
  if (r.of >= 0) write(" field {}", r.of);
}

void Printer::print_params(const Block& block) {
  out_ += '(';
  for (size_t k = 0; k < block.params.size(); ++k) {
    const ValueId p = block.params[k];
    if (k) out_ += ", ";
    print_value(p);
    if (!is_value(p)) continue;
    const Inst& in = (*f_)[p];
    if (in.attr && static_cast<size_t>(in.attr.i) < m_.n_attrs() && m_[in.attr].name)
      write(" {}", name_text(m_.strings[m_[in.attr].name]));
    write(": {}", type(in.type));
  }
  out_ += ')';
}

void Printer::print_block(const Block& block, int indent, const char* result_word) {
  for (ValueId v : block.body) print_inst(v, indent);
  write("{:{}}{} ", "", indent, result_word);
  print_value(block.result);
  out_ += '\n';
}

void Printer::print_inst(ValueId v, int indent) {
  write("{:{}}", "", indent);
  print_value(v);
  if (!is_value(v) || !(*f_)[v].op) {
    out_ += " = ?\n";
    return;
  }
  const Inst in = (*f_)[v];
  const Op& row = ops_.row(in.op);
  const Form form = form_of(row);
  write(" = {}", row.name);
  const bool has_attr = in.attr && static_cast<size_t>(in.attr.i) < m_.n_attrs();
  if (!has_attr || !print_special(in, form)) {
    print_operands(in);
    if (has_attr) print_attr(form, in.attr);
  }
  for (int32_t k = 0; k < in.n_blocks; ++k) {
    const auto index = static_cast<size_t>(in.first_block.i + k);
    if (index >= f_->blocks.size() || is_printed_[index] || depth_ >= kMaxRegionDepth) {
      out_ += " (?)";  // a broken function: no such block, one printed above, or too deep
      break;
    }
    is_printed_[index] = true;
    k ? write(" {} ", block_word(form)) : write(" ");
    print_params(f_->blocks[index]);
    out_ += " {\n";
    ++depth_;
    print_block(f_->blocks[index], indent + 2, "yield");
    --depth_;
    write("{:{}}}}", "", indent);
  }
  write(" : {}", type(in.type));
  if (locations_ && in.loc.span) write("  // {}{}", locations_->place(in.loc.span), reason_name(in.loc.reason));
  out_ += '\n';
}

void Printer::print_operands(const Inst& in, int first) {
  const auto size = static_cast<int64_t>(f_->operand_pool.size());
  for (int k = first; k < in.n_operands; ++k) {
    out_ += k > first ? ", " : " ";
    const int64_t at = int64_t{in.first_operand} + k;
    if (at < 0 || at >= size) {
      out_ += "%?";
      return;
    }
    print_value(f_->operand_pool[static_cast<size_t>(at)]);
  }
}

// ---------------------------------------------------------------------------------------------- attributes

/// Ops with a form of their own, operands included. False: the attribute does not have that form; nothing was written.
bool Printer::print_special(const Inst& in, Form form) {
  const Attr& a = m_[in.attr];
  switch (form) {
    case Form::constant:
      if (a.ints.size() != 1 || !in.type) return false;
      print_constant(in, a.ints[0]);
      return true;
    case Form::size:
      if (a.dims.size() != 1) return false;
      write(" {}", dim(a.dims[0]));
      return true;
    case Form::get:
      if (a.ints.size() != 1 || in.n_operands != 1) return false;
      print_operands(in);
      write(".{}", a.ints[0]);
      return true;
    case Form::call:
      if (static_cast<int64_t>(a.ints.size()) > in.n_operands) return false;
      for (int64_t at : a.ints)
        if (at < 0 || at >= static_cast<int64_t>(a.dims.size())) return false;
      write(" {}", function_name(a.func));
      print_call_sizes(in, a);
      out_ += '(';
      if (in.n_operands > static_cast<int>(a.ints.size())) {
        const size_t begin = out_.size();
        Inst given = in;
        given.n_operands -= static_cast<int>(a.ints.size());
        print_operands(given);
        out_.erase(begin, 1);  // the space before the first operand
      }
      out_ += ')';
      return true;
    case Form::map:
      if (!a.ints.empty() && a.ints != std::vector<int64_t>{1}) return false;
      out_ += a.ints.empty() ? " " : " examples ";
      print_dims(a.dims);
      print_operands(in);
      return true;
    case Form::index:
    case Form::put:
    case Form::add_at:
      if (a.ints.size() != 1 || a.ints[0] < 0 || a.ints[0] >= std::ssize(kBoundsWords)) return false;
      print_operands(in);
      if (a.ints[0]) write(" {}", kBoundsWords[static_cast<size_t>(a.ints[0])]);
      return true;
    case Form::reshape:
    case Form::iota:  // the dims are those of the type
      if (!in.type || m_.types[in.type].dims != a.dims) return false;
      print_operands(in);
      return true;
    case Form::view:
    case Form::view_adjoint: return print_view(in, a, form);
    default: return false;
  }
}

/// `[n, %3]`: a size that is known only at run time is the value it has.
void Printer::print_call_sizes(const Inst& in, const Attr& a) {
  int next = in.n_operands - static_cast<int>(a.ints.size());
  for (size_t k = 0; k < a.dims.size(); ++k) {
    out_ += k ? ", " : "[";
    if (std::find(a.ints.begin(), a.ints.end(), static_cast<int64_t>(k)) == a.ints.end()) out_ += dim(a.dims[k]);
    else print_value(f_->operand_pool[static_cast<size_t>(in.first_operand + next++)]);
  }
  if (!a.dims.empty()) out_ += ']';
}

void Printer::print_constant(const Inst& in, int64_t bits) {
  const DType dtype = m_.types[in.type].dtype;
  if (dtype == DType::b1 && (bits == 0 || bits == 1)) return write(" {}", bits ? "true" : "false");
  if (!is_float(dtype)) return write(" {}", bits);
  const auto value = std::bit_cast<double>(bits);
  constexpr int64_t kNan = 0x7ff8000000000000;
  if (value != value) return bits == kNan ? write(" nan") : write(" nan(0x{:016x})", static_cast<uint64_t>(bits));
  if (dtype == DType::f32 && static_cast<double>(static_cast<float>(value)) == value)
    return write(" {}", static_cast<float>(value));
  write(" {}", value);
}

void Printer::print_dims(std::span<const DimId> dims) {
  out_ += '[';
  for (size_t k = 0; k < dims.size(); ++k) write("{}{}", k ? ", " : "", dim(dims[k]));
  out_ += ']';
}

/// `%x [j0, 2*j1 + n - 1] guarded`: one coordinate per source axis, in the indices j0, j1, … of the result.
bool Printer::print_view(const Inst& in, const Attr& a, Form form) {
  if (a.ints.size() < 3 || in.n_operands != 1 || !in.type) return false;
  if (a.ints[0] < 0 || a.ints[0] > kMaxRank || a.ints[1] < 0 || a.ints[1] > kMaxRank ||
      (a.ints[2] != 0 && a.ints[2] != 1))
    return false;
  const auto R = static_cast<size_t>(a.ints[0]), S = static_cast<size_t>(a.ints[1]);
  if (a.ints.size() != 3 + R * S || a.dims.size() != R + S) return false;
  // The result's dims are not written: they are those of the type, or of the operand where the map runs backwards.
  if (form == Form::view && !std::equal(a.dims.begin(), a.dims.begin() + static_cast<ptrdiff_t>(R),
                                        m_.types[in.type].dims.begin(), m_.types[in.type].dims.end()))
    return false;
  print_operands(in);
  out_ += " [";
  for (size_t s = 0; s < S; ++s) {
    if (s) out_ += ", ";
    print_coordinate(a, R, s);
  }
  out_ += a.ints[2] ? "] guarded" : "]";
  return true;
}

void Printer::print_coordinate(const Attr& a, size_t R, size_t axis) {
  bool is_first = true;
  for (size_t r = 0; r < R; ++r) {
    const int64_t c = a.ints[3 + axis * R + r];
    if (c == 0) continue;
    out_ += is_first ? (c < 0 ? "-" : "") : (c < 0 ? " - " : " + ");
    const uint64_t size = c < 0 ? 0 - static_cast<uint64_t>(c) : static_cast<uint64_t>(c);
    if (size != 1) write("{}*", size);
    write("j{}", r);
    is_first = false;
  }
  const std::string& offset = dim(a.dims[R + axis]);
  if (is_first)
    out_ += offset;
  else if (offset[0] == '-')
    write(" - {}", std::string_view(offset).substr(1));
  else if (offset != "0")
    write(" + {}", offset);
}

void Printer::print_attr(Form form, AttrId id) {
  const Attr& a = m_[id];
  const bool has_ints_and_dims = !a.name && !a.func, has_ints_only = has_ints_and_dims && a.dims.empty();
  const char* separator = " {";
  auto write_list = [&](const char* name, auto&& items, auto&& print_item) {
    write("{}{} = [", separator, name);
    for (size_t k = 0; k < items.size(); ++k) {
      if (k) out_ += ", ";
      print_item(items[k]);
    }
    out_ += ']';
    separator = ", ";
  };
  auto write_int = [&](int64_t x) { write("{}", x); };
  if (const IntNames names = int_names(form);
      has_ints_and_dims && names.count > 0 && a.ints.size() == static_cast<size_t>(names.count)) {
    for (int k = 0; k < names.count; ++k)
      write("{}{} = {}", k ? ", " : " {", names.names[k], a.ints[static_cast<size_t>(k)]);
    separator = ", ";
    if (!a.dims.empty()) write_list("dims", a.dims, [&](DimId d) { out_ += dim(d); });
    out_ += '}';
    return;
  }
  if (is_reduction(form) && has_ints_only) {
    write_list("axes", a.ints, write_int);
  } else {
    write_list("ints", a.ints, write_int);
    if (!a.dims.empty()) write_list("dims", a.dims, [&](DimId d) { out_ += dim(d); });
    if (a.name) write("{}name = {}", separator, name_text(m_.strings[a.name]));
    if (a.func) write("{}func = {}", separator, function_name(a.func));
  }
  out_ += '}';
}

}  // namespace

std::vector<int32_t> print_numbers(const Func& f) {
  Numbering n{f, std::vector<int32_t>(f.insts.size(), -1), std::vector<bool>(f.blocks.size(), false)};
  n.visit(0, 0);
  return std::move(n.numbers);
}

std::string print(const Module& m, const Func& f, const OpSet& ops, const Sources* locations) {
  Printer p(m, ops, locations);
  p.print_function(f);
  return p.take();
}

std::string print(const Module& m, const OpSet& ops, const Sources* locations) {
  Printer p(m, ops, locations);
  for (size_t k = 0; k < m.size(); ++k)
    if (const Func& f = m[FuncId{static_cast<int32_t>(k)}]; !f.name.empty()) p.print_function(f);  // others were discarded
  for (const Export& e : m.exports) p.print_export(e);
  return p.take();
}

}  // namespace dlc
