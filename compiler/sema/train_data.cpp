// What a train block says about its data: the files, how fields are made of them, and which loss takes which.
#include <algorithm>

#include "ops/table.h"
#include "sema/train_entries.h"

namespace dlc::sema {
namespace {

using Names = std::initializer_list<std::string_view>;

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string s;
  for (int64_t d : shape) s += fmt::format("{}{}", s.empty() ? "" : ", ", d);
  return "[" + s + "]";
}

/// Reads one `data` entry.
struct DataReader {
  EntryReader& r;
  const TrainEntry& entry;
  DataSpec data = {};
  int64_t vocabulary = -1;

  Diagnostic& bad(Span span, std::string message) { return r.fail(sema_error("bad-entry"), span, std::move(message)); }

  // ---- files
  void read_csv() {
    for (const Arg& arg : r.ast()[r.expr(entry.value).args]) {
      const Expr& e = r.expr(arg.value);
      if (arg.kind == ArgKind::value && e.kind == ExprKind::string) {
        data.files = {{"", std::string(r.str(e.name))}};
      } else if (arg.kind == ArgKind::named && r.str(arg.name.id) == "missing") {
        constexpr std::string_view kPolicies[] = {"error", "mean", "median", "drop"};
        const StrId policy = r.name_of(arg.value);
        if (policy && std::find(std::begin(kPolicies), std::end(kPolicies), r.str(policy)) == std::end(kPolicies)) r.unknown(e.span, "the policy", r.str(policy), kPolicies);
        else if (policy) data.missing = r.str(policy);
      } else {
        bad(arg.span, "`csv` takes a path in quotes, and `missing = mean`, `median`, `drop` or `error`");
      }
    }
    if (data.files.empty() && r.ok) bad(entry.span, "`csv` takes a path in quotes");
  }

  /// Without names the first is `images` and the second `labels`.
  void read_idx() {
    constexpr std::string_view kNames[] = {"images", "labels"};
    for (const Arg& arg : r.ast()[r.expr(entry.value).args]) {
      const Expr& e = r.expr(arg.value);
      if (e.kind != ExprKind::string || (arg.kind != ArgKind::named && data.files.size() >= std::size(kNames))) {
        bad(arg.span, "`idx` takes paths in quotes: `idx(\"images.gz\", \"labels.gz\")`, or with names, `idx(digits = \"d.gz\")`");
        continue;
      }
      const std::string name(arg.kind == ArgKind::named ? r.str(arg.name.id) : kNames[data.files.size()]);
      if (std::any_of(data.files.begin(), data.files.end(), [&](const DataSpec::File& f) { return f.name == name; }))
        r.fail(sema_error("duplicate-name"), arg.span, fmt::format("`{}` is given twice", name));
      data.files.push_back({name, std::string(r.str(e.name))});
    }
    if (data.files.empty() && r.ok) bad(entry.span, "`idx` takes paths in quotes");
  }

  void read_text() {
    for (const Arg& arg : r.ast()[r.expr(entry.value).args]) {
      const Expr& e = r.expr(arg.value);
      if (arg.kind == ArgKind::value && e.kind == ExprKind::string) data.files = {{"", std::string(r.str(e.name))}};
      else if (arg.kind == ArgKind::named && r.str(arg.name.id) == "vocabulary") vocabulary = size(arg.value, 1).value_or(-1);
      else bad(arg.span, "`text` takes a path in quotes, and `vocabulary = n`");
    }
    if (data.files.empty() && r.ok) bad(entry.span, "`text` takes a path in quotes");
    const auto v = r.spec.sizes.find(r.a.m.strings.intern("V"));
    if (vocabulary < 0 && v != r.spec.sizes.end()) vocabulary = v->second;
  }

  // ---- fields
  /// A whole number, in which the block's sizes are numbers too: `T + 1`.
  std::optional<double> size_number(ExprId id) {
    const Expr& e = r.expr(id);
    if (e.kind == ExprKind::name)
      if (const auto s = r.spec.sizes.find(e.name); s != r.spec.sizes.end()) return static_cast<double>(s->second);
    if (e.kind != ExprKind::binary) return r.number(id);
    const auto x = size_number(e.a), y = x ? size_number(e.b) : x;
    if (!y) return y;
    if (e.op == SyntaxOp::add) return *x + *y;
    if (e.op == SyntaxOp::sub) return *x - *y;
    if (e.op == SyntaxOp::mul) return *x * *y;
    return r.number(id);
  }
  std::optional<int64_t> size(ExprId id, int64_t least) {
    const auto x = size_number(id);
    return x ? r.as_whole(*x, id, least) : std::nullopt;
  }

