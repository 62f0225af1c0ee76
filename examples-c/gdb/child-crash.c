// The child writes through a null pointer; the parent only learns the signal, and ends with 3.
// gdb: SIGSEGV in fill, of the child; the parent exits with 3.
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct slot {
  int number;
};

static void fill(struct slot *slot, int number) {
  slot->number = number; // <- SIGSEGV
}

int main(void) {
  pid_t child = fork();
  if (child == 0) {
    struct slot *missing = 0;
    fill(missing, 7);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  return 3;
}
