// Copies a text onto itself, two bytes further, and one byte back.
// mempcpy stands for memcpy: where glibc serves that one with memmove's code, memcheck stays silent.
// expect memcheck: Overlap at copy_bytes
// expect memcheck: Overlap at copy_text
// outcome memcheck: findings, exited 0, status 100
#define _GNU_SOURCE
#include <string.h>

static void copy_bytes(char *text, size_t length) {
  mempcpy(text + 2, text, length); // <- Overlap
}

static void copy_text(char *text) {
  strcpy(text, text + 1); // <- Overlap
}

int main(void) {
  char text[32] = "0123456789";
  copy_bytes(text, strlen(text));
  copy_text(text);
  return 0;
}