  void read_columns(const Arg& arg, FieldSpec& field) {
    Span span;
    const std::string_view kind = r.call_name(arg.value, span);
    if (kind.empty()) return;
    if (kind != "column" && kind != "columns") return r.unknown(span, "the source", kind, Names{"column", "columns"});
    field.is_single = kind == "column";
    for (const Arg& part : r.ast()[r.expr(arg.value).args]) {
      if (part.kind == ArgKind::named) {
        const auto x = r.number(part.value);
        const bool is_quoted = r.a.sources.text(part.name.span).starts_with("\"");
        if (x && r.str(part.name.id) == "missing" && !is_quoted) field.missing = *x;
        else if (x) field.labels.push_back({std::string(r.str(part.name.id)), *x});  // a label, with the number it stands for
        continue;
      }
      const Expr& e = r.expr(part.value);
      if (e.kind == ExprKind::string) {
        field.columns.emplace_back(r.str(e.name));
      } else if (e.kind == ExprKind::range && !e.c) {
        const auto lo = r.whole(e.a, 0), hi = lo ? r.whole(e.b, 0) : lo;
        if (hi && *hi <= *lo) bad(e.span, "these are no columns: the range is half-open");
        if (hi) field.first = *lo, field.last = *hi;
      } else if (const auto at = r.whole(part.value, 0)) {
        field.first = *at, field.last = *at + 1;
      }
    }
    const bool is_range = field.last >= 0;
    const int64_t n = is_range ? field.last - field.first : static_cast<int64_t>(field.columns.size());
    if (r.ok && (is_range ? !field.columns.empty() : field.columns.empty())) bad(arg.span, "columns are given by a range of positions or by names");
    if (r.ok && field.is_single && n != 1) bad(arg.span, "`column` is one column; several are `columns`");
    if (!field.is_single) field.shape = {n};
  }

  bool has_array(ExprId id) {
    const Expr& e = r.expr(id);
    if (e.kind == ExprKind::unary) return has_array(e.a);
    if (e.kind == ExprKind::binary) return has_array(e.a) || has_array(e.b);
    if (e.kind == ExprKind::call) return true;
    return e.kind == ExprKind::name && file(r.str(e.name));
  }
  const DataSpec::File* file(std::string_view name) {
    const auto at = std::find_if(data.files.begin(), data.files.end(), [&](const DataSpec::File& f) { return f.name == name; });
    return at == data.files.end() ? nullptr : &*at;
  }

  /// A file's name, `reshape(e, [sizes])`, and arithmetic of these with numbers.
  void read_array(ExprId id, FieldSpec& field) {
    const Expr& e = r.expr(id);
    using Kind = FieldStep::Kind;
    if (e.kind == ExprKind::name) {
      std::vector<std::string_view> names;
      for (const DataSpec::File& f : data.files) names.push_back(f.name);
      if (!file(r.str(e.name))) return r.unknown(e.span, "the source", r.str(e.name), names);
      return static_cast<void>(field.source = r.str(e.name));
    }
    if (e.kind == ExprKind::unary && e.op == SyntaxOp::neg) {
      read_array(e.a, field);
      return field.steps.push_back({Kind::multiply, -1});
    }
    if (e.kind == ExprKind::call && r.expr(e.a).kind == ExprKind::name && r.str(r.expr(e.a).name) == "reshape") return read_reshape(e, field);
    if (e.kind == ExprKind::binary && has_array(e.a) != has_array(e.b)) {
      const bool is_left = has_array(e.a);
      const auto x = r.number(is_left ? e.b : e.a);
      if (!x) return;
      const auto kind = e.op == SyntaxOp::add                ? std::optional(Kind::add)
                        : e.op == SyntaxOp::mul              ? std::optional(Kind::multiply)
                        : e.op == SyntaxOp::sub              ? std::optional(is_left ? Kind::subtract : Kind::subtract_from)
                        : e.op == SyntaxOp::div && is_left   ? std::optional(Kind::divide)
                                                             : std::nullopt;
      if (kind == Kind::divide && *x == 0) return static_cast<void>(bad(e.span, "this divides by zero"));
      if (kind) {
        read_array(is_left ? e.a : e.b, field);
        return field.steps.push_back({*kind, *x});
      }
    }
    bad(e.span, "a field of `idx` is a source, `reshape(e, [sizes])`, or one of these `+ - * /` a number");
  }
  void read_reshape(const Expr& e, FieldSpec& field) {
    const auto args = r.ast()[e.args];
    const bool is_good = args.size() == 2 && args[0].kind == ArgKind::value && args[1].kind == ArgKind::value && r.expr(args[1].value).kind == ExprKind::array;
    if (!is_good || field.is_reshaped) return static_cast<void>(bad(e.span, "`reshape` is written once, with an array and the sizes of a row: `reshape(images, [784])`"));
    read_array(args[0].value, field);
    field.is_reshaped = true;
    for (const Arg& arg : r.ast()[r.expr(args[1].value).args])
      if (const auto n = arg.value ? size(arg.value, 1) : std::nullopt) field.shape.push_back(*n);
  }

