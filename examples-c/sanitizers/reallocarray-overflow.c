// Asks reallocarray for more bytes than a size_t can count.
// expect asan: reallocarray-overflow at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: allocator_may_return_null=0
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>

int main(void) {
  volatile size_t size = SIZE_MAX / 2;
  char *volatile p = reallocarray(0, size, 4); // <- reallocarray-overflow
  free(p);
  return 0;
}
