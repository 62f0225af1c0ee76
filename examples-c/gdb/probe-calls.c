// Has functions that a probe's expression may call, and that do not come back; alone it prints "calls 2" and exits with 3.
// gdb --break main --print 'crashes()': the call is taken back, and the program goes on as without it.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static int calls;

int crashes(void) {
  return *(volatile int *)0;
}

int aborts(void) {
  abort();
}

int runs_on(void) {
  for (volatile int running = 1; running;) {
  }
  return 0;
}

int ends(void) {
  exit(9);
}

int counted(void) {
  return ++calls;
}

// No signal but those that nobody can block reaches it.
int main(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  counted();
  counted();
  printf("calls %d\n", calls);
  return 3;
}
