// Frees with `delete` what malloc gave.
// expect asan: alloc-dealloc-mismatch at main
// compile: gcc clang
// flags: -fsanitize=address
#include <cstdlib>

int main() {
  int *volatile p = static_cast<int *>(malloc(sizeof(int))); // <- allocated at
  delete p;                                                  // <- alloc-dealloc-mismatch
}
