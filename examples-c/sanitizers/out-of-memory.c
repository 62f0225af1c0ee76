// Asks for memory that the system refuses.
// expect asan: out-of-memory at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: allocator_may_return_null=0
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

int main(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  fscanf(file, "%lu", &pages);
  fclose(file);
  /* A little more than the process has: the runtime needs some to report. */
  rlim_t limit = pages * 4096 + (256 << 20);
  struct rlimit limits = {limit, limit};
  setrlimit(RLIMIT_AS, &limits);
  char *volatile p = malloc((size_t)1 << 30); // <- out-of-memory
  free(p);
  return 0;
}
