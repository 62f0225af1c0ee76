// Detaches as servers do; the daemon works for three seconds more and loses 60 bytes on the way.
// vgrun: --wait=20
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
  sleep(3);
  serve();
  return 0;
}
