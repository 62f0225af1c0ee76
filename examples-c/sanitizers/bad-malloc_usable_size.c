// Asks for the size of a block that malloc never gave.
// expect asan: bad-malloc_usable_size at main
// compile: gcc clang
// flags: -fsanitize=address
#include <malloc.h>

int main(void) {
  int local = 1;
  void *volatile p = &local;
  return malloc_usable_size(p) == 4; // <- bad-malloc_usable_size
}
