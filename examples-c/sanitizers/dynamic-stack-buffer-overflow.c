// Writes past the end of an array of variable length, and of what alloca gave.
// expect asan: dynamic-stack-buffer-overflow at past_array
// expect asan: dynamic-stack-buffer-overflow at past_alloca
// compile: gcc clang
// flags: -fsanitize=address -fsanitize-recover=address
// runtime: halt_on_error=0
#include <alloca.h>

void past_array(int length) {
  volatile char text[length];
  text[length] = 1; // <- dynamic-stack-buffer-overflow
}

void past_alloca(int length) {
  volatile char *text = alloca(length);
  text[length] = 1; // <- dynamic-stack-buffer-overflow
}

int main(void) {
  past_array(32);
  past_alloca(32);
  return 0;
}
