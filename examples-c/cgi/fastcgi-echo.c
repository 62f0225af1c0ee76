/* A well-behaved FastCGI responder on libfcgi: says what it was asked, and does what QUERY_STRING says.
 *
 *   echo    gives the body back while it reads it
 *   sum     the length of the body and the sum of its bytes
 *   early   answers without reading the body
 *   log     writes a line to the error stream
 *   lose    loses 240 bytes
 *   else    its environment, one variable a line
 *
 * With the argument "deaf" it looks at its SIGTERM only when a request comes, as MapServer does.
 *
 * Build: cc fastcgi-echo.c -lfcgi
 */
#include <fcgi_stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static void lose(void) {
  char *lost = malloc(240);
  lost[0] = 1;
}

static volatile sig_atomic_t asked_to_end;
static void on_term(int number) { asked_to_end = number; }

int main(int count, char **words) {
  static char buffer[65536];
  int request = 0;
  /* libfcgi has a handler of its own, which it does not install over another. */
  if (count > 1 && strcmp(words[1], "deaf") == 0) signal(SIGTERM, on_term);
  while (FCGI_Accept() >= 0 && !asked_to_end) {
    const char *query = getenv("QUERY_STRING");
    if (query == NULL) query = "";
    printf("Content-Type: text/plain\r\nX-Request: %d\r\n\r\n", ++request);
    if (strcmp(query, "echo") == 0) {
      for (size_t length; (length = fread(buffer, 1, sizeof buffer, stdin)) > 0;) fwrite(buffer, 1, length, stdout);
    } else if (strcmp(query, "sum") == 0) {
      unsigned long long bytes = 0, sum = 0;
      for (size_t length; (length = fread(buffer, 1, sizeof buffer, stdin)) > 0; bytes += length)
        for (size_t at = 0; at < length; at++) sum += (unsigned char)buffer[at];
      printf("%llu %llu\n", bytes, sum);
    } else if (strcmp(query, "log") == 0) {
      fprintf(stderr, "request %d was logged\n", request);
    } else if (strcmp(query, "lose") == 0) {
      lose();
    } else if (strcmp(query, "early") != 0) {
      for (char **variable = environ; *variable; variable++) printf("%s\n", *variable);
    }
  }
  return 0;
}
