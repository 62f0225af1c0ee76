// One block of each leak kind. The lost list is one record of 24 bytes: 8 lost directly and 16 through them.
// options memcheck: --leak-check=full --show-leak-kinds=all
// expect memcheck: Leak_DefinitelyLost at lose_list, 24 bytes in 1 blocks
// expect memcheck: Leak_IndirectlyLost at lose_list, 16 bytes in 1 blocks
// expect memcheck: Leak_PossiblyLost at keep_inside, 1000 bytes in 1 blocks
// expect memcheck: Leak_StillReachable at keep, 300 bytes in 1 blocks
// outcome memcheck: findings, exited 0, status 100
#include <stdlib.h>

static char *inside;
static void *kept;

static void lose_list(void) {
  void **head = malloc(sizeof(void *)); // <- Leak_DefinitelyLost
  *head = malloc(16);                   // <- Leak_IndirectlyLost
}

static void keep_inside(void) {
  char *block = malloc(1000); // <- Leak_PossiblyLost
  inside = block + 500;
}

static void keep(void) {
  kept = malloc(300); // <- Leak_StillReachable
}

/* Overwrites what the calls above left on the stack, so that no stale pointer keeps the list reachable. */
static int scrub(void) {
  volatile char zeros[4096];
  for (size_t i = 0; i < sizeof zeros; i++) zeros[i] = 0;
  return zeros[17];
}

int main(void) {
  lose_list();
  keep_inside();
  keep();
  return scrub();
}
