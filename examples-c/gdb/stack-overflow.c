// Calls itself until the stack is full: SIGSEGV just below the stack.
// Find: pointer `stack guard`; frames of depth_of, those in the middle left out, main outermost. Build: gcc -g -O0
__attribute__((noinline)) static int depth_of(int depth) {
  volatile char room[100];
  room[depth % 100] = 1;
  return depth_of(depth + 1) + room[0]; /* <- SIGSEGV, sooner or later */
}

int main(void) {
  return depth_of(0);
}
