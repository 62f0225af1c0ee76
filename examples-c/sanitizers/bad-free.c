// Frees an address inside a block.
// expect asan: bad-free at main
// compile: gcc clang
// flags: -fsanitize=address
#include <stdlib.h>

int main(void) {
  char *volatile p = malloc(10); // <- allocated at
  free(p + 1);                   // <- bad-free
  return 0;
}
