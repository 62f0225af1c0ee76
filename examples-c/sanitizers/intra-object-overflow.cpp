// Writes past a member of an object into the gap behind it.
// expect asan: intra-object-overflow at write_past
// compile: clang
// flags: -fsanitize=address -fsanitize-address-field-padding=1
class Pair {
 public:
  int first[3];
  int second = 2;
  Pair() {}
  ~Pair() {}

 private:
  int third = 3;
};

void write_past(Pair *pair, int index) {
  pair->first[index] = 1; // <- intra-object-overflow
}

int main() {
  Pair *pair = new Pair;
  write_past(pair, 3);
  delete pair;
}
