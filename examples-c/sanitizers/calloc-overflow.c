// Asks calloc for more bytes than a size_t can count.
// expect asan: calloc-overflow at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: allocator_may_return_null=0
#include <stdint.h>
#include <stdlib.h>

int main(void) {
  volatile size_t size = SIZE_MAX / 2;
  char *volatile p = calloc(size, 4); // <- calloc-overflow
  free(p);
  return 0;
}
