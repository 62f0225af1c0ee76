// Memory that was never written decides a branch, then an address.
// options memcheck: --track-origins=yes
// expect memcheck: UninitCondition at branch
// expect memcheck: UninitValue at look_up
// outcome memcheck: findings, exited 0, status 100
#include <stdlib.h>

static const int squares[] = {0, 1, 4, 9};

static int branch(const int *block) {
  if (block[0] > 0) return 1; // <- UninitCondition
  return 2;
}

static int look_up(const int *block) {
  return squares[block[1] & 3]; // <- UninitValue
}

int main(void) {
  int *block = malloc(2 * sizeof *block);
  volatile int sum = branch(block);
  sum += look_up(block);
  free(block);
  return 0;
}
