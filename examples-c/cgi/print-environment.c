// A CGI program that prints what it was given, byte for byte: its environment, its arguments and its standard input.
// The document is `environment N`, a newline and N entries that end with a zero byte each; `argv N` and the arguments in the
// same way; and `body`, a newline, and all that could be read up to the end of standard input.
// replay memcheck: article.txt
// outcome memcheck: clean, status 0
#include <stdio.h>

extern char **environ;

static void print_all(const char *title, char **texts) {
  int number = 0;
  while (texts[number] != NULL) number++;
  printf("%s %d\n", title, number);
  for (int i = 0; i < number; i++) {
    fputs(texts[i], stdout);
    putchar('\0');
  }
}

int main(int argc, char **argv) {
  (void)argc;
  printf("Content-Type: application/octet-stream\r\n\r\n");
  print_all("environment", environ);
  print_all("argv", argv);
  printf("body\n");
  for (int byte = getchar(); byte != EOF; byte = getchar()) putchar(byte);
  return 0;
}