  void read_window(const Arg& arg, FieldSpec& field) {
    Span span;
    const std::string_view kind = r.call_name(arg.value, span);
    if (kind.empty()) return;
    if (kind != "window") return r.unknown(span, "the source", kind, Names{"window"});
    const Expr& e = r.expr(arg.value);
    if (e.kind == ExprKind::call)
      for (const Arg& part : r.ast()[e.args]) {
        if (part.kind == ArgKind::value && field.shape.empty()) {
          if (const auto n = size(part.value, 1)) field.shape = {*n};
        } else if (part.kind == ArgKind::named && r.str(part.name.id) == "stride") {
          field.stride = size(part.value, 1).value_or(0);
        } else {
          bad(part.span, "`window` takes a number of characters, and `stride = n`");
        }
      }
    if (r.ok && field.shape.empty()) bad(arg.span, "`window` takes a number of characters");
    // What follows a character is learned once: the last of a window is the first of the next.
    if (!field.shape.empty() && field.stride == 0) field.stride = std::max<int64_t>(field.shape[0] - 1, 1);
    field.vocabulary = vocabulary;
  }

  void read() {
    Span span;
    const std::string_view kind = r.call_name(entry.value, span);
    if (kind.empty()) return;
    data.span = entry.span;
    if (kind == "csv") read_csv();
    else if (kind == "idx") data.format = DataSpec::Format::idx, read_idx();
    else if (kind == "text") data.format = DataSpec::Format::text, read_text();
    else return r.unknown(span, "the format", kind, Names{"csv", "idx", "text"});
    for (const Arg& arg : r.ast()[entry.args]) {
      FieldSpec field;
      field.name = arg.name.id, field.span = arg.span;
      field.data = static_cast<int32_t>(r.spec.data.size());
      if (const FieldSpec* other = r.spec.find_field(field.name)) {
        r.fail(sema_error("duplicate-name"), arg.name.span, fmt::format("the field `{}` is given twice", r.str(field.name))).label(other->span, "given here");
        continue;
      }
      if (kind == "csv") read_columns(arg, field);
      else if (kind == "idx") read_array(arg.value, field);
      else read_window(arg, field);
      r.spec.fields.push_back(std::move(field));
    }
    if (kind == "text" && r.ast()[entry.args].size() > 1 && r.ok) bad(entry.span, "`text` has one field, the windows that its rows are");
    r.spec.data.push_back(std::move(data));
  }
};

/// Compares fields with what takes them.
struct DataCheck {
  EntryReader& r;
  const bool was_ok = r.ok;  // a field that could not be read is not compared

  FieldSpec* field(StrId name) {
    for (FieldSpec& f : r.spec.fields)
      if (f.name == name) return &f;
    return nullptr;
  }
  FieldSpec* want(StrId name, Span span) {
    std::vector<std::string_view> names;
    for (const FieldSpec& f : r.spec.fields) names.push_back(r.str(f.name));
    FieldSpec* f = name ? field(name) : nullptr;
    if (name && !f) r.unknown(span, "the field", r.str(name), names);
    return f;
  }
  bool is_text(const FieldSpec& f) { return r.spec.data[static_cast<size_t>(f.data)].format == DataSpec::Format::text; }

