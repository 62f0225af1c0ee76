// The child of vfork(2) calls set_up before it executes true(1), and another child calls count meanwhile; it exits with 4.
// gdb --break set_up --break count: one hit in the one child, three in the other; the parent cannot be stopped at any of them.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_up(int number) {
  return number * 2;
}

static int count(int number) {
  return number + 1;
}

int main(void) {
  int start[2], counted[2];
  char byte = 0;
  pipe2(start, O_CLOEXEC);
  pipe2(counted, O_CLOEXEC);
  if (fork() == 0) {
    read(start[0], &byte, 1);
    for (int number = 1; number <= 3; number++) {
      count(number);
    }
    write(counted[1], &byte, 1);
    _exit(0);
  }
  pid_t child = vfork();
  if (child == 0) {
    set_up(21);
    write(start[1], &byte, 1);
    read(counted[0], &byte, 1);
    // The other child ends meanwhile.
    usleep(300000);
    execl("/bin/true", "true", (char *)0);
    _exit(1);
  }
  int status;
  waitpid(child, &status, 0);
  wait(0);
  return status == 0 ? 4 : 5;
}
