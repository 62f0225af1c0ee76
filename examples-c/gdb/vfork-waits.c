// A parent that waits in vfork(2), which nothing but a fatal signal interrupts, for a child that never executes a program: `vgrun stacks
// PID` must say that it waits in the kernel in vfork, for that child, and that it was not paused.
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

int main(void) {
  if (vfork() == 0) {
    // It must not stay behind.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    write(STDOUT_FILENO, "ready\n", 6);
    for (;;) pause();
  }
  return 0;
}
