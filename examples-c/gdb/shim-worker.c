// A worker of supervisor.c. What must be found: with the word `leak` 40 bytes definitely lost in lose(); with `crash` the write
// to NULL in crash(), SIGSEGV; with `clean` nothing. `again` starts the worker at its own path anew, with `clean`. `wait` answers, and ends with status 3 when it gets SIGTERM.
// It answers on descriptor 9 how it was started: number of words, variable WORKER, working directory.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void end(int number) {
  (void)number;
  _exit(3);
}

static void lose(void) {
  char *volatile kept = malloc(40);
  kept = NULL;
}

static void crash(void) {
  int *volatile nowhere = NULL;
  *nowhere = 1;
}

int main(int argc, char **argv) {
  char directory[256] = "?";
  const char *worker = getenv("WORKER");
  if (argc < 2 || getcwd(directory, sizeof directory) == NULL) return 2;
  signal(SIGTERM, end);
  if (strcmp(argv[1], "again") == 0) {
    // By the path that the supervisor knows: a shim in its place has given the program another name.
    static char path[4096];
    strncpy(path, argv[0], sizeof path - 1);
    char *ending = strstr(path, ".vgrun-real");
    if (ending != NULL) *ending = '\0';
    argv[1] = "clean";
    setenv("WORKER", "clean", 1);
    execv(path, argv);
    return 127;
  }
  dprintf(9, "%d %s %s", argc, worker == NULL ? "?" : worker, directory);
  if (strcmp(argv[1], "leak") == 0) lose();
  if (strcmp(argv[1], "crash") == 0) crash();
  if (strcmp(argv[1], "wait") == 0) {
    close(9);
    for (;;) pause();
  }
  return 0;
}
