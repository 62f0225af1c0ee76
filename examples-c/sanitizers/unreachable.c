// Comes to a place of which the program said that nothing does.
// expect ubsan: unreachable at choose
// compile: gcc clang
// flags: -fsanitize=undefined
int choose(int a) {
  if (a > 0) return a;
  __builtin_unreachable(); // <- unreachable
}

int main(void) { return choose(-1); }
