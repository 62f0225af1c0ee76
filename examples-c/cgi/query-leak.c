// A CGI program that loses 100 bytes when the query holds name=leak, and nothing otherwise.
// The same goes for the body of a POST, where 240 bytes are lost.
// replay memcheck: query-leak.txt
// expect memcheck: Leak_DefinitelyLost at lose_query, 100 bytes in 1 blocks, request 2
// expect memcheck: Leak_DefinitelyLost at lose_body, 240 bytes in 1 blocks, request 4
// outcome memcheck: findings, status 100
//
// replay memcheck: article.txt
// expect memcheck: Leak_DefinitelyLost at lose_query, 100 bytes in 1 blocks, request 1
// outcome memcheck: findings, status 100
//
// replay memcheck: copied.curl
// expect memcheck: Leak_DefinitelyLost at lose_query, 100 bytes in 1 blocks, request 1
// outcome memcheck: findings, status 100
//
// replay memcheck: http://localhost/cgi-bin/query-leak?name=clean
// outcome memcheck: clean, status 0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The value of a variable that the server may have left out. */
static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? "" : value;
}

/** Whether a form, `a=1&name=leak`, holds this field; nothing is decoded. */
static int holds(const char *form, const char *field) {
  size_t length = strlen(field);
  while (form != NULL) {
    if (strncmp(form, field, length) == 0 && (form[length] == '&' || form[length] == '\0')) return 1;
    form = strchr(form, '&');
    if (form != NULL) form++;
  }
  return 0;
}

static void lose_query(void) {
  char *copy = malloc(100); // <- Leak_DefinitelyLost
  if (copy != NULL) strcpy(copy, "the query");
}

static void lose_body(void) {
  char *copy = malloc(240); // <- Leak_DefinitelyLost
  if (copy != NULL) strcpy(copy, "the body");
}

int main(void) {
  const char *query = variable("QUERY_STRING");
  char body[1024] = "";
  size_t length = 0;
  if (strcmp(variable("REQUEST_METHOD"), "POST") == 0) {
    size_t promised = strtoul(variable("CONTENT_LENGTH"), NULL, 10);
    if (promised > sizeof body - 1) promised = sizeof body - 1;
    length = fread(body, 1, promised, stdin);
    body[length] = '\0';
  }
  if (holds(query, "name=leak")) lose_query();
  if (holds(body, "name=leak")) lose_body();
  printf("Content-Type: text/plain\r\n\r\n");
  printf("%s %s, cookie %s, body of %zu bytes\n", variable("REQUEST_METHOD"), query, variable("HTTP_COOKIE"), length);
  return 0;
}
