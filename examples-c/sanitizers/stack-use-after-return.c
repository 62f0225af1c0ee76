// Reads a local variable of a function that has returned.
// expect asan: stack-use-after-return at main
// compile: gcc clang
// flags: -fsanitize=address
// runtime: detect_stack_use_after_return=1
int *address_of_local(void) {
  int local = 1;
  int *volatile address = &local;
  return address;
}

int main(void) {
  int *p = address_of_local();
  return *p; // <- stack-use-after-return
}
