// The article's second program: 100 bytes whose only pointer is a local variable.
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at main, 100 bytes in 1 blocks
// outcome memcheck: findings, exited 0, status 100
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  void *p = malloc(100); // <- Leak_DefinitelyLost
  if (p == NULL) puts("malloc failed.");
  puts("---------------- test end --------------");
  return 0;
}
