// Trains the two-layer network of net2_functions.dl on the breast-cancer table, from C++: the model is compiled while
// this program runs, and plain gradient descent calls the gradient that the compiler derived.
//
//   build/host_jit examples/net2_functions.dl examples/data/wdbc.csv
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>

#include "dlc.h"

using Vector = std::vector<double>;
int main(int argc, char** argv) {
  const size_t D = 30, H = 16, n_rows = 569, n_train = 455;
  const auto fail = [](const std::string& why) { return std::fprintf(stderr, "%s\n", why.c_str()), 1; };
  auto program = dlc::Program::from_file(argc > 1 ? argv[1] : "examples/net2_functions.dl");
  if (!program) return fail(program.error());
  auto gradient = program->value_and_grad("objective", {"W1", "b1", "W2", "b2"}, {{"D", D}, {"H", H}});
  auto count = program->function("n_correct", {{"D", D}, {"H", H}});
  if (!gradient || !count) return fail(gradient.error() + count.error());
  // The table, its rows shuffled, each column scaled to mean 0 and deviation 1 by the training rows.
  std::ifstream file(argc > 2 ? argv[2] : "examples/data/wdbc.csv");
  std::vector<Vector> rows;
  std::string line, cell;
  for (std::getline(file, line); std::getline(file, line);)
    for (std::istringstream cells((rows.emplace_back(), line)); std::getline(cells, cell, ',');)
      rows.back().push_back(cell[0] == 'M' ? 1 : std::atof(cell.c_str()));
  if (rows.size() != n_rows) return fail("the table should have 569 rows, not " + std::to_string(rows.size()));
  std::mt19937_64 random(0);
  std::shuffle(rows.begin(), rows.end(), random);
  Vector X, y;
  for (const Vector& row : rows) X.insert(X.end(), row.begin(), row.end() - 1), y.push_back(row.back());
  for (size_t c = 0; c < D; ++c) {
    double sum = 0, squares = 0;
    for (size_t r = 0; r < n_train; ++r) sum += X[r * D + c], squares += X[r * D + c] * X[r * D + c];
    const double mean = sum / n_train, deviation = std::sqrt(squares / n_train - mean * mean);
    for (size_t r = 0; r < n_rows; ++r) X[r * D + c] = (X[r * D + c] - mean) / deviation;
  }
  const std::span<const double> train_X(X.data(), n_train * D), train_y(y.data(), n_train);
  const std::span<const double> test_X(X.data() + n_train * D, (n_rows - n_train) * D), test_y(y.data() + n_train, n_rows - n_train);
  Vector W1(H * D), b1(H), W2(H), gW1(H * D), gb1(H), gW2(H);
  double b2 = 0, gb2 = 0, loss = 0;
  for (double& w : W1) w = std::normal_distribution<>(0, std::sqrt(1.0 / D))(random);
  for (double& w : W2) w = std::normal_distribution<>(0, std::sqrt(1.0 / H))(random);
  for (int step = 0; step <= 500; ++step) {
    if (auto s = gradient->call({W1, b1, W2, b2, train_X, train_y}, {loss, gW1, gb1, gW2, gb2}); !s) return fail(s.message);
    if (step % 100 == 0) std::printf("step %3d   loss %.4f\n", step, loss);
    for (auto [w, g] : {std::pair(&W1, &gW1), {&b1, &gb1}, {&W2, &gW2}})
      for (size_t k = 0; k < w->size(); ++k) (*w)[k] -= (*g)[k];
    b2 -= gb2;
  }
  int64_t right = 0;
  if (auto s = count->call({W1, b1, W2, b2, test_X, test_y}, {right}); !s) return fail(s.message);
  const double accuracy = static_cast<double>(right) / static_cast<double>(test_y.size());
  std::printf("test accuracy %.4f of %zu examples\n", accuracy, test_y.size());
  return accuracy >= 0.95 ? 0 : 1;
}
