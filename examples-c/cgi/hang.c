// A CGI program that never ends: it waits for the end of its input, says half of an answer if the query is `half`, and sleeps.
// replay memcheck: hang.txt --timeout=4
// outcome memcheck: inconclusive
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  const char *query = getenv("QUERY_STRING");
  while (getchar() != EOF) continue;
  if (query != NULL && strcmp(query, "half") == 0) {
    printf("Content-Type: text/plain\r\nContent-Length: 100\r\n\r\nthe first half");
    fflush(stdout);
  }
  for (;;) pause();
}
