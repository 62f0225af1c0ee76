// A guest book, as a CGI program that a browser can use: GET shows a form, POST thanks for an entry.
// An entry without a text is refused, and is lost with its two fields. docs/cgi.md starts from it.
// replay memcheck: guest-book.har
// expect memcheck: Leak_DefinitelyLost at new_entry, 24 bytes in 1 blocks, request 4
// outcome memcheck: findings, status 100
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** What somebody wrote. */
struct entry {
  char *name;
  char *text;
};

static const char form[] =
    "<form method=\"post\" action=\"guest-book\">"
    "<p><label>Name <input name=\"name\"></label></p>"
    "<p><label>Text <input name=\"text\"></label></p>"
    "<p><button>Send</button></p></form>";

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/** The value of a field of a form, `name=Ann+B.&text=%21`; empty when it is not there. To be freed. */
static char *field(const char *sent, const char *name) {
  size_t length = strlen(name);
  while (sent != NULL && !(strncmp(sent, name, length) == 0 && sent[length] == '=')) {
    sent = strchr(sent, '&');
    if (sent != NULL) sent++;
  }
  sent = sent == NULL ? "" : sent + length + 1;
  char *value = malloc(strcspn(sent, "&") + 1);
  if (value == NULL) exit(1);
  char *to = value;
  for (; *sent != '\0' && *sent != '&'; sent++) {
    if (*sent == '%' && digit(sent[1]) >= 0 && digit(sent[2]) >= 0) {
      *to++ = (char)(digit(sent[1]) * 16 + digit(sent[2]));
      sent += 2;
    } else {
      *to++ = *sent == '+' ? ' ' : *sent;
    }
  }
  *to = '\0';
  return value;
}

static struct entry *new_entry(const char *sent) {
  struct entry *entry = malloc(sizeof *entry); // <- Leak_DefinitelyLost
  if (entry == NULL) exit(1);
  entry->name = field(sent, "name");
  entry->text = field(sent, "text");
  return entry;
}

static void free_entry(struct entry *entry) {
  free(entry->name);
  free(entry->text);
  free(entry);
}

static void print_escaped(const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '<' || *text == '>' || *text == '&' || *text == '"') printf("&#%d;", *text);
    else putchar(*text);
  }
}

static int take_entry(const char *sent) {
  struct entry *entry = new_entry(sent);
  if (*entry->text == '\0') {
    printf("Status: 422 Unprocessable Entity\r\nContent-Type: text/html; charset=utf-8\r\n\r\n");
    printf("<title>Guest book</title><p>Please write something.</p>%s\n", form);
    return 0; /* and here the entry is lost */
  }
  printf("Content-Type: text/html; charset=utf-8\r\n\r\n<title>Guest book</title><p>Thank you, ");
  print_escaped(entry->name);
  printf(", for: ");
  print_escaped(entry->text);
  printf("</p>\n");
  free_entry(entry);
  return 0;
}

int main(void) {
  const char *method = getenv("REQUEST_METHOD");
  if (method != NULL && strcmp(method, "POST") == 0) {
    const char *length = getenv("CONTENT_LENGTH");
    size_t promised = length == NULL ? 0 : strtoul(length, NULL, 10);
    char sent[4096];
    if (promised >= sizeof sent) promised = sizeof sent - 1;
    sent[fread(sent, 1, promised, stdin)] = '\0';
    return take_entry(sent);
  }
  printf("Content-Type: text/html; charset=utf-8\r\n\r\n<title>Guest book</title>%s\n", form);
  return 0;
}
