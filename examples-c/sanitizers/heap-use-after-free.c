// Reads an int after its block was freed, and hands a freed block to the C library.
// expect asan: heap-use-after-free at read_freed
// expect asan: heap-use-after-free at measure_freed
// compile: gcc clang
// flags: -fsanitize=address -fsanitize-recover=address -fno-builtin
// runtime: halt_on_error=0
#include <stdlib.h>
#include <string.h>

int read_freed(char *p) {
  return *p; // <- heap-use-after-free
}

int measure_freed(char *p) {
  return strlen(p); // <- heap-use-after-free
}

int main(void) {
  char *p = calloc(1, 10); // <- allocated at
  free(p);                 // <- freed at
  return read_freed(p) + measure_freed(p) == 1;
}
