// A FastCGI program with an error for each of three paths, /uninitialised, /invalid-read and /freed, and none for others.
// replay memcheck: errors.txt
// expect memcheck: UninitCondition at judge_flag, request 2
// expect memcheck: InvalidRead at read_past, request 3
// expect memcheck: InvalidRead at read_freed, request 4
// outcome memcheck: findings, status 100
#include <fcgi_stdio.h>
#include <stdlib.h>
#include <string.h>

static int judge_flag(void) {
  int *flags = malloc(4 * sizeof *flags);
  if (flags == NULL) return 0;
  flags[0] = 1;
  int answer = 2;
  if (flags[3] == 1) answer = 3; // <- UninitCondition
  free(flags);
  return answer;
}

/* volatile: the compiler would warn of it */
static int read_past(const char *volatile block) {
  return block[16]; // <- InvalidRead
}

static int read_freed(const char *block) {
  return block[0]; // <- InvalidRead
}

/** The path of the request, or its end, behind the name of the program. */
static const char *path_of_request(void) {
  const char *info = getenv("PATH_INFO");
  const char *path = info != NULL && *info != '\0' ? info : getenv("SCRIPT_NAME");
  const char *slash = path == NULL ? NULL : strrchr(path, '/');
  return slash == NULL ? "/" : slash;
}

int main(void) {
  volatile int seen = 0;
  while (FCGI_Accept() >= 0) {
    const char *path = path_of_request();
    char *block = calloc(16, 1);
    if (block == NULL) return 1;
    if (strcmp(path, "/uninitialised") == 0) seen = judge_flag();
    if (strcmp(path, "/invalid-read") == 0) seen = read_past(block);
    /* the compiler shall not see what becomes of it */
    const char *volatile freed = block;
    free(block);
    if (strcmp(path, "/freed") == 0) seen = read_freed(freed);
    printf("Content-Type: text/plain\r\n\r\n%s\n", path);
  }
  return seen < 0;
}
