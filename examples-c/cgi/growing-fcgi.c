// A FastCGI program that grows: a path that ends with /leak loses 240 bytes each time, one with /keep keeps 100 bytes more.
// Built with libfcgi, so it is a CGI program as well where descriptor 0 is no listening socket.
// replay memcheck: paths.txt --repeat 10
// expect memcheck: Leak_DefinitelyLost at lose_block, 2400 bytes in 10 blocks, request 2
// outcome memcheck: findings, status 100
#include <fcgi_stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
  struct kept *next;
  char text[];
};

static struct kept *all_kept;

static void lose_block(int number) {
  char *block = malloc(240); // <- Leak_DefinitelyLost
  if (block != NULL) snprintf(block, 240, "request %d", number);
}

static void keep_block(int number) {
  struct kept *block = malloc(100);
  if (block == NULL) return;
  snprintf(block->text, 100 - sizeof *block, "request %d", number);
  block->next = all_kept;
  all_kept = block;
}

/** Whether the path of the request ends so; a server may have put any part of it into SCRIPT_NAME. */
static int path_ends_with(const char *end) {
  const char *info = getenv("PATH_INFO");
  const char *path = info != NULL && *info != '\0' ? info : getenv("SCRIPT_NAME");
  if (path == NULL || strlen(path) < strlen(end)) return 0;
  return strcmp(path + strlen(path) - strlen(end), end) == 0;
}

int main(void) {
  for (int number = 1; FCGI_Accept() >= 0; number++) {
    if (path_ends_with("/leak")) lose_block(number);
    if (path_ends_with("/keep")) keep_block(number);
    printf("Content-Type: text/plain\r\n\r\nrequest %d\n", number);
  }
  return 0;
}
