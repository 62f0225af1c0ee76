// Reads freed memory, then becomes another program in the same process. valgrind starts its log anew at the exec.
// options memcheck: --leak-check=full
// expect memcheck: InvalidRead at first_program
// expect memcheck: Leak_DefinitelyLost at second_program, 50 bytes in 1 blocks
// outcome memcheck: findings, exited 0, status 100, processes 1
#include <stdlib.h>
#include <unistd.h>

static void first_program(void) {
  int *p = malloc(sizeof *p);
  *p = 1;
  free(p);
  volatile int copy = *p; // <- InvalidRead
  (void)copy;
}

static int second_program(void) {
  malloc(50); // <- Leak_DefinitelyLost
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) return second_program();
  first_program();
  execl(argv[0], argv[0], "second", (char *)NULL);
  return 127;
}
