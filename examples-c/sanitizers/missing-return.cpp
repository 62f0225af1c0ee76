// Leaves a function without the value that it promised.
// expect ubsan: return at no_value
// compile: gcc clang
// flags: -fsanitize=undefined
int no_value(int a) { // <- return
  if (a > 0) return a; // <- return
}

int main() { return no_value(-1); }
