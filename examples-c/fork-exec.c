// A child that becomes another program by exec: here this same program, told to lose 40 bytes.
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at second_program, 40 bytes in 1 blocks
// outcome memcheck: findings, exited 0, status 100, processes 2
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int second_program(void) {
  malloc(40); // <- Leak_DefinitelyLost
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) return second_program();
  pid_t child = fork();
  if (child == 0) {
    execl(argv[0], argv[0], "second", (char *)NULL);
    _exit(127);
  }
  int status;
  return waitpid(child, &status, 0) == child ? status : 1;
}
