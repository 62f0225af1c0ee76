/* A FastCGI responder without a library, on descriptor 0, that breaks the protocol in the way its argument names.
 *
 *   plain            does all right, and closes each connection though it was asked to keep it
 *   keeps            does all right, and keeps connections
 *   multiplexes      keeps them, says FCGI_MPXS_CONNS=1, and answers three requests in the reverse order
 *   wrong-version    its records have version 2
 *   no-fastcgi       answers in HTTP
 *   wrong-id         sends a record for request 77 before it answers
 *   odd-type         sends a record of type 99 and one of type 5 before it answers
 *   short-end        its END_REQUEST has 3 bytes
 *   trailing         sends more after END_REQUEST
 *   after-close      closes its output and sends more on it
 *   closes-early     closes the connection within a record
 *   closes           closes the connection without an answer
 *   early            answers and closes before it reads the body
 *   endless          never stops answering
 *   late             never answers
 *   overloaded       FCGI_OVERLOADED
 *   cannot-multiplex FCGI_CANT_MPX_CONN when asked over a connection that has a request
 *   closes-shared    says FCGI_MPXS_CONNS=1, and closes the connection after the first answer over it
 *   dies             dies of a signal at its second request
 *   deaf             does all right, but looks at its SIGTERM only when a connection comes
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BEGIN = 1, ABORT, END, PARAMS, IN, OUT, ERR, DATA, GET_VALUES, VALUES, UNKNOWN };

static const char *mode = "plain";
static int version = 1, requests, asked_to_end;

static int is(const char *name) { return strcmp(mode, name) == 0; }
static void on_term(int number) { asked_to_end = number; }

static int put(int to, int type, int id, const void *content, int length) {
  unsigned char head[8] = {version, type, id >> 8, id, length >> 8, length, 0, 0};
  /* One packet, so that what belongs together comes together. */
  static char packet[8 + 65535];
  memcpy(packet, head, 8);
  memcpy(packet + 8, content, length);
  for (int at = 0, sent; at < 8 + length; at += sent)
    if ((sent = write(to, packet + at, 8 + length - at)) <= 0) return 0;
  return 1;
}

static void put_end(int to, int id, int status) {
  unsigned char content[8] = {0, 0, 0, 7, status};
  put(to, END, id, content, is("short-end") ? 3 : 8);
}

static void answer(int to, int id) {
  char text[100];
  if (is("late")) pause();
  if (is("dies") && requests > 1) raise(SIGSEGV);
  if (is("no-fastcgi")) { write(to, "HTTP/1.1 200 OK\r\n\r\n", 19); return; }
  if (is("wrong-version")) version = 2;
  if (is("wrong-id")) put(to, OUT, 77, "stray", 5);
  if (is("odd-type")) { put(to, 99, id, "odd", 3); put(to, IN, id, "odd", 3); }
  if (is("closes-early")) { write(to, "\1\6\0\1\0\20\0\0half", 12); return; }
  if (is("closes")) return;
  if (is("overloaded")) { put_end(to, id, 2); return; }
  put(to, OUT, id, text, sprintf(text, "Content-Type: text/plain\r\n\r\nrequest %d\n", requests));
  static char much[8192];
  while (is("endless") && put(to, OUT, id, much, sizeof much)) continue;
  if (is("after-close")) { put(to, OUT, id, "", 0); put(to, OUT, id, "more", 4); }
  put(to, OUT, id, "", 0);
  put_end(to, id, 0);
  if (is("trailing")) write(to, "\1\6\0\1\0\4\0\0more\1\6", 14);
}

static int get(int from, unsigned char *bytes, int length) {
  for (int at = 0, got; at < length; at += got)
    if ((got = read(from, bytes + at, length - at)) <= 0) return 0;
  return 1;
}

static void serve(int connection) {
  static unsigned char head[8], content[65536 + 256];
  static int refused;
  int waiting[3], count = 0, open = 0;
  while (get(connection, head, 8)) {
    int id = head[2] << 8 | head[3], length = head[4] << 8 | head[5];
    if (!get(connection, content, length + head[6])) return;
    if (head[1] == GET_VALUES) {
      const char pair[] = "\017\001FCGI_MPXS_CONNS1";
      put(connection, VALUES, 0, pair, is("multiplexes") || is("cannot-multiplex") || is("closes-shared") ? sizeof pair - 1 : 0);
    } else if (head[1] == BEGIN) {
      if (is("cannot-multiplex") && open++ > 0) {
        put_end(connection, id, 1);
        refused = 1;
        answer(connection, waiting[0]);
        return;
      }
      if (is("early")) { requests++; answer(connection, id); return; }
    } else if (head[1] == IN && length == 0) {
      requests++;
      if (!is("multiplexes")) {
        /* The first one waits for another to be refused. */
        if (is("cannot-multiplex") && !refused) {
          waiting[0] = id;
          continue;
        }
        answer(connection, id);
        if (!is("keeps") && !is("trailing") && !is("wrong-id") && !is("odd-type") && !is("after-close") &&
            !is("dies"))
          return;
      } else {
        waiting[count++] = id;
        if (count == 3) while (count > 0) answer(connection, waiting[--count]);
      }
    }
  }
}

int main(int count, char **words) {
  if (count > 1) mode = words[1];
  signal(SIGPIPE, SIG_IGN);
  if (is("deaf")) signal(SIGTERM, on_term);
  char *kept = malloc(100), *lost = malloc(60);
  kept[0] = lost[0] = 1;
  lost = NULL;
  for (int connection; (connection = accept(0, NULL, NULL)) >= 0; close(connection)) {
    if (asked_to_end) return 0;
    serve(connection);
  }
  perror("accept");
  return 1;
}
