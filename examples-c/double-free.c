// Frees the same block twice; glibc alone would abort here.
// expect memcheck: InvalidFree at main
// outcome memcheck: findings, exited 0, status 100
#include <stdlib.h>

int main(void) {
  char *p = malloc(10);
  free(p);
  free(p); // <- InvalidFree
  return 0;
}
