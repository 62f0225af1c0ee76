// Three errors of memcheck, each in a place of its own: a read behind a block in sum_of (count is 4, sum is 3), a jump that depends
// on what nobody wrote in is_lucky, and a write into a freed block in errors. It ends with 3. With `fork` a child makes the same
// errors before.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int sum_of(const int *values, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) sum += values[i];
    return sum;
}

static int is_lucky(const int *number) {
    if (*number == 7) return 1;
    return 0;
}

static void errors(void) {
    int *values = malloc(3 * sizeof *values);
    int *number = malloc(sizeof *number);
    for (int i = 0; i < 3; i++) values[i] = 1;
    printf("sum %d\n", sum_of(values, 4) > 0);
    printf("lucky %d\n", is_lucky(number) & 2);
    free(number);
    free(values);
    values[1] = 5;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "fork") == 0) {
        pid_t child = fork();
        if (child == 0) {
            errors();
            fflush(stdout);
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
    errors();
    puts("the end");
    return 3;
}
