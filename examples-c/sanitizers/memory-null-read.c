// Reads through a null pointer in a build for uninitialised values.
// expect msan: SEGV at main
// compile: clang
// flags: -fsanitize=memory
int main(void) {
  int *volatile p = 0;
  return *p; // <- SEGV
}
