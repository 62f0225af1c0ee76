// Moves to / and loses 80 bytes there: the report must still go where the program was started.
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at main, 80 bytes in 1 blocks
// outcome memcheck: findings, exited 0, status 100
#include <stdlib.h>
#include <unistd.h>

int main(void) {
  if (chdir("/") != 0) return 1;
  malloc(80); // <- Leak_DefinitelyLost
  return 0;
}
