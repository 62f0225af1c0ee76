// Copies within one buffer.
#include <string.h>

char buffer[40] = "0123456789012345";

__attribute__((noinline)) void shift(char *to, const char *from) {
  strcpy(to, from);
}

__attribute__((noinline)) void append(char *to, const char *from) {
  strncat(to, from, 20);
}

int main(void) {
  shift(buffer + 20, buffer + 4);
  shift(buffer, buffer + 2);
  append(buffer, buffer + 1);
  return 0;
}
