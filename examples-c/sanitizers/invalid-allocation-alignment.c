// Asks memalign for an alignment that is no power of two.
// expect asan: invalid-allocation-alignment at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: allocator_may_return_null=0
#include <malloc.h>
#include <stdlib.h>

int main(void) {
  volatile size_t alignment = 17;
  char *volatile p = memalign(alignment, 100); // <- invalid-allocation-alignment
  free(p);
  return 0;
}
