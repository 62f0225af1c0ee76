// One function for each thing that C leaves undefined and after which the runtime goes on.
// expect ubsan: signed-integer-overflow at add
// expect ubsan: signed-integer-overflow at negate
// expect ubsan: integer-divide-by-zero at divide
// expect ubsan: shift-exponent at shift_far
// expect ubsan: shift-base at shift_negative
// expect ubsan: float-divide-by-zero at divide_float
// expect ubsan: float-cast-overflow at to_int
// expect ubsan: null at address_in_null
// expect ubsan: alignment at read_askew
// expect ubsan: bounds at address_past
// expect ubsan: pointer-overflow at step_far
// expect ubsan: vla-bound at make_array
// expect ubsan: bool at read_bool
// expect ubsan: builtin at count_zeros
// expect ubsan: nonnull-attribute at pass_null
// expect ubsan: returns-nonnull-attribute at return_null
// compile: gcc clang
// flags: -fsanitize=undefined,float-divide-by-zero,float-cast-overflow
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

struct pair {
  int first, second;
};

int add(int a) {
  return a + 1; // <- signed-integer-overflow
}

int negate(int a) {
  return -a; // <- signed-integer-overflow
}

int divide(int a, int b) {
  return a / b; // <- integer-divide-by-zero
}

int shift_far(int a, int by) {
  return a << by; // <- shift-exponent
}

int shift_negative(int a) {
  return a << 2; // <- shift-base
}

double divide_float(double a, double b) {
  return a / b; // <- float-divide-by-zero
}

int to_int(double a) {
  return a; // <- float-cast-overflow
}

int *address_in_null(struct pair *p) {
  return &p->second; // <- null
}

int read_askew(int *p) {
  return *p; // <- alignment
}

int *address_past(int index) {
  static int numbers[10];
  return &numbers[index]; // <- bounds
}

char *step_far(char *p, size_t by) {
  return p + by; // <- pointer-overflow
}

void make_array(int length) {
  char text[length]; // <- vla-bound
}

int read_bool(bool *p) {
  return *p; // <- bool
}

int count_zeros(unsigned a) {
  return __builtin_ctz(a); // <- builtin
}

__attribute__((nonnull)) int take(char *p) { return p == 0; }

int pass_null(char *p) {
  return take(p); // <- nonnull-attribute
}

__attribute__((returns_nonnull)) char *return_null(char *p) {
  return p; // <- returns-nonnull-attribute
}

/* The division traps after it was reported. */
void after_division(int signal) { _exit(0); }

int main(void) {
  char bytes[16] __attribute__((aligned(16))) = {2};
  add(INT_MAX);
  negate(INT_MIN);
  shift_far(1, 32);
  shift_negative(-1);
  divide_float(1, 0);
  to_int(1e20);
  address_in_null(0);
  read_askew((int *)(bytes + 1));
  address_past(11);
  step_far((char *)UINTPTR_MAX - 15, 100);
  make_array(-1);
  read_bool((bool *)bytes);
  count_zeros(0);
  pass_null(0);
  return_null(0);
  signal(SIGFPE, after_division);
  divide(1, 0);
  return 0;
}
