// Runs an instruction that no processor knows.
// expect asan: ILL at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: handle_sigill=1
int main(void) {
  __builtin_trap(); // <- ILL
}
