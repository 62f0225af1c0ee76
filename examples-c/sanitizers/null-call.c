// Calls a function through a null pointer. Nothing has made a frame for it yet, so the call itself is not in the stack.
// expect asan: SEGV at main
// compile: gcc clang
// flags: -fsanitize=address
int call(int (*volatile function)(void)) { return function(); }

int main(void) {
  return call(0); // <- SEGV
}
