// The built-in functions of networks and of linear systems: rows of the table in builtin_arrays.cpp. A convolution and a pool are
// views of the windows that they look at, contracted or reduced; so batch, derivatives and code generation know nothing of them.
#include <fmt/format.h>

#include "ops/table.h"
#include "sema/builtins.h"

namespace dlc::sema {

namespace {

/// Positions of windows along the two image axes, and which element of its window each subscript reads.
struct Windows {
  DimId height, width;  // of one window
  DimId rows, columns;  // how many there are
  int64_t stride = 1, pad = 0;
};

}  // namespace

struct LayerRows {
  /// A number written out, `stride = 2`; nullopt after an error.
  static std::optional<int64_t> whole_number(Lowering& w, const BuiltinCall& c, const Argument* a, int64_t without, int64_t least) {
    if (!a) return without;
    const auto d = w.as_size(a->val);
    const auto k = d ? w.dims().as_constant(*d) : std::nullopt;
    constexpr int64_t kMost = 1 << 20;  // of a stride: its product with a size stays small
    if (k && *k >= least && *k <= kMost) return *k;
    w.fail(sema_error("bad-argument"), a->span,
           fmt::format("`{}` wants an int from {} on here, known when the program is compiled, and this is `{}`", c.row.name, least, w.code(a->expr)));
    return std::nullopt;
  }

  /// The first `n` arguments as arrays of one float type, that of the first that has one.
  static bool floats(Lowering& w, std::span<const Argument* const> args, std::span<const size_t> ranks, const BuiltinCall& c,
                     std::vector<ValueId>& out) {
    DType dtype = w.default_float();
    for (const Argument* a : args) {
      const Shape s = w.shape_of(a->val);
      if (s.is_flexible || !is_float(s.dtype)) continue;
      dtype = s.dtype;
      break;
    }
    for (size_t k = 0; k < args.size(); ++k) {
      const Argument& a = *args[k];
      if (a.val.kind == Val::Kind::function) return w.make(a.val, a.span), false;
      const Shape s = w.shape_of(a.val);
      if (s.dims.size() != ranks[k]) {
        Diagnostic& d = w.fail(sema_error("rank-mismatch"), a.span,
                               fmt::format("`{}` wants an array with {} ax{}, and `{}` is {}", c.row.name, ranks[k], ranks[k] == 1 ? "is" : "es",
                                           w.code(a.expr), w.type_text(a.val)));
        d.help(fmt::format("it is used as `{}`", c.row.usage));
        if (a.val.origin) d.label(a.val.origin, "declared here");
        return false;
      }
      const bool is_number = s.is_flexible || s.dtype == DType::i64 || is_float(s.dtype);
      if (!is_number || (!s.is_flexible && is_float(s.dtype) && s.dtype != dtype)) {
        w.fail(is_number ? sema_error("mixed-floats") : sema_error("type-mismatch"), a.span,
               fmt::format("`{}` wants {}s here, and `{}` is {}", c.row.name, dtype_name(dtype), w.code(a.expr), w.type_text(a.val)));
        return false;
      }
      out.push_back(w.make(a.val, a.span, dtype));
      if (!out.back()) return false;
    }
    return true;
  }

  static bool same_size(Lowering& w, const BuiltinCall& c, const Argument& x, DimId n, const Argument& y, DimId m, std::string_view what) {
    if (n == m) return true;
    Diagnostic& d = w.fail(sema_error("size-mismatch"), c.call.span,
                           fmt::format("{} of `{}` and `{}` differ: {} and {}", what, w.code(x.expr), w.code(y.expr), w.dims().text(n), w.dims().text(m)));
    w.label_pair(d, x.val, x.expr, n, y.val, y.expr, m);
    return false;
  }

