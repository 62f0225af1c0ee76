// Reads more than an object has, where only the optimiser knows which object it is.
// expect ubsan: object-size at read_large
// compile: gcc clang
// flags: -fsanitize=object-size -O1
struct large {
  int numbers[4];
};

int main(void);

__attribute__((noinline)) int read_large(void) {
  int small = 1;
  struct large *p = (struct large *)&small;
  return p->numbers[3]; // <- object-size
}

int main(void) { return read_large() == 5; }
