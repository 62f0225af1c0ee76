// A CGI program that copies the cookie into 64 bytes and, when it is longer, forgets to end the copy.
// replay memcheck: long-cookie.txt
// expect memcheck: InvalidRead at count_fields, request 2
// outcome memcheck: findings, status 100
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { room = 64 };

static int count_fields(const char *cookie) {
  int fields = 0;
  for (int at = 0; cookie[at] != '\0'; at++) { // <- InvalidRead
    if (cookie[at] == '=') fields++;
    if (at > room + 8) break; /* far enough: what lies behind is not ours */
  }
  return fields;
}

int main(void) {
  const char *cookie = getenv("HTTP_COOKIE");
  if (cookie == NULL) cookie = "";
  char *copy = malloc(room);
  if (copy == NULL) return 1;
  size_t length = strlen(cookie);
  if (length < room) {
    memcpy(copy, cookie, length + 1);
  } else {
    memcpy(copy, cookie, room); /* without the zero at its end */
  }
  int fields = count_fields(copy);
  free(copy);
  printf("Content-Type: text/plain\r\n\r\n%d fields\n", fields);
  return 0;
}
