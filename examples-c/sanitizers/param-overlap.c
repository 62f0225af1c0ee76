// Copies between places that overlap, with functions that must not be asked to.
// expect asan: memcpy-param-overlap at copy_bytes
// expect asan: strcpy-param-overlap at copy_text
// expect asan: strcat-param-overlap at append_text
// compile: gcc clang
// flags: -fsanitize=address -fsanitize-recover=address -fno-builtin
// runtime: halt_on_error=0
#include <string.h>

char text[40] = "overlapping";

void copy_bytes(int distance) {
  memcpy(text + distance, text, 10); // <- memcpy-param-overlap
}

void copy_text(int distance) {
  strcpy(text + distance, text); // <- strcpy-param-overlap
}

void append_text(int distance) {
  strcat(text, text + distance); // <- strcat-param-overlap
}

int main(void) {
  copy_bytes(1);
  copy_text(2);
  append_text(3);
  return 0;
}