  /// How many windows fit on the last two axes of `image`. False after an error.
  static bool fit(Lowering& w, const BuiltinCall& c, const Type& image, Windows& windows) {
    DimTable& dims = w.dims();
    const auto along = [&](DimId extent, DimId window) -> DimId {
      const DimId padded = dims.add(extent, dims.constant(2 * windows.pad)), free = dims.sub(padded, window);
      bool proven = true;
      if (w.require(free, extent, c.call.span, proven, SizeCheck::Kind::size))
        return w.size_too_large(dims.add(windows.stride == 1 ? free : dims.div(free, dims.constant(windows.stride)), dims.constant(1)), c.call.span);
      if (free)
        w.fail(sema_error("bad-argument"), c.call.span,
               fmt::format("`{}` looks at windows of {}, and the image, padded, has {}", c.row.name, dims.text(window), dims.text(padded)));
      return {};
    };
    windows.rows = along(image.dims[1], windows.height);
    if (!windows.rows) return false;
    windows.columns = along(image.dims[2], windows.width);
    return static_cast<bool>(windows.columns);
  }

  /// Of an image [C, H, W], the windows; `window_first` says whether their axes stand before their positions. What is read beside
  /// the image is 0.
  static ValueId windows_of(Lowering& w, ValueId x, const Windows& s, bool window_first, Loc l) {
    const Type image = w.b().type(x);
    const int at_window = window_first ? 1 : 3, at_position = window_first ? 3 : 1;
    ViewMap map;
    map.dims.assign(5, image.dims[0]);
    map.dims[static_cast<size_t>(at_window)] = s.height, map.dims[static_cast<size_t>(at_window) + 1] = s.width;
    map.dims[static_cast<size_t>(at_position)] = s.rows, map.dims[static_cast<size_t>(at_position) + 1] = s.columns;
    map.offsets = {w.dims().constant(0), w.dims().constant(-s.pad), w.dims().constant(-s.pad)};
    map.coefficients.assign(15, 0);
    map.at(0, 0) = 1;
    for (int axis : {0, 1}) map.at(1 + axis, at_window + axis) = 1, map.at(1 + axis, at_position + axis) = s.stride;
    map.guarded = s.pad > 0;
    return w.b().view(x, map, l);
  }

  // ---- networks

  /// A product of the kernels [O | C, kh, kw] and the windows [C, kh, kw | rows, columns].
  static Val conv2d(Lowering& w, const BuiltinCall& c) {
    const Argument *image = &c.args[0], *kernel = &c.args[1], *bias = c.option("bias");
    const auto stride = whole_number(w, c, c.option("stride"), 1, 1), pad = whole_number(w, c, c.option("pad"), 0, 0);
    if (!stride || !pad) return {};
    std::vector<const Argument*> args{image, kernel};
    if (bias) args.push_back(bias);
    std::vector<ValueId> values;
    const size_t ranks[] = {3, 4, 1};
    if (!floats(w, args, ranks, c, values)) return {};
    const Type x = w.b().type(values[0]), k = w.b().type(values[1]);
    if (!same_size(w, c, *image, x.dims[0], *kernel, k.dims[1], "the channels")) return {};
    if (bias && !same_size(w, c, *kernel, k.dims[0], *bias, w.b().type(values[2]).dims[0], "the output channels")) return {};
    Windows s{.height = k.dims[2], .width = k.dims[3], .rows = {}, .columns = {}, .stride = *stride, .pad = *pad};
    if (!fit(w, c, x, s)) return {};
    const Loc l = w.loc(c.call.span);
    const ValueId y = w.b().matmul(values[1], windows_of(w, values[0], s, true, l), {.batch = 0, .m = 1, .n = 2, .k = 3}, l);
    if (!bias) return w.value(y);
    const Type t = w.b().type(values[2]);
    const ValueId everywhere = w.b().view(values[2], permute_map(w.a_.m, t, {0, -1, -1}, w.b().type(y).dims), l);
    return w.value(w.b().op("add"_op, {y, everywhere}, l));
  }

