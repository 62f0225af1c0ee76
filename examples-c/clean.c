// Nothing is wrong here.
// options memcheck: --leak-check=full
// outcome memcheck: clean, exited 0, status 0
// outcome helgrind: clean, exited 0, status 0
// outcome drd: clean, exited 0, status 0
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  char *line = malloc(32);
  snprintf(line, 32, "%s", "all is well");
  puts(line);
  free(line);
  return 0;
}
