// Closes every descriptor it may have, as daemons do, and then loses 70 bytes: the report must not go with them.
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at main, 70 bytes in 1 blocks
// outcome memcheck: findings, exited 0, status 100
#include <stdlib.h>
#include <unistd.h>

int main(void) {
  for (int fd = 0; fd < 1024; fd++) close(fd);
  malloc(70); // <- Leak_DefinitelyLost
  return 0;
}
