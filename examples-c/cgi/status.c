// A CGI program that answers what the query names: good answers, and every way to get one wrong.
// replay memcheck: status.txt
// outcome memcheck: clean, status 0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
  const char *query;
  const char *text;
  int exit_code;
};

static const struct answer answers[] = {
    {"200", "Content-Type: text/plain\r\n\r\nfine\n", 0},
    {"plain-newlines", "Content-Type: text/plain\nX-Lines: end with a newline alone\n\nfine\n", 0},
    {"404", "Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno such page\n", 0},
    {"500", "Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\nno database\n", 0},
    {"204", "Status: 204 No Content\r\n\r\n", 0},
    {"redirect", "Location: https://example.com/elsewhere?token=secret\r\n\r\n", 0},
    {"local-redirect", "Location: /cgi-bin/elsewhere\r\n\r\n", 0},
    {"redirect-with-status", "Status: 303 See Other\r\nLocation: /elsewhere\r\nContent-Type: text/plain\r\n\r\nthere\n", 0},
    {"no-header", "<html><body>the header was forgotten</body></html>\n", 0},
    {"bad-header", "Content-Type text/plain\r\n\r\na colon is missing\n", 0},
    {"no-type", "X-Only: this\r\n\r\nneither type, place nor status\n", 0},
    {"bad-status", "Status: fine\r\nContent-Type: text/plain\r\n\r\nno number\n", 0},
    {"two-types", "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nwhich?\n", 0},
    {"http-line", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nonly an nph- program may write this line\n", 0},
    {"header-only", "Content-Type: text/plain\r\n", 0},
    {"nothing", "", 0},
    {"short", "Content-Type: text/plain\r\nContent-Length: 100\r\n\r\nless than was promised\n", 0},
    {"exit-3", "Content-Type: text/plain\r\n\r\nanswered, and then failed\n", 3},
};

static int answer_in_binary(void) {
  printf("Content-Type: application/octet-stream\r\n\r\n");
  for (int byte = 0; byte < 256; byte++) putchar(byte);
  return 0;
}

/** 1 MiB in lines of 64 bytes. */
static int answer_at_length(void) {
  printf("Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n", 1 << 20);
  for (int line = 0; line < (1 << 20) / 64; line++) printf("%063d\n", line);
  return 0;
}

int main(void) {
  const char *query = getenv("QUERY_STRING");
  if (query == NULL) query = "";
  if (strcmp(query, "binary") == 0) return answer_in_binary();
  if (strcmp(query, "big") == 0) return answer_at_length();
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    if (strcmp(query, answers[i].query) != 0) continue;
    fputs(answers[i].text, stdout);
    return answers[i].exit_code;
  }
  fprintf(stderr, "status: no answer is called \"%s\"\n", query);
  printf("Status: 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nno such answer\n");
  return 0;
}
