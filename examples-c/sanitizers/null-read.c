// Reads through a null pointer.
// expect asan: SEGV at main
// compile: gcc clang
// flags: -fsanitize=address
int main(void) {
  int *volatile p = 0;
  return *p; // <- SEGV
}
