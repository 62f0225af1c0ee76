// Asks memmove for a negative number of bytes.
// expect asan: negative-size-param at main
// compile: gcc clang
// flags: -fsanitize=address -fno-builtin
#include <string.h>

int main(void) {
  char text[10] = "text";
  volatile int size = -5;
  memmove(text, text + 1, size); // <- negative-size-param
  return 0;
}
