// Gives up by abort(): the program failed by itself, and memcheck has nothing to blame.
// outcome memcheck: failed, signaled SIGABRT, status 134
#include <stdlib.h>

int main(void) {
  abort();
}
