// An overflow of a number, one of a block, and a leak, in one build.
// expect ubsan: signed-integer-overflow at add
// expect asan: heap-buffer-overflow at read_past
// expect lsan: direct-leak at main, 40 bytes in 1 blocks
// compile: gcc clang
// flags: -fsanitize=address,undefined -fsanitize-recover=address
// runtime: halt_on_error=0
#include <limits.h>
#include <stdlib.h>

int add(int a) {
  return a + 1; // <- signed-integer-overflow
}

int read_past(int *p, int index) {
  return p[index]; // <- heap-buffer-overflow
}

int main(void) {
  int *volatile p = malloc(40); // <- direct-leak
  add(INT_MAX);
  read_past(p, 10);
  p = 0;
  return 0;
}
