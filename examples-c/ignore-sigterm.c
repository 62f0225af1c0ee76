// Ignores SIGTERM and sleeps: only SIGKILL ends it, so nothing of a leak report can be had.
// vgrun: --timeout=4 --kill-after=1
// outcome memcheck: inconclusive, signaled SIGKILL, status 101
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
  signal(SIGTERM, SIG_IGN);
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}
