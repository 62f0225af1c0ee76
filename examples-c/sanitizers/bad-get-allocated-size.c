// Asks the runtime for the size of a block that it never gave.
// expect asan: bad-__sanitizer_get_allocated_size at main
// compile: gcc clang
// flags: -fsanitize=address
#include <stddef.h>

/* Of sanitizer/allocator_interface.h, which gcc does not install. */
size_t __sanitizer_get_allocated_size(const volatile void *p);

int main(void) {
  int local = 1;
  void *volatile p = &local;
  return __sanitizer_get_allocated_size(p) == 4; // <- bad-__sanitizer_get_allocated_size
}
