// Writes as many MiB of text to stdout as its argument says. `npm run bench` uses it.
// outcome memcheck: clean, exited 0, status 0
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  static char block[1 << 16];
  memset(block, 'x', sizeof block);
  for (size_t i = 63; i < sizeof block; i += 64) block[i] = '\n';
  int blocks = (argc > 1 ? atoi(argv[1]) : 1) * 16;
  while (blocks-- > 0) {
    for (size_t done = 0; done < sizeof block;) {
      ssize_t wrote = write(STDOUT_FILENO, block + done, sizeof block - done);
      if (wrote < 0) return 1;
      done += wrote;
    }
  }
  return 0;
}
