// Is stopped by a trap signal that no debugger waits for.
// expect asan: TRAP at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: handle_sigtrap=1
#include <signal.h>

int main(void) {
  raise(SIGTRAP); // <- TRAP
  return 0;
}
