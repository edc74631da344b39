// One derivative in one mode: build the request, make it ready, run it.
#include "pipeline/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "interp/interp.h"
#include "pipeline/arguments.h"
#include "pipeline/native.h"
#include "pipeline/pass_text.h"
#include "pipeline/requests.h"
#include "symbolic/differentiate.h"

namespace dlc {
namespace {

using Kind = DerivativeRequest::Kind;

class Differentiator {
 public:
  Differentiator(Compilation& c, FuncId f, const DiffOptions& options, const Args& args)
      : c_(c), func_(f), options_(options), args_(args), of_(default_of(c.module, f)) {}

  Result<Differential> run() {
    Differential d;
    d.mode = options_.mode;
    d.function = c_.module[func_].name;
    d.value_type = c_.module[func_].result_type();
    std::vector<Shape> shapes;
    for (const auto& a : args_) shapes.push_back(shape_of(a));
    const auto sizes = bind_sizes(c_.module, c_.module[func_], shapes, options_.sizes);
    if (!sizes) return sizes.error();
    for (int p : options_.wrt) {
      d.wrt.push_back(parameter_name(c_.module, c_.module[func_], static_cast<size_t>(p)));
      d.types.push_back(c_.module[func_][c_.module[func_].body().params[static_cast<size_t>(p)]].type);
    }
    // The request checks that there is such a derivative, numeric ones included.
    const DerivativeRequest request = first_order(Kind::value_and_grad, options_.wrt);
    const FuncId derivative = c_.derivative(request, c_.module[func_].loc);
    if (!derivative) return Error{};
    d.passes = pass_text(c_.module, request, *sizes);
    const auto done = options_.mode == Mode::numeric ? by_differences(d) : by_mode(d, derivative);
    if (!done) return done.error();
    return d;
  }

 private:
  DerivativeRequest first_order(Kind kind, const std::vector<int>& wrt) const {
    return {.kind = kind, .mode = options_.mode, .base = func_, .wrt = wrt, .is_list = true, .of = of_};
  }

  Result<InterpValue<double>> call(FuncId f, const Args& args) {
    if (options_.interpret) return interpret<double>(c_.module, f, args, options_.sizes, {.sources = &c_.sources});
    const auto special = at_sizes_of(c_, f, args, options_.sizes);
    if (!special) return special.error();
    auto native = Native::compile(c_, *special, {.opt_level = options_.opt_level});
    if (!native) return native.error();
    return native->call(args, options_.sizes);
  }

  Result<bool> by_mode(Differential& d, FuncId derivative) {
    auto both = call(derivative, args_);
    if (!both) return both.error();
    d.value = std::move(both->fields[0]);
    d.gradient = std::move(both->fields[1].fields);
    if (options_.mode == Mode::symbolic && !write_form(d)) return Error{};
    if (options_.order < 2) return true;
    const auto is_array = [&](int p) { return !args_[static_cast<size_t>(p)].dims.empty(); };
    if (options_.mode == Mode::symbolic && std::any_of(options_.wrt.begin(), options_.wrt.end(), is_array))
      d.passes += "; second derivatives by arrays: a reverse sweep over it";
    for (size_t i = 0; i < options_.wrt.size(); ++i) {
      auto row = second_order_row(d, i);
      if (!row) return row.error();
      d.second.push_back(std::move(*row));
    }
    return true;
  }

  bool write_form(Differential& d) {
    Wrt wrt(std::vector<bool>(args_.size()), of_);
    for (int p : options_.wrt) wrt.active[static_cast<size_t>(p)] = true;
    const FuncId closed = symbolic(c_.module, func_, wrt, c_.diagnostics);
    if (!closed) return false;
    d.form = closed_form(c_.module, closed, gradient_names(c_.module, func_, wrt, false), &c_.sources, c_.diagnostics);
    return d.form.has_value();
  }

  /// ∂²f/∂x_i∂x_j for every j: the gradient by x_i is differentiated again, element by element when x_i is an array.
  Result<std::vector<InterpValue<double>>> second_order_row(const Differential& d, size_t i) {
    const InterpValue<double>& x = args_[static_cast<size_t>(options_.wrt[i])];
    if (x.dtype == DType::tuple) return Error{fmt::format("second derivatives by a tuple, `{}`, are not printed; name its floats", d.wrt[i])};
    DerivativeRequest inner = first_order(Kind::grad, {options_.wrt[i]});
    inner.is_list = false;
    const FuncId gradient = c_.derivative(inner, c_.module[func_].loc);
    if (!gradient) return Error{};
    const bool is_scalar = x.dims.empty();
    // A closed form has one number as its value: that of an array's gradient is differentiated again by a sweep.
    const Mode outer_mode = is_scalar || options_.mode != Mode::symbolic ? options_.mode : Mode::reverse;
    const DerivativeRequest outer{.kind = is_scalar ? Kind::grad : Kind::vjp, .mode = outer_mode, .base = gradient, .wrt = options_.wrt, .is_list = true};
    const FuncId hessian = c_.derivative(outer, c_.module[func_].loc);
    if (!hessian) return Error{};
    if (is_scalar) {
      auto row = call(hessian, args_);
      if (!row) return row.error();
      return std::move(row->fields);
    }
    return array_rows(hessian, x);
  }

