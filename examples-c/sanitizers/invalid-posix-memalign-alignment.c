// Asks posix_memalign for an alignment that is no multiple of a pointer's size.
// expect asan: invalid-posix-memalign-alignment at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: allocator_may_return_null=0
#include <stdlib.h>

int main(void) {
  volatile size_t alignment = 2;
  void *p = 0;
  int status = posix_memalign(&p, alignment, 100); // <- invalid-posix-memalign-alignment
  free(p);
  return status;
}
