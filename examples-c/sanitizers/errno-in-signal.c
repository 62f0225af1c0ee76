// Changes errno in a signal handler.
// expect tsan: errno-in-signal at handle
// compile: gcc clang
// flags: -fsanitize=thread
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

volatile int handled;

void handle(int number) { // <- errno-in-signal
  errno = 5;
  handled = 1;
}

int main(void) {
  struct sigaction action = {.sa_handler = handle};
  struct itimerval soon = {.it_value = {.tv_usec = 1000}, .it_interval = {.tv_usec = 1000}};
  sigaction(SIGALRM, &action, 0);
  /* A signal that the program sends itself counts as a call, so it comes from a clock: often, because the runtime may lose one. */
  setitimer(ITIMER_REAL, &soon, 0);
  while (!handled) usleep(100);
  return 0;
}
