// A child that works in another folder crashes, and its parent ends well: with --core the core of the child is in the run
// directory, with its pid, and the report says that SIGSEGV killed it.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_answer(int *place) { *place = 42; }

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    pid_t child = fork();
    if (child == 0) {
        if (chdir(argv[1]) != 0) _exit(3);
        // Long enough to be seen where it stands.
        usleep(200000);
        write_answer(NULL);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("child %d\n", (int)child);
    return WIFSIGNALED(status) ? 0 : 1;
}
