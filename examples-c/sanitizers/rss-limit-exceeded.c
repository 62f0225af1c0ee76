// Asks for memory after the limit that the runtime was given has been passed.
// expect asan: rss-limit-exceeded at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: allocator_may_return_null=0:soft_rss_limit_mb=60
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  size_t size = 100 << 20;
  char *volatile large = malloc(size);
  memset(large, 1, size);
  // The runtime looks ten times a second.
  for (int i = 0; i < 1000; i++) {
    char *volatile small = malloc(10); // <- rss-limit-exceeded
    free(small);
    usleep(10000);
  }
  free(large);
  return 0;
}
