// The article's first program: `new char(10)` is one char with the value 10, not ten chars, and it is never deleted.
// options memcheck: --leak-check=full
// expect memcheck: Leak_DefinitelyLost at main, 1 bytes in 1 blocks
// outcome memcheck: findings, exited 0, status 100

int main() {
  char *p = new char(10); // <- Leak_DefinitelyLost
  return *p == 10 ? 0 : 1;
}
