// The article's third program: the same 100 bytes, still held by a global at exit. Counted, but no error.
// options memcheck: --leak-check=full
// expect memcheck: Leak_StillReachable at main, 100 bytes in 1 blocks
// outcome memcheck: clean, exited 0, status 0
#include <stdlib.h>

void *kept;

int main(void) {
  kept = malloc(100); // <- Leak_StillReachable
  return kept == NULL;
}
