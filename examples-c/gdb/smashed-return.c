// Writes past the end of an array and so over the return address. The argument chooses with what: `far` 0x4141414141414141, which is
// no address (the function stands on its `ret`), `near` 0x41414141, where nothing is mapped, `zero` 0.
// Find: SIGSEGV; fill, called by handle and main, although no return address leads there. Build: gcc -g -O0 -fno-stack-protector
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static void fill(unsigned long word) {
  unsigned long place[2];
  for (volatile int index = 0; index < 4; index++)
    memcpy(&place[index], &word, sizeof word);
} /* <- SIGSEGV: the return address is the fourth word */

__attribute__((noinline)) static int handle(const char *how) {
  fill(strcmp(how, "far") == 0 ? 0x4141414141414141ul : strcmp(how, "near") == 0 ? 0x41414141ul : 0);
  return 1;
}

int main(int count, char **words) {
  return handle(count > 1 ? words[1] : "far") + 1;
}
