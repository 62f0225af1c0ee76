// A CGI program that takes files (multipart/form-data) and loses the name of each of them.
// replay memcheck: upload.txt
// expect memcheck: Leak_DefinitelyLost at copy_name, 24 bytes in 2 blocks, request 1
// outcome memcheck: findings, status 100
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Where the text is in these bytes, which may hold zeros; NULL when it is not. */
static char *find(char *from, const char *end, const char *text) {
  size_t length = strlen(text);
  for (; from + length <= end; from++) {
    if (memcmp(from, text, length) == 0) return from;
  }
  return NULL;
}

static char *copy_name(const char *name, size_t length) {
  char *copy = malloc(length + 1); // <- Leak_DefinitelyLost
  if (copy == NULL) exit(1);
  memcpy(copy, name, length);
  copy[length] = '\0';
  return copy;
}

static int refuse(const char *status) {
  printf("Status: %s\r\nContent-Type: text/plain\r\n\r\n%s\n", status, status);
  return 0;
}

int main(void) {
  const char *type = getenv("CONTENT_TYPE");
  const char *length = getenv("CONTENT_LENGTH");
  const char *boundary = type == NULL ? NULL : strstr(type, "boundary=");
  if (boundary == NULL) return refuse("415 Unsupported Media Type");
  if (length == NULL) return refuse("411 Length Required");

  size_t promised = strtoul(length, NULL, 10);
  if (promised > 16 << 20) return refuse("413 Payload Too Large");
  char *body = malloc(promised + 1);
  if (body == NULL) return refuse("500 Internal Server Error");
  char *end = body + fread(body, 1, promised, stdin);
  if (end != body + promised) {
    free(body);
    return refuse("400 Bad Request");
  }

  char separator[128];
  snprintf(separator, sizeof separator, "--%s", boundary + strlen("boundary="));
  printf("Content-Type: text/plain\r\n\r\n");
  char *part = find(body, end, separator);
  while (part != NULL) {
    part += strlen(separator);
    char *next = find(part, end, separator);
    char *head_end = find(part, next == NULL ? end : next, "\r\n\r\n");
    char *name = head_end == NULL ? NULL : find(part, head_end, "filename=\"");
    if (next != NULL && name != NULL) {
      name += strlen("filename=\"");
      char *quote = find(name, head_end, "\"");
      if (quote != NULL) {
        char *copy = copy_name(name, (size_t)(quote - name));
        /* a line end stands before the separator */
        printf("%s: %td bytes\n", copy, next - 2 - (head_end + 4));
      }
    }
    part = next;
  }
  free(body);
  return 0;
}
