// A program that speaks SCGI on descriptor 0, one connection after the other: a path that ends with /leak loses 240 bytes.
// It does nothing about SIGTERM, so a server ends it by that.
// replay memcheck: paths.txt --mode=scgi --repeat 3
// expect memcheck: Leak_DefinitelyLost at lose_block, 720 bytes in 3 blocks, request 2
// outcome memcheck: findings, status 100
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void lose_block(void) {
  char *block = malloc(240); // <- Leak_DefinitelyLost
  if (block != NULL) memset(block, 'x', 240);
}

/** Reads the length of a netstring and the colon behind it; -1 where there is none. */
static long read_length(FILE *in) {
  long length;
  if (fscanf(in, "%9ld", &length) != 1 || getc(in) != ':') return -1;
  return length;
}

/** The value behind a name, where names and values end with a zero byte each; empty when it is not there. */
static const char *value_of(const char *head, long length, const char *name) {
  for (const char *at = head; at < head + length;) {
    const char *value = at + strlen(at) + 1;
    if (strcmp(at, name) == 0) return value;
    at = value + strlen(value) + 1;
  }
  return "";
}

static int ends_with(const char *text, const char *end) {
  size_t length = strlen(text);
  return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static void serve(FILE *in, FILE *out) {
  long length = read_length(in);
  if (length < 0) return;
  char *head = calloc(1, (size_t)length + 2);
  if (head == NULL) return;
  if (fread(head, 1, (size_t)length, in) == (size_t)length && getc(in) == ',') {
    long left = atol(value_of(head, length, "CONTENT_LENGTH"));
    long sum = 0;
    for (int byte; left > 0 && (byte = getc(in)) != EOF; left--) sum++;
    if (ends_with(value_of(head, length, "REQUEST_URI"), "/leak")) lose_block();
    fprintf(out, "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nbody of %ld bytes\n", sum);
  }
  free(head);
}

int main(void) {
  for (;;) {
    int connection = accept(0, NULL, NULL);
    if (connection < 0) return 1;
    FILE *in = fdopen(connection, "r");
    FILE *out = fdopen(dup(connection), "w");
    if (in != NULL && out != NULL) serve(in, out);
    if (out != NULL) fclose(out);
    if (in != NULL) fclose(in);
  }
}