  /// One call for each element of x, with a one-hot cotangent; the rows are stacked.
  Result<std::vector<InterpValue<double>>> array_rows(FuncId hessian, const InterpValue<double>& x) {
    std::optional<Native> native;
    if (!options_.interpret) {
      Args shaped = args_;
      shaped.push_back(x);
      const auto special = at_sizes_of(c_, hessian, shaped, options_.sizes);
      if (!special) return special.error();
      auto compiled = Native::compile(c_, *special, {.opt_level = options_.opt_level});
      if (!compiled) return compiled.error();
      native = std::move(*compiled);
    }
    Args args = args_;
    args.push_back(x);
    std::vector<InterpValue<double>> blocks(options_.wrt.size());
    for (size_t j = 0; j < blocks.size(); ++j) {
      const auto& by = args_[static_cast<size_t>(options_.wrt[j])];
      blocks[j].dtype = by.dtype, blocks[j].dims = x.dims;
      blocks[j].dims.insert(blocks[j].dims.end(), by.dims.begin(), by.dims.end());
    }
    for (size_t e = 0; e < x.floats.size(); ++e) {
      std::fill(args.back().floats.begin(), args.back().floats.end(), 0.0);
      args.back().floats[e] = 1;
      auto row = native ? native->call(args, options_.sizes) : interpret<double>(c_.module, hessian, args, options_.sizes);
      if (!row) return row.error();
      for (size_t j = 0; j < blocks.size(); ++j) {
        const InterpValue<double>& part = row->fields[j];
        blocks[j].floats.insert(blocks[j].floats.end(), part.floats.begin(), part.floats.end());
      }
    }
    return blocks;
  }

  // ---- differences

  Result<bool> by_differences(Differential& d) {
    auto value = interpret<double>(c_.module, func_, args_, options_.sizes, {.sources = &c_.sources});
    if (!value) return value.error();
    d.value = std::move(*value);
    auto estimates = numeric_gradient(c_, func_, of_, options_.wrt, args_, true, options_.sizes);
    if (!estimates) return estimates.error();
    d.numeric = std::move(*estimates);
    for (const NumericDerivative& n : d.numeric) {
      d.gradient.push_back(n.shape);
      for (size_t e = 0; e < n.elements.size(); ++e) float_at(d.gradient.back(), e) = n.elements[e].value;
    }
    if (options_.order >= 2) second_differences(d);
    return true;
  }

  /// (f(+,+) − f(+,−) − f(−,+) + f(−,−)) / 4h², h = ∜ε·max(1, |x|): about eight digits.
  void second_differences(Differential& d) {
    const auto scalar = [&](const Args& at) {
      const auto y = interpret<double>(c_.module, func_, at, options_.sizes);
      if (!y) return std::numeric_limits<double>::quiet_NaN();
      return (of_ < 0 ? *y : y->fields[static_cast<size_t>(of_)]).floats[0];
    };
    const bool is_f32 = (of_ < 0 ? d.value : d.value.fields[static_cast<size_t>(of_)]).dtype == DType::f32;
    const double root = std::sqrt(std::sqrt(is_f32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon()));
    for (int pi : options_.wrt) {
      d.second.emplace_back();
      for (int pj : options_.wrt) {
        const auto &x = args_[static_cast<size_t>(pi)], &y = args_[static_cast<size_t>(pj)];
        InterpValue<double> block;
        block.dtype = x.dtype, block.dims = x.dims;
        block.dims.insert(block.dims.end(), y.dims.begin(), y.dims.end());
        for (size_t ei = 0; ei < x.floats.size(); ++ei)
          for (size_t ej = 0; ej < y.floats.size(); ++ej) {
            const double hi = root * std::max(1.0, std::abs(x.floats[ei])), hj = root * std::max(1.0, std::abs(y.floats[ej]));
            double sum = 0;
            for (int sign = 0; sign < 4; ++sign) {
              Args moved = args_;
              moved[static_cast<size_t>(pi)].floats[ei] += sign & 1 ? -hi : hi;
              moved[static_cast<size_t>(pj)].floats[ej] += sign & 2 ? -hj : hj;
              sum += (sign == 0 || sign == 3 ? 1 : -1) * scalar(moved);
            }
            block.floats.push_back(sum / (4 * hi * hj));
          }
        d.second.back().push_back(std::move(block));
      }
    }
  }

  Compilation& c_;
  FuncId func_;
  const DiffOptions& options_;
  const Args& args_;
  int of_;
};

}  // namespace

Result<Differential> differentiate(Compilation& c, FuncId f, const DiffOptions& options, const Args& args) {
  return Differentiator(c, f, options, args).run();
}

}  // namespace dlc
