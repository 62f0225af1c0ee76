// Ends with status 7 and does nothing wrong.
// outcome memcheck: failed, exited 7, status 7

int main(void) {
  return 7;
}
