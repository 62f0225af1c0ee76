// Deletes an object as if it were of a smaller class, without a virtual destructor.
// expect asan: new-delete-type-mismatch at main
// compile: gcc clang
// flags: -fsanitize=address -fsized-deallocation
struct Small {
  char bytes[8];
};
struct Large : Small {
  char more[56];
};

int main() {
  Small *volatile p = new Large; // <- allocated at
  delete p;                      // <- new-delete-type-mismatch
}
