// The verifier's state and its questions, shared by verify.cpp (structure) and verify_array.cpp (types of array ops).
// Every check returns whether it held; the first that did not has written `violation_`.
#pragma once
#include <fmt/format.h>

#include <unordered_set>

#include "ir/form.h"
#include "ir/type_rule.h"
#include "ir/verify.h"

namespace dlc {

class Verifier {
 public:
  Verifier(const Module& m, const Func& f, const OpSet& ops) : m_(m), f_(f), ops_(ops) {}
  std::optional<Violation> run() {
    check_function();
    return std::move(violation_);
  }

 private:
  static constexpr int32_t kNowhere = -1;

  // The function, its blocks and one instruction (verify.cpp).
  bool check_function();
  bool check_rule();
  bool check_request(const DerivativeRequest& r, bool is_open);
  bool check_params(BlockId id);
  bool check_block(BlockId id, int depth);
  bool check_inst(ValueId v, BlockId block, int depth);
  bool check_dim(ValueId v, DimId d);
  bool check_type(ValueId v, TypeId id, int depth = 0);
  bool check_elementwise(ValueId v, const Op& row);

  // One instruction by its form (verify_array.cpp).
  bool check_form(ValueId v, Form form);
  bool check_constant(ValueId v);
  bool check_tuple(ValueId v);
  bool check_get(ValueId v);
  bool check_call(ValueId v);
  bool check_if(ValueId v);
  bool check_map(ValueId v);
  bool check_loop(ValueId v, Form form);
  bool check_captures(ValueId v, BlockId block, size_t first_param, int first_operand);
  bool check_subscripts(ValueId v, int first, std::vector<DimId>& dims);
  bool check_index(ValueId v);
  bool check_store(ValueId v, Form form);
  bool check_view(ValueId v, bool is_adjoint);
  bool check_reduction(ValueId v, Form form);
  bool check_cumsum(ValueId v);
  bool check_reshape(ValueId v);
  bool check_stack(ValueId v);
  bool check_matmul(ValueId v);
  bool check_iota(ValueId v);
  bool has_same_count(std::span<const DimId> a, std::span<const DimId> b);
  bool is_boxed(TypeId type, std::span<const DimId> extents, TypeId inner) const;
  bool is_substituted(TypeId type, TypeId formal, const std::map<StrId, DimId>& sizes);

  // Facts.
  bool is_value(ValueId v) const { return v && static_cast<size_t>(v.i) < f_.insts.size(); }
  bool is_op(OpId op) const { return static_cast<bool>(op); }
  bool has_attr(const Inst& in) const { return in.attr && static_cast<size_t>(in.attr.i) < m_.n_attrs(); }
  const Attr& attr(const Inst& in) const { return m_[in.attr]; }
  const Type& type_of(ValueId v) const { return m_.types[f_[v].type]; }
  const Type& operand_type(ValueId v, int k) const { return type_of(f_.operand(v, k)); }
  /// The instruction's own type must be this array.
  bool expect_type(ValueId v, DType dtype, std::span<const DimId> dims);
  DimTable& scratch();

  // Messages.
  template <class... Args>
  bool fail(ValueId v, fmt::format_string<Args...> format, Args&&... args) {
    const std::string what = fmt::format(format, std::forward<Args>(args)...);
    violation_ = Violation{v ? inst_text(v) + ": " + what : what, v};
    return false;
  }
  std::string value_text(ValueId v);
  std::string inst_text(ValueId v);
  std::string operand_type_text(ValueId v, int k) { return m_.types.text(f_[f_.operand(v, k)].type); }
  std::string operand_types_text(ValueId v);

  const Module& m_;
  const Func& f_;
  const OpSet& ops_;
  std::unordered_set<StrId> size_vars_;
  std::vector<int32_t> home_;  // block that defines each value, so far
  std::vector<bool> is_block_seen_, good_dims_, good_types_;
  std::vector<int32_t> numbers_;     // print_numbers, once a message needs them
  std::optional<DimTable> scratch_;  // a copy, so that sizes can be computed without touching the module
  std::optional<Violation> violation_;
};

}  // namespace dlc
