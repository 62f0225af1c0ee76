// Detaches as servers do; the daemon loses 60 bytes after the first process has ended.
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at serve, 60 bytes in 1 blocks
// outcome memcheck: findings, exited 0, status 100, processes 2
#include <stdlib.h>
#include <unistd.h>

static void serve(void) {
  malloc(60); // <- Leak_DefinitelyLost
}

int main(void) {
  if (daemon(0, 0) != 0) return 1;
  usleep(100 * 1000);
  serve();
  return 0;
}
