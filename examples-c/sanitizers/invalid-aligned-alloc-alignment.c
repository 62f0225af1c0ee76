// Asks aligned_alloc for a size that is no multiple of the alignment.
// expect asan: invalid-aligned-alloc-alignment at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: allocator_may_return_null=0
#include <stdlib.h>

int main(void) {
  volatile size_t alignment = 17;
  char *volatile p = aligned_alloc(alignment, 100); // <- invalid-aligned-alloc-alignment
  free(p);
  return 0;
}
