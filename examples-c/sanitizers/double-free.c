// Frees a block twice.
// expect asan: double-free at main
// compile: gcc clang
// flags: -fsanitize=address
#include <stdlib.h>

int main(void) {
  char *volatile p = malloc(10); // <- allocated at
  free(p);                       // <- freed at
  free(p);                       // <- double-free
  return 0;
}
