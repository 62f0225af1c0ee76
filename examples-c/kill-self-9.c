// Dies by SIGKILL from its own hand. valgrind sees that coming and still writes its report, the leak too.
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at main, 90 bytes in 1 blocks
// outcome memcheck: inconclusive, signaled SIGKILL, status 137
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
  malloc(90); // <- Leak_DefinitelyLost
  kill(getpid(), SIGKILL);
  return 0;
}
