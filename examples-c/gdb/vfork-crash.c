// The child of vfork(2) writes through a null pointer before it executes anything; the parent ends with 4.
// gdb: SIGSEGV in set_up, of the child; the parent goes on and exits with 4.
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_up(int *place) {
  *place = 1; // <- SIGSEGV
}

int main(void) {
  pid_t child = vfork();
  if (child == 0) {
    set_up(0);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  return 4;
}
