// Allocates in a signal handler.
// expect tsan: signal-unsafe-call at handle
// compile: gcc clang
// flags: -fsanitize=thread
#include <signal.h>
#include <stdlib.h>

char *volatile kept;

void handle(int number) {
  kept = malloc(10); // <- signal-unsafe-call
}

int main(void) {
  struct sigaction action = {.sa_handler = handle};
  sigaction(SIGUSR1, &action, 0);
  raise(SIGUSR1);
  free(kept);
  return 0;
}
