/* Its own process, a child, a grandchild that went to another folder, and a program that a child executed each crash in write_to().
   To be found: four crashes, each with write_to(), the function that called it, and main(), and their lines. */
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_to(int *place) { *place = 42; }
static void in_parent(void) { write_to(NULL); }
static void in_child(void) { write_to(NULL); }
static void in_grandchild(void) { write_to(NULL); }
static void in_executed(void) { write_to(NULL); }

int main(int count, char **words) {
  if (count > 1) in_executed();
  if (fork() == 0) {
    if (fork() == 0) {
      if (chdir("/") == 0) in_grandchild();
    }
    wait(NULL);
    in_child();
  }
  wait(NULL);
  if (fork() == 0) {
    execl("bin/executed", words[0], "executed", NULL);
    _exit(127);
  }
  wait(NULL);
  in_parent();
  return 0;
}
