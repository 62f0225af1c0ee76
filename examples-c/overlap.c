// Copies a text onto itself, two bytes further.
// memcpy is called by its checked name: glibc may serve the plain one with memmove, for which memcheck stays silent.
// expect memcheck: Overlap at copy_bytes
// expect memcheck: Overlap at copy_text
// outcome memcheck: findings, exited 0, status 100
#include <string.h>

static void copy_bytes(char *text, size_t length) {
  __builtin___memcpy_chk(text + 2, text, length, 30); // <- Overlap
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
