/* What generated code and its caller share. Every entry point has the form
 *
 *   int32_t name(const dlc_ctx* ctx, sizes…, inputs…, outputs…, void* workspace);
 *
 * sizes are int64_t, scalars go by value, arrays are dense and row-major, a tuple is its leaves in order, a bool is
 * one byte (0 or 1) and an int eight. Outputs must not overlap inputs. `workspace` holds name_ws(sizes…) bytes,
 * aligned to 64; null is fine when that is 0. `ctx` may be null: serial, no growth, not cancellable, no error slot.
 * A generated function is immutable and may run in any number of threads at once. C and C++, no other include. */
#ifndef DLC_ABI_H
#define DLC_ABI_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DLC_ABI_VERSION 1

/* What an entry returns. */
enum dlc_code {
  DLC_OK = 0,
  DLC_BAD_SIZE = 1,              /* a size is negative: value is the size */
  DLC_INDEX = 2,                 /* a subscript leaves its array: value is how far, extent the array's */
  DLC_TAPE_FULL = 3,             /* a loop's saved values outgrew the memory that `grow` gives */
  DLC_MAX_ITERS = 4,             /* a `while` loop reached its bound */
  DLC_NOT_POSITIVE_DEFINITE = 5, /* a Cholesky factor does not exist */
  DLC_CANCELLED = 6,             /* the cancel flag was set */
  DLC_NON_FINITE = 7,            /* a trapped inf or nan */
  DLC_EMPTY = 8                  /* a maximum or mean of no elements: extent is the axis' size */
};

/* Where an error happened. `site` is an index into the table of sites in the generated header. */
typedef struct dlc_error {
  int32_t code;
  int32_t site;
  int64_t value;
  int64_t extent;
} dlc_error;

/* The state of the counter-based random generator (Philox): see runtime/random. */
typedef struct dlc_random {
  uint64_t seed;
  uint64_t update;
} dlc_random;

typedef struct dlc_ctx dlc_ctx;
struct dlc_ctx {
  uint32_t size;    /* sizeof(dlc_ctx) of the caller */
  uint32_t version; /* DLC_ABI_VERSION of the caller */
  /* Calls body(data, begin, end) on pieces of 0..n of `grain` each, on any threads; null: the caller's thread. */
  void (*parallel_for)(const dlc_ctx* ctx, int64_t n, int64_t grain, void (*body)(void* data, int64_t begin, int64_t end),
                       void* data);
  /* Gives `bytes` of memory more, aligned to 64, or null where there is no more. Negative: takes back that much, the last that it
   * gave first. What was not given back when the entry returns, after an error, is the caller's to free. Null: no growth. */
  void* (*grow)(const dlc_ctx* ctx, int64_t bytes);
  const volatile int32_t* cancel; /* not 0: stop soon with DLC_CANCELLED; null: never */
  dlc_error* error;               /* filled in when an entry does not return DLC_OK; may be null */
  dlc_random* random;             /* null: the program draws no numbers */
  void* user;                     /* for the functions above */
};

#ifdef __cplusplus
}
#endif
#endif
