// Fifty children, one after the other, each lose 5 bytes at the same place: one finding, fifty processes.
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at in_child, 250 bytes in 50 blocks
// outcome memcheck: findings, exited 0, status 100, processes 51
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void in_child(void) {
  malloc(5); // <- Leak_DefinitelyLost
}

int main(void) {
  for (int i = 0; i < 50; i++) {
    pid_t child = fork();
    if (child == 0) {
      in_child();
      return 0;
    }
    if (child < 0 || waitpid(child, NULL, 0) != child) return 1;
  }
  return 0;
}
