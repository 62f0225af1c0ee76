// Reads through a null pointer in a build for undefined behaviour.
// expect ubsan: null at main
// expect ubsan clang: SEGV at main
// compile: gcc clang
// flags: -fsanitize=undefined
int main(void) {
  int *volatile p = 0;
  return *p; // <- null, SEGV
}
