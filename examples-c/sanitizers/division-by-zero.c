// Divides by zero, which the processor refuses.
// expect asan: FPE at main
// compile: gcc clang
// flags: -fsanitize=address
int main(void) {
  volatile int one = 1, zero = 0;
  return one / zero; // <- FPE
}
