// A program that prints what it was started with, a line each, bytes that are no printable ASCII in octal: words, variables,
// signals that are ignored and blocked, the limit of address space; then it ends with status 7. With the word `signals` it prints the
// names of the signals that it gets, until SIGTERM comes. Under a shim it must print the same as without.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

static void show(const char *what, const char *text) {
  printf("%s ", what);
  for (const unsigned char *byte = (const unsigned char *)text; *byte != 0; byte++) {
    printf(*byte >= ' ' && *byte < 127 && *byte != '\\' ? "%c" : "\\%03o", *byte);
  }
  printf("\n");
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "signals") == 0) {
    sigset_t all;
    int got;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    printf("ready\n");
    do {
      fflush(stdout);
      if (sigwait(&all, &got) != 0) return 1;
      if (got != SIGCONT) printf("%s\n", sigabbrev_np(got));
    } while (got != SIGTERM);
    return 7;
  }
  for (int word = 1; word < argc; word++) show("word", argv[word]);
  for (char **variable = environ; *variable != NULL; variable++) show("variable", *variable);
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, NULL, &blocked);
  // The last one is valgrind's own.
  for (int number = 1; number < SIGRTMAX; number++) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) printf("ignored %d\n", number);
    if (sigismember(&blocked, number) == 1) printf("blocked %d\n", number);
  }
  struct rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  printf("address space %ld\n", limit.rlim_cur == RLIM_INFINITY ? -1 : (long)(limit.rlim_cur / 1024));
  return 7;
}
