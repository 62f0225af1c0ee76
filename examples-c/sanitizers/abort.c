// Aborts.
// expect asan: ABRT at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: handle_abort=1
#include <stdlib.h>

int main(void) {
  abort(); // <- ABRT
}
