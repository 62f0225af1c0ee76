// Loses 30 bytes, forks, and the child loses 20 more: the child has the parent's 30 too, and they are one leak.
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at in_parent, 30 bytes in 1 blocks
// expect memcheck: Leak_DefinitelyLost at in_child, 20 bytes in 1 blocks
// outcome memcheck: findings, exited 0, status 100, processes 2
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void in_parent(void) {
  malloc(30); // <- Leak_DefinitelyLost
}

static void in_child(void) {
  malloc(20); // <- Leak_DefinitelyLost
}

int main(void) {
  in_parent();
  pid_t child = fork();
  if (child == 0) {
    in_child();
    return 0;
  }
  int status;
  return waitpid(child, &status, 0) == child ? status : 1;
}
