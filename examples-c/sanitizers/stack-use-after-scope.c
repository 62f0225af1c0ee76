// Reads a variable whose block is over.
// expect asan: stack-use-after-scope at main
// compile: gcc clang
// flags: -fsanitize=address -fsanitize-address-use-after-scope
int main(void) {
  int *volatile p;
  {
    int inner = 1;
    p = &inner;
  }
  return *p; // <- stack-use-after-scope
}
