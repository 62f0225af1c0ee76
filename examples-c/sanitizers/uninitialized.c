// Decides on what was never given a value: on the heap, on the stack, copied, passed on, freed, and handed to the system.
// expect msan: use-of-uninitialized-value at branch_on_heap
// expect msan: use-of-uninitialized-value at branch_on_stack
// expect msan: use-of-uninitialized-value at branch_on_copy
// expect msan: use-of-uninitialized-value at branch_on_freed
// expect msan: use-of-uninitialized-value at index_by
// expect msan: use-of-uninitialized-value at write_out
// expect msan: use-of-uninitialized-value at compare
// compile: clang
// flags: -fsanitize=memory -fsanitize-memory-track-origins=2 -fsanitize-recover=memory
// flags: -fsanitize=memory -fsanitize-recover=memory
// runtime: halt_on_error=0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int branch_on_heap(void) {
  int *volatile p = malloc(sizeof *p); // <- created at
  if (*p) return 1;                    // <- use-of-uninitialized-value
  return 0;
}

int branch_on_stack(void) { // <- created at
  int local;
  int *volatile p = &local;
  if (*p) return 1; // <- use-of-uninitialized-value
  return 0;
}

int branch_on_copy(void) {
  int *from = malloc(40);
  int to[10];
  memcpy(to, from, 40);       // <- stored at
  int *volatile p = &to[3];
  if (*p == 7) return 1; // <- use-of-uninitialized-value
  return 0;
}

int branch_on_freed(void) {
  int *volatile p = calloc(1, sizeof *p);
  free(p);             // <- created at
  if (*p) return 1; // <- use-of-uninitialized-value
  return 0;
}

int index_by(int *numbers) {
  int index;
  int *volatile p = &index;
  return numbers[*p & 1]; // <- use-of-uninitialized-value
}

void write_out(void) {
  char bytes[8];
  write(open("/dev/null", O_WRONLY), bytes, sizeof bytes); // <- use-of-uninitialized-value
}

int compare(void) {
  char bytes[8];
  return memcmp(bytes, "12345678", 8) == 0; // <- use-of-uninitialized-value
}

int main(void) {
  int numbers[2] = {1, 2};
  int sum = branch_on_heap() + branch_on_stack() + branch_on_copy() + branch_on_freed();
  index_by(numbers);
  write_out();
  compare();
  return 0;
}
