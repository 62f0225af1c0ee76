// A write one past the end of ten bytes, and a read just before them.
// expect memcheck: InvalidWrite at write_past
// expect memcheck: InvalidRead at read_before
// outcome memcheck: findings, exited 0, status 100
#include <stdlib.h>

static void write_past(char *block) {
  block[10] = 'x'; // <- InvalidWrite
}

static char read_before(const char *block) {
  return block[-1]; // <- InvalidRead
}

int main(void) {
  char *block = malloc(10);
  write_past(block);
  volatile char before = read_before(block);
  (void)before;
  free(block);
  return 0;
}
