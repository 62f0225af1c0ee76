// What C++ leaves undefined besides: types of objects and functions, values of enumerations, references to nothing.
// expect ubsan: vptr at call_stranger
// expect ubsan: vptr at cast_stranger
// expect ubsan: enum at read_enum
// expect ubsan: null at bind_null
// expect ubsan: null at call_null
// expect ubsan clang: function at call_wrong
// compile: gcc clang
// flags: -fsanitize=undefined
#include <cstdlib>

struct Base {
  virtual ~Base() {}
  virtual int value() { return 1; }
};

struct Derived : Base {
  int value() override { return 3; }
  int own() { return 4; }
};

struct Stranger {
  virtual ~Stranger() {}
  virtual int value() { return 5; }
};

struct Plain {
  int value() { return 2; }
};

enum Colour { red, green };

int call_stranger(void *p) {
  return static_cast<Base *>(p)->value(); // <- vptr
}

Derived *cast_stranger(Base *p) {
  return static_cast<Derived *>(p); // <- vptr
}

int read_enum(Colour *p) {
  return *p; // <- enum
}

int &bind_null(int *p) {
  return *p; // <- null
}

int call_null(Plain *p) {
  return p->value(); // <- null
}

void takes_int(int) {}

void call_wrong(void (*function)(long)) {
  function(1); // <- function
}

int main() {
  Stranger stranger;
  Base base;
  int number = 77;
  call_stranger(&stranger);
  cast_stranger(&base);
  read_enum(reinterpret_cast<Colour *>(&number));
  bind_null(nullptr);
  call_null(nullptr);
  call_wrong(reinterpret_cast<void (*)(long)>(takes_int));
}
