// Reads a page of a file behind the end of the file.
// expect asan: BUS at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: handle_sigbus=1
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>

int main(void) {
  FILE *empty = tmpfile();
  volatile char *p = mmap(0, 4096, PROT_READ, MAP_SHARED, fileno(empty), 0);
  return *p; // <- BUS
}
