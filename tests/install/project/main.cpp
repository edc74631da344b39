// The gradient of spring.dl twice: compiled while this runs (dlc.h), and by `dlc compile` when it was built (spring.h).
#include <dlc.h>
#include <runtime/abi.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "spring.h"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  auto program = dlc::Program::from_file(argv[1]);
  if (!program) return std::puts(program.error().c_str()), 1;
  auto slope = program->grad("energy", {"x"});
  if (!slope) return std::puts(slope.error().c_str()), 1;

  const std::vector<double> x{1, 2, 4};
  std::vector<double> now(x.size()), before(x.size());
  if (dlc::Status s = slope->call({2.0, x}, {now}); !s) return std::puts(s.message.c_str()), 1;
  const auto bytes = static_cast<size_t>(energy_slope_ws(3));
  void* workspace = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (energy_slope(nullptr, 3, 2.0, x.data(), before.data(), workspace) != DLC_OK) return 1;
  std::free(workspace);
  std::printf("dlc.h    %g %g %g\nspring.h %g %g %g\n", now[0], now[1], now[2], before[0], before[1], before[2]);

  // An error of the program comes back as text.
  auto wrong = dlc::Program::from_text("fn f(x: real) = y");
  if (wrong) return 1;
  std::printf("%s", wrong.error().substr(0, wrong.error().find('\n') + 1).c_str());
  return 0;
}
