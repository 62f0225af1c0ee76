// What C defines and clang can report all the same: unsigned overflow and silent conversions.
// expect ubsan: unsigned-integer-overflow at add
// expect ubsan: unsigned-shift-base at shift_out
// expect ubsan: implicit-unsigned-integer-truncation at truncate_unsigned
// expect ubsan: implicit-signed-integer-truncation at truncate_signed
// expect ubsan: implicit-integer-sign-change at change_sign
// expect ubsan: implicit-signed-integer-truncation at truncate_and_change
// expect ubsan: nullability-arg at pass_null
// expect ubsan: nullability-return at return_null
// expect ubsan: nullability-assign at assign_null
// expect ubsan: alignment at assume_aligned
// compile: clang
// flags: -fsanitize=undefined,integer,implicit-conversion,nullability
#include <limits.h>

unsigned add(unsigned a) {
  return a + 1; // <- unsigned-integer-overflow
}

unsigned shift_out(unsigned a) {
  return a << 1; // <- unsigned-shift-base
}

unsigned char truncate_unsigned(unsigned a) {
  return a; // <- implicit-unsigned-integer-truncation
}

signed char truncate_signed(int a) {
  return a; // <- implicit-signed-integer-truncation
}

unsigned change_sign(int a) {
  return a; // <- implicit-integer-sign-change
}

signed char truncate_and_change(unsigned a) {
  return a; // <- implicit-signed-integer-truncation
}

int take(int *_Nonnull p) { return p == 0; }

int pass_null(int *p) {
  return take(p); // <- nullability-arg
}

int *_Nonnull return_null(int *p) {
  return p; // <- nullability-return
}

void assign_null(int *p) {
  int *_Nonnull q;
  q = p; // <- nullability-assign
}

char *assume_aligned(char *p) {
  return __builtin_assume_aligned(p, 16); // <- alignment
}

int main(void) {
  char bytes[32] __attribute__((aligned(16)));
  add(UINT_MAX);
  shift_out(UINT_MAX);
  truncate_unsigned(300);
  truncate_signed(300);
  change_sign(-1);
  truncate_and_change(200);
  pass_null(0);
  return_null(0);
  assign_null(0);
  assume_aligned(bytes + 1);
  return 0;
}
