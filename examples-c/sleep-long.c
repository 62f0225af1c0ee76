// Loses 110 bytes and sleeps: a polite SIGTERM still leaves valgrind the time for its leak report.
// vgrun: --timeout=4
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at main, 110 bytes in 1 blocks
// outcome memcheck: inconclusive, signaled SIGTERM, status 101
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
  malloc(110); // <- Leak_DefinitelyLost
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}
