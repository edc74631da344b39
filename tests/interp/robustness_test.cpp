// Damaged IR that the verifier still accepts runs to a value or an error within its limits.
#include <random>

#include "run_text.h"
#include "tests/ir/mutate.h"

namespace dlc {
namespace {

/// A value of this type with small numbers in it, or nullopt when it is large or has a size below 0.
template <class T>
std::optional<InterpValue<T>> sample(const Module& m, TypeId type, const std::map<StrId, int64_t>& sizes) {
  const Type& t = m.types[type];
  InterpValue<T> v{t.dtype, {}, {}, {}, {}};
  for (const Field& f : t.fields) {
    auto field = sample<T>(m, f.type, sizes);
    if (!field) return std::nullopt;
    v.fields.push_back(std::move(*field));
  }
  if (t.is_tuple()) return v;
  int64_t count = 1;
  for (DimId d : t.dims) {
    const auto n = m.types.dims.evaluate(d, sizes);
    if (!n || *n < 0 || *n > 100 || (count *= *n) > 10000) return std::nullopt;
    v.dims.push_back(*n);
  }
  for (int64_t k = 0; k < count; ++k) {
    if (is_float(t.dtype))
      v.floats.push_back(T(static_cast<double>(k % 7) - 2.5));
    else
      v.ints.push_back(t.dtype == DType::b1 ? k % 2 : k % 3);
  }
  return v;
}

template <class T>
int run_all(const Module& m) {
  int n_values = 0;
  for (size_t k = 0; k < m.size(); ++k) {
    const FuncId id{static_cast<int32_t>(k)};
    std::map<StrId, int64_t> sizes;
    for (StrId name : m[id].size_vars) sizes[name] = 3;
    std::vector<InterpValue<T>> args;
    for (ValueId p : m[id].body().params)
      if (auto v = sample<T>(m, m[id][p].type, sizes)) args.push_back(std::move(*v));
    if (args.size() != m[id].body().params.size()) continue;
    n_values += static_cast<bool>(interpret<T>(m, id, args, sizes, {.max_elements = 10000, .max_steps = 100000}));
  }
  return n_values;
}

TEST(Robustness, TenThousandDamagedPrograms) {
  std::mt19937 random(3);
  int n_programs = 0, n_values = 0;
  for (int k = 0; k < 10000; ++k) {
    const auto p = parse_text(mutate(kEveryForm, random));
    if (!p->is_good) continue;
    ++n_programs;
    n_values += run_all<double>(p->module);
    if (k % 10 == 0) run_all<Big>(p->module), run_all<std::complex<double>>(p->module);
  }
  EXPECT_GT(n_programs, 300);
  EXPECT_GT(n_values, 1000);
}

TEST(Robustness, EveryFormRuns) {
  const auto p = parse_text(kEveryForm);
  EXPECT_EQ(run_all<double>(p->module), 4);  // not the two requests
}

}  // namespace
}  // namespace dlc
