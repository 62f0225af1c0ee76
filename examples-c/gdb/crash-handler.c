// A handler for SIGSEGV that says a word, and then ends the process by a signal: raise, kill (from a thread that is not
// the first one), abort, or by returning to where the fault was. "handled": the fault is mended, and an abort comes later.
// gdb: SIGSEGV in store, with its address; only with "handled" SIGABRT in main. Build: gcc -g -O0 -pthread
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *way;
static char *page;

static void on_crash(int number) {
  write(2, "crash\n", 6);
  if (strcmp(way, "handled") == 0) {
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    return;
  }
  signal(number, SIG_DFL);
  if (strcmp(way, "raise") == 0) raise(number);
  if (strcmp(way, "kill") == 0) {
    kill(getpid(), number);
    pause();
  }
  if (strcmp(way, "abort") == 0) abort();
}

static void store(char *to, char value) {
  *to = value; // <- SIGSEGV
}

static void *work(void *argument) {
  store(argument, 42);
  return 0;
}

int main(int argc, char **argv) {
  way = argc > 1 ? argv[1] : "return";
  page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  signal(SIGSEGV, on_crash);
  pthread_t thread;
  pthread_create(&thread, 0, work, page);
  pthread_join(thread, 0);
  abort();
}
