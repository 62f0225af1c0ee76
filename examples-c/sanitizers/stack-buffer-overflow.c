// Writes past the end of an array on the stack, and reads before the beginning of one.
// expect asan: stack-buffer-overflow at write_past
// expect asan: stack-buffer-underflow at read_before
// compile: gcc clang
// flags: -fsanitize=address -fsanitize-recover=address
// runtime: halt_on_error=0
void write_past(int index) {
  int numbers[10];
  int *volatile p = numbers;
  p[index] = 1; // <- stack-buffer-overflow
}

int read_before(int index) {
  int numbers[10] = {1};
  return numbers[index]; // <- stack-buffer-underflow
}

int main(void) {
  write_past(10);
  return read_before(-1) == 1;
}