  static Val pool2d(Lowering& w, const BuiltinCall& c) {
    const auto size = whole_number(w, c, &c.args[1], 0, 1);
    const auto stride = size ? whole_number(w, c, c.option("stride"), *size, 1) : size;
    if (!stride) return {};
    std::vector<ValueId> values;
    const Argument* image = &c.args[0];
    const size_t rank = 3;
    if (!floats(w, {&image, 1}, {&rank, 1}, c, values)) return {};
    const DimId window = w.dims().constant(*size);
    Windows s{.height = window, .width = window, .rows = {}, .columns = {}, .stride = *stride, .pad = 0};
    if (!fit(w, c, w.b().type(values[0]), s)) return {};
    const ValueId all = windows_of(w, values[0], s, false, w.loc(c.call.span));
    // By name as in the language: "max" and "mean" of no more than the elements of one window.
    return w.value(w.reduce_leaf(c.row.name == std::string_view("max_pool2d") ? "max" : "mean", all, {3, 4}, c.call.span));
  }

  static Val embedding(Lowering& w, const BuiltinCall& c) {
    const Argument &table = c.args[0], &at = c.args[1];
    const Shape t = w.shape_of(table.val), s = w.shape_of(at.val);
    if (table.val.kind == Val::Kind::function || t.dims.empty()) {
      w.fail(sema_error("rank-mismatch"), table.span,
             fmt::format("`embedding` reads rows of a table, and `{}` is {}", w.code(table.expr), w.type_text(table.val)));
      return {};
    }
    if (at.val.kind == Val::Kind::function || s.dtype != DType::i64 || s.wants_float) {
      w.fail(sema_error("subscript-not-int"), at.span,
             fmt::format("rows of a table are named by ints, and `{}` is {}", w.code(at.expr), w.type_text(at.val)));
      return {};
    }
    Lowering::Subscript row;
    row.kind = Lowering::Subscript::Kind::value, row.value = at.val, row.span = at.span;
    return w.apply_subscripts(table.val, {&row, 1}, c.call.span);
  }

  // ---- linear systems, written in dlc

  /// The prelude function `name`, of the float type of the arguments.
  static Val written(Lowering& w, const BuiltinCall& c, std::string_view name) {
    const Val v = w.a_.function_named(w.a_.m.strings.intern(name), false);
    const FuncId f = v ? w.a_.func_of(v.function, w.float_type_for(v.function, c.args, c.want), c.call.span) : FuncId{};
    if (!f) return w.failed_ = true, Val{};
    return w.call_func(f, v, nullptr, c.args, c.call);
  }

  static bool has_columns(Lowering& w, const Argument& b) { return b.val.kind != Val::Kind::function && w.shape_of(b.val).dims.size() == 2; }

  static Val solve(Lowering& w, const BuiltinCall& c) { return written(w, c, has_columns(w, c.args[1]) ? "solve_columns" : "solve_vector"); }

  static Val triangular_solve(Lowering& w, const BuiltinCall& c) {
    bool is_upper = false;
    if (const Argument* upper = c.option("upper")) {
      const Expr& e = w.ast_[w.ast_.strip_parens(upper->expr)];
      if (e.kind != ExprKind::boolean) return w.fail(sema_error("bad-argument"), upper->span, "`upper` is `true` or `false`, written out"), Val{};
      is_upper = e.flag;
    }
    if (has_columns(w, c.args[1])) return written(w, c, is_upper ? "solve_upper_columns" : "solve_lower_columns");
    return written(w, c, is_upper ? "solve_upper" : "solve_lower");
  }
};

Val lower_conv2d(Lowering& w, const BuiltinCall& c) { return LayerRows::conv2d(w, c); }
Val lower_pool2d(Lowering& w, const BuiltinCall& c) { return LayerRows::pool2d(w, c); }
Val lower_embedding(Lowering& w, const BuiltinCall& c) { return LayerRows::embedding(w, c); }
Val lower_solve(Lowering& w, const BuiltinCall& c) { return LayerRows::solve(w, c); }
Val lower_triangular_solve(Lowering& w, const BuiltinCall& c) { return LayerRows::triangular_solve(w, c); }

}  // namespace dlc::sema
