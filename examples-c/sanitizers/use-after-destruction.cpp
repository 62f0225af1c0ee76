// Reads a member of an object after its destructor has run.
// expect msan: use-of-uninitialized-value at main
// compile: clang
// flags: -fsanitize=memory -fsanitize-memory-use-after-dtor -fsanitize-memory-track-origins=2
// runtime: poison_in_dtor=1
#include <new>

struct Holder {
  int value = 1;
  ~Holder() { value = 2; } // <- created at
};

int main() {
  alignas(Holder) char room[sizeof(Holder)];
  Holder *holder = new (room) Holder;
  holder->~Holder();
  if (holder->value == 2) return 1; // <- use-of-uninitialized-value
}
