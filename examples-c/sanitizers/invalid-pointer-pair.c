// Compares and subtracts pointers into two different blocks.
// expect asan: invalid-pointer-pair at is_before
// expect asan: invalid-pointer-pair at distance
// compile: gcc clang
// flags: -fsanitize=address,pointer-compare,pointer-subtract -fsanitize-recover=address
// runtime: detect_invalid_pointer_pairs=2:halt_on_error=0
#include <stdlib.h>

int is_before(char *p, char *q) {
  return p < q; // <- invalid-pointer-pair
}

long distance(char *p, char *q) {
  return p - q; // <- invalid-pointer-pair
}

int main(void) {
  char *p = malloc(10);
  char *q = malloc(10);
  int result = is_before(p, q) + (distance(p, q) == 1);
  free(p);
  free(q);
  return result == 5;
}
