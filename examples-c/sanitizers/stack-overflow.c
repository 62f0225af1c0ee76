// Calls itself until the stack is used up.
// expect asan: stack-overflow at recurse
// compile: gcc clang
// flags: -fsanitize=address
int recurse(int depth) {    // <- stack-overflow
  volatile char room[1000]; // <- stack-overflow
  room[0] = depth;          // <- stack-overflow
  return recurse(depth + 1) + room[0]; // <- stack-overflow
}

int main(void) { return recurse(0); }
