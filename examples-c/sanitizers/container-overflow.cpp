// Reads an element of a vector that has room for it but does not have it.
// expect asan: container-overflow at main
// compile: gcc clang
// flags: -fsanitize=address -D_GLIBCXX_SANITIZE_VECTOR
#include <vector>

int main() {
  std::vector<int> numbers;
  numbers.reserve(10);
  numbers.push_back(1);
  int *p = numbers.data();
  return p[5]; // <- container-overflow
}
