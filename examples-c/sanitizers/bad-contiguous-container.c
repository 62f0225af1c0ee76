// Tells the runtime of a container whose end is before its beginning.
// expect asan: bad-__sanitizer_annotate_contiguous_container at main
// compile: gcc clang
// flags: -fsanitize=address
#include <sanitizer/common_interface_defs.h>

int main(void) {
  static char room[64] __attribute__((aligned(8)));
  __sanitizer_annotate_contiguous_container(room, room + 64, room, room + 128); // <- bad-__sanitizer_annotate_contiguous_container
  return 0;
}
