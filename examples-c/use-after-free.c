// Reads and writes an int after it was freed.
// expect memcheck: InvalidRead at main
// expect memcheck: InvalidWrite at main
// outcome memcheck: findings, exited 0, status 100
#include <stdlib.h>

int main(void) {
  int *p = malloc(sizeof *p);
  *p = 1;
  free(p);
  volatile int copy = *p; // <- InvalidRead
  *p = 2;                 // <- InvalidWrite
  return copy - copy;
}
