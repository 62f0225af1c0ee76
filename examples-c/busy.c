// Sorts numbers and keeps small blocks coming and going; the argument says how many rounds. `npm run bench` uses it.
// outcome memcheck: clean, exited 0, status 0
#include <stdio.h>
#include <stdlib.h>

enum { numbers = 20000 };

static int by_value(const void *left, const void *right) {
  unsigned a = *(const unsigned *)left, b = *(const unsigned *)right;
  return (a > b) - (a < b);
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 1;
  unsigned seed = 1, sum = 0;
  for (int round = 0; round < rounds; round++) {
    unsigned *block = malloc(numbers * sizeof *block);
    for (int i = 0; i < numbers; i++) block[i] = seed = seed * 1664525u + 1013904223u;
    qsort(block, numbers, sizeof *block, by_value);
    sum += block[numbers / 2];
    free(block);
  }
  printf("%u\n", sum);
  return 0;
}
