// Writes through a null pointer in a build for data races.
// expect tsan: SEGV at main
// compile: gcc clang
// flags: -fsanitize=thread
int main(void) {
  int *volatile p = 0;
  *p = 1; // <- SEGV
  return 0;
}
