// Becomes the program that it is given, as a start script does, under a name of its own.
// gdb: what the other program does; two images of one process.
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  char *program = argv[1];
  argv[1] = "renamed";
  execv(program, argv + 1);
  perror(program);
  return 127;
}
