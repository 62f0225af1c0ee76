// Reads memory that an allocator of the program's own has marked as not to be used.
// expect asan: use-after-poison at main
// compile: gcc clang
// flags: -fsanitize=address
#include <sanitizer/asan_interface.h>
#include <stdlib.h>

int main(void) {
  char *pool = calloc(1, 100); // <- allocated at
  ASAN_POISON_MEMORY_REGION(pool + 32, 32);
  int value = pool[40]; // <- use-after-poison
  free(pool);
  return value;
}
