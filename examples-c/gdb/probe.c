// Adds up numbers in a function that is called ten times.
// gdb --break 'probe.c:13 if x > 6' --print x --print 'sum->total': 7 42, 8 56, 9 72; the output is "total 90".
#include <stdio.h>

struct sum {
  int total;
  const char *unit;
};

static int add(int x, struct sum *sum) {
  int twice = x * 2;
  (void)twice;
  sum->total += twice;
  return sum->total;
}

int main(void) {
  struct sum sum = {0, "apples"};
  for (int x = 0; x < 10; x++) {
    add(x, &sum);
  }
  printf("total %d\n", sum.total);
  return 0;
}
