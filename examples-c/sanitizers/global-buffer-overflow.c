// Reads past the end of a global array.
// expect asan: global-buffer-overflow at read_past
// compile: gcc clang
// flags: -fsanitize=address
int numbers[10] = {1};

int read_past(int index) {
  return numbers[index]; // <- global-buffer-overflow
}

int main(void) { return read_past(10); }
