// Recurses without end until the stack is used up.
// outcome memcheck: failed, signaled SIGSEGV, status 139

static int down(volatile char *above) {
  volatile char frame[4096];
  frame[0] = *above;
  return down(frame) + frame[0];
}

int main(void) {
  volatile char top = 1;
  return down(&top);
}
