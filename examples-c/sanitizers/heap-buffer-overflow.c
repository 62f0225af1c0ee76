// Reads past the end of a heap block, before its beginning, and writes past its end.
// expect asan: heap-buffer-overflow at read_past
// expect asan: heap-buffer-overflow at read_before
// expect asan: heap-buffer-overflow at write_past
// compile: gcc clang
// flags: -fsanitize=address -fsanitize-recover=address
// runtime: halt_on_error=0
#include <stdlib.h>

int read_past(int *p) {
  return p[10]; // <- heap-buffer-overflow
}

int read_before(int *p) {
  return p[-1]; // <- heap-buffer-overflow
}

void write_past(char *p) {
  p[40] = 1; // <- heap-buffer-overflow
}

int main(void) {
  int *p = malloc(40); // <- allocated at
  p[0] = 0;
  int sum = read_past(p) + read_before(p);
  write_past((char *)p);
  free(p);
  return sum == 1;
}