  /// A loss's own parameters, and its weight, come from one `data`.
  void check_term(LossTerm& term) {
    const FieldSpec* first = nullptr;
    const auto take = [&](const FieldSpec& f) {
      if (first && first->data != f.data)
        r.fail(sema_error("two-data-blocks"), term.span, fmt::format("`{}` takes `{}` and `{}`, which are fields of two `data` entries", r.str(term.loss), r.str(first->name), r.str(f.name)))
            .label(first->span, "one is given here")
            .label(f.span, "the other here");
      if (!first) first = &f;
    };
    const ModelFunction* f = term.loss ? r.info.find(term.loss) : nullptr;
    if (f && f->func) {
      const Func& loss = r.a.m[f->func];
      for (size_t k = r.info.n_hidden(false); k < loss.body().params.size(); ++k) {
        const Inst param = loss[loss.body().params[k]];
        const StrId name = r.a.m[param.attr].name;
        if (FieldSpec* of = field(name)) {
          check_shape(*of, param);
          take(*of);
        } else {
          r.fail(sema_error("missing-entry"), term.span, fmt::format("`data` has no field `{}`, which `{}` takes", r.str(name), r.str(term.loss)))
              .label(param.loc.span, "declared here");
        }
      }
    }
    if (const FieldSpec* w = want(term.weight, term.span)) {
      if (w->width() != 1 || is_text(*w)) r.fail(sema_error("bad-entry"), w->span, "a weight is one number a row");
      take(*w);
    }
    if (first) term.data = first->data;
    else if (f && f->func && r.ok) r.fail(sema_error("bad-entry"), term.span, fmt::format("`{}` takes nothing from the data", r.str(term.loss)));
  }

  /// As many elements as the loss's parameter has.
  void check_shape(FieldSpec& f, const Inst& param) {
    std::map<StrId, DimId> sizes;
    for (const auto& [size, value] : r.spec.sizes) sizes[size] = r.a.m.types.dims.constant(value);
    const TypeId id = r.a.m.types.substitute(param.type, sizes);
    const Type type = r.a.m.types[id];
    std::vector<int64_t> shape;
    for (DimId d : type.dims) shape.push_back(r.a.m.types.dims.as_constant(d).value_or(-1));
    const auto format = r.spec.data[static_cast<size_t>(f.data)].format;
    if (format == DataSpec::Format::idx && !f.is_reshaped) f.shape = shape;
    const bool is_known = std::find(shape.begin(), shape.end(), -1) == shape.end();
    if (!was_ok || (is_known && shape == f.shape && !type.is_tuple() && (is_text(f) ? type.dtype == DType::i64 : type.dtype != DType::b1))) return;
    if (format == DataSpec::Format::csv) {
      r.fail(sema_error("type-mismatch"), f.span,
             fmt::format("the field `{}` has {} column{}, and the loss takes it as {}", r.str(f.name), f.width(), f.width() == 1 ? "" : "s", r.a.m.types.text(id)))
          .label(param.loc.span, "declared here")
          .help(f.is_single ? "`column` is one number a row; an array is `columns`" : "`columns` is an array a row; one number is `column`");
      return;
    }
    r.fail(sema_error("type-mismatch"), f.span,
           fmt::format("a row of the field `{}` is {}{}, and the loss takes it as {}", r.str(f.name), is_text(f) ? "int" : "", shape_text(f.shape), r.a.m.types.text(id)))
        .label(param.loc.span, "declared here");
  }

  void check(Span block, Span split, Span normalize) {
    if (const FieldSpec* f = want(r.spec.stratify, split)) {
      if (f->width() != 1 || is_text(*f)) r.fail(sema_error("bad-entry"), split, "the classes of `stratify` are one number a row");
    }
    for (LossTerm& t : r.spec.losses) check_term(t);
    for (MetricSpec& m : r.spec.metrics)
      if (m.kind == MetricSpec::Kind::mean) check_term(m.term);
    for (const NormalizeSpec& n : r.spec.normalize)
      if (const FieldSpec* f = want(n.field, normalize); f && is_text(*f)) r.fail(sema_error("bad-entry"), normalize, "characters are not scaled");
    for (size_t k = 0; k < r.spec.data.size() && r.ok; ++k)
      if (std::none_of(r.spec.losses.begin(), r.spec.losses.end(), [&](const LossTerm& t) { return t.data == static_cast<int32_t>(k); }))
        r.fail(sema_error("bad-entry"), r.spec.data[k].span, "no loss of the objective takes a field of this `data`").label(block, "of this model");
    // What only `predict` takes has its shape.
    const ModelFunction* predict = r.info.find(r.a.m.strings.intern("predict"));
    if (!predict || !predict->func) return;
    const Func& func = r.a.m[predict->func];
    for (size_t k = r.info.n_hidden(false); k < func.body().params.size(); ++k) {
      const Inst param = func[func.body().params[k]];
      FieldSpec* f = field(r.a.m[param.attr].name);
      if (f && f->shape.empty() && !f->is_reshaped && !f->source.empty() && r.ok) check_shape(*f, param);
    }
  }
};

}  // namespace

void read_data(EntryReader& reader, const TrainEntry& entry) { DataReader{reader, entry}.read(); }

void check_data(EntryReader& reader, Span block, Span split, Span normalize) { DataCheck{reader}.check(block, split, normalize); }

}  // namespace dlc::sema
