// A supervisor that forks and starts workers by their path, as servers of the prefork kind do: `supervisor WORKER WORD…` starts
// one worker for each word, gives it the word, a descriptor and a variable, and prints what became of each, in order.
// With `vgrun shim install WORKER` each of the workers is looked at, and the supervisor notices nothing but time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int failed = 0;
  for (int word = 2; word < argc; word++) {
    int ends[2];
    if (pipe(ends) != 0) return 2;
    pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      if (dup2(ends[1], 9) < 0) _exit(126);
      close(ends[1]);
      setenv("WORKER", argv[word], 1);
      if (chdir("/") != 0) _exit(126);
      execl(argv[1], argv[1], argv[word], "two words", "", (char *)NULL);
      _exit(127);
    }
    close(ends[1]);
    char answer[64] = "";
    ssize_t length = 0, got;
    while ((got = read(ends[0], answer + length, sizeof answer - 1 - (size_t)length)) > 0) length += got;
    close(ends[0]);
    int status;
    if (waitpid(child, &status, 0) != child) return 2;
    printf("%s: %s, %s %d\n", argv[word], answer, WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    failed |= status;
  }
  return failed != 0;
}
