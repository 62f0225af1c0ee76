// Writes through a null pointer: an invalid write, and then the signal that ends the program.
// expect memcheck: InvalidWrite at main
// outcome memcheck: findings, signaled SIGSEGV, status 139

int main(void) {
  volatile int *nowhere = 0;
  *nowhere = 1; // <- InvalidWrite
  return 0;
}
