// Asks pvalloc for so much that rounding it up to pages overflows.
// expect asan: pvalloc-overflow at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: allocator_may_return_null=0
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

int main(void) {
  volatile size_t size = SIZE_MAX;
  char *volatile p = pvalloc(size); // <- pvalloc-overflow
  free(p);
  return 0;
}
