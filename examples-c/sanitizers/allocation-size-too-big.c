// Asks for more than the allocator ever gives.
// expect asan: allocation-size-too-big at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: allocator_may_return_null=0
#include <stdlib.h>

int main(void) {
  volatile size_t size = (size_t)1 << 50;
  char *volatile p = malloc(size); // <- allocation-size-too-big
  free(p);
  return 0;
}
