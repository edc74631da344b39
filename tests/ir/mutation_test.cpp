// Random damage to valid text: diagnostics or a module that verifies, prints and reads back, never a crash.
#include "ir_text.h"
#include "mutate.h"

namespace dlc {
namespace {

TEST(IrMutation, TenThousandDamagedTexts) {
  std::mt19937 random(1);
  int n_good = 0;
  for (int k = 0; k < 10000; ++k) {
    const std::string text = mutate(kEveryForm, random);
    const auto p = parse_text(text);
    EXPECT_EQ(p->is_good, p->diagnostics.all().empty());
    for (const Diagnostic& d : p->diagnostics.all()) render_text(d, p->sources);
    if (!p->is_good) continue;
    ++n_good;
    const std::string printed = print(p->module, kOps);
    const auto again = parse_text(printed);
    ASSERT_TRUE(again->is_good) << again->error() << "\n" << printed;
    ASSERT_EQ(print(again->module, kOps), printed) << "seed 1, text " << k;
  }
  EXPECT_GT(n_good, 300);  // otherwise the damage is too coarse to reach the verifier
}

TEST(IrMutation, RandomBytes) {
  std::mt19937 random(2);
  for (int k = 0; k < 2000; ++k) {
    std::string text(random() % 200, ' ');
    for (char& c : text) c = static_cast<char>(random());
    parse_text("func @f(" + text);
    parse_text(text);
  }
}

}  // namespace
}  // namespace dlc
