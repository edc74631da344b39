/* Trains examples/net2.dl and predicts with it, from a C program that links nothing but the object dlc made of it:
 *
 *   build/dlc compile examples/net2.dl -o net2.o
 *   cc -O2 -I. examples/embed/train.c net2.o -o train && ./train examples/data/wdbc.csv
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net2.h"

enum { ROWS = 569, COLUMNS = 30, TRAIN = 456, BATCH = 32, EPOCHS = 50 };

static float x[ROWS][COLUMNS], y[ROWS];
static int64_t order[TRAIN];
/* Two buffers that take turns; aligned as the header asks. */
static _Alignas(64) float states[2][Net2_PARTS * Net2_PART];

static uint64_t random_state = 1;
static uint64_t random_bits(void) { /* splitmix64 */
  uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static int read_table(const char* path) {
  FILE* file = fopen(path, "r");
  char line[2048];
  if (!file || !fgets(line, sizeof line, file)) return 0;
  for (int i = 0; i < ROWS; ++i) {
    char* at = line;
    if (!fgets(line, sizeof line, file)) return fclose(file), 0;
    for (int j = 0; j < COLUMNS; ++j) x[i][j] = strtof(at, &at), at += *at == ',';
    y[i] = *at == 'M';
  }
  fclose(file);
  return 1;
}

/* In an order of our own, and every column with mean 0 and deviation 1 over the part that is trained on. */
static void prepare(void) {
  for (int i = ROWS - 1; i > 0; --i) {
    const int j = (int)(random_bits() % (uint64_t)(i + 1));
    float row[COLUMNS], label = y[i];
    memcpy(row, x[i], sizeof row), memcpy(x[i], x[j], sizeof row), memcpy(x[j], row, sizeof row);
    y[i] = y[j], y[j] = label;
  }
  for (int j = 0; j < COLUMNS; ++j) {
    double sum = 0, squares = 0;
    for (int i = 0; i < TRAIN; ++i) sum += x[i][j], squares += (double)x[i][j] * x[i][j];
    const double mean = sum / TRAIN, deviation = sqrt(squares / TRAIN - mean * mean);
    for (int i = 0; i < ROWS; ++i) x[i][j] = (float)((x[i][j] - mean) / deviation);
  }
}

static void first_values(float* w, int n, double r) {
  for (int i = 0; i < n; ++i) w[i] = (float)(r * (2 * ((double)(random_bits() >> 11) * 0x1p-53) - 1));
}

int main(int argc, char** argv) {
  if (argc < 2 || !read_table(argv[1])) return fprintf(stderr, "usage: train wdbc.csv\n"), 2;
  prepare();
  float *state = states[0], *next = states[1];
  first_values(state + Net2_AT_W1, 16 * 30, sqrt(6.0 / 46));
  first_values(state + Net2_AT_W2, 16, sqrt(6.0 / 17));
  void* workspace = aligned_alloc(64, (size_t)(Net2_train_step_ws(BATCH) + 63) / 64 * 64);
  const void* fields[] = {x, y};
  int t = 0;
  for (int epoch = 0; epoch < EPOCHS; ++epoch) {
    for (int i = 0; i < TRAIN; ++i) order[i] = i;
    for (int i = TRAIN - 1; i > 0; --i) {
      const int j = (int)(random_bits() % (uint64_t)(i + 1));
      const int64_t row = order[i];
      order[i] = order[j], order[j] = row;
    }
    double losses[2], sum = 0;
    for (int first = 0; first < TRAIN; first += BATCH) {
      const int n = TRAIN - first < BATCH ? TRAIN - first : BATCH;
      ++t;
      const double scale = 1.0 / n, hyper[] = {1e-2, 1 - pow(0.9, t), 1 - pow(0.999, t)};
      if (Net2_train_step(0, n, order + first, fields, 0, &scale, hyper, state, next, losses, workspace) != DLC_OK) return 1;
      float* old = state;
      state = next, next = old;
      sum += losses[0] * n;
    }
    if (epoch % 10 == 9) printf("epoch %d  loss %.4f\n", epoch + 1, sum / TRAIN);
  }
  int right = 0;
  for (int i = TRAIN; i < ROWS; ++i) {
    float p = 0;
    if (Net2_predict(0, state + Net2_AT_W1, state + Net2_AT_b1, state + Net2_AT_W2, state[Net2_AT_b2], x[i], &p, workspace) != DLC_OK) return 1;
    right += (p >= 0.5f) == (y[i] >= 0.5f);
  }
  const double accuracy = (double)right / (ROWS - TRAIN);
  printf("test accuracy %.4f\n", accuracy);
  free(workspace);
  return accuracy >= 0.95 ? 0 : 1;
}
