/* Serves FastCGI requests, without a library, and computes for as many rounds as the query says. With CGI=1 in its environment it
   answers the one request that is there. Leaks nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *compute(long rounds) {
  static char text[64];
  unsigned sum = 1;
  while (rounds-- > 0) {
    unsigned *block = malloc(1000 * sizeof *block);
    for (int i = 0; i < 1000; i++) block[i] = sum = sum * 1664525u + 1013904223u;
    sum ^= block[sum % 1000];
    free(block);
  }
  snprintf(text, sizeof text, "Content-Type: text/plain\r\n\r\n%u\n", sum);
  return text;
}

static int all(int from, void *to, int size) {
  for (char *at = to; size > 0;) {
    int got = read(from, at, size);
    if (got <= 0) return 0;
    at += got;
    size -= got;
  }
  return 1;
}

static void record(int to, int type, int id, const void *content, int size) {
  unsigned char bytes[8 + 256] = {1, type, id >> 8, id & 255, size >> 8, size & 255, 0, 0};
  memcpy(bytes + 8, content, size);
  if (write(to, bytes, 8 + size) < 0) exit(1);
}

int main(void) {
  if (getenv("CGI") != NULL) {
    fputs(compute(atol(getenv("QUERY_STRING"))), stdout);
    return 0;
  }
  for (;;) {
    int s = accept(0, NULL, NULL);
    if (s < 0) return 1;
    static char content[65536 + 256];
    long rounds = 0;
    unsigned char header[8];
    int keep = 1;
    while (keep && all(s, header, 8)) {
      int size = header[4] << 8 | header[5], id = header[2] << 8 | header[3];
      if (!all(s, content, size + header[6])) break;
      content[size] = 0;
      if (header[1] == 1) keep = content[2] & 1;
      for (char *at = content; header[1] == 4 && at < content + size; at++)
        if (!memcmp(at, "QUERY_STRING", 12)) rounds = atol(at + 12);
      if (header[1] != 5 || size != 0) {
        keep = 1;
        continue;
      }
      const char *answer = compute(rounds);
      record(s, 6, id, answer, strlen(answer));
      record(s, 6, id, "", 0);
      record(s, 3, id, "\0\0\0\0\0\0\0", 8);
      break;
    }
    close(s);
  }
}
