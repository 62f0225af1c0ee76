// A FastCGI program that speaks the protocol itself, with accept() on descriptor 0, one request after the other.
// A path that ends with /leak loses 240 bytes, /keep keeps 100 more, /error reads past a block, /crash writes to address 0.
// replay memcheck: paths.txt --repeat 10 --mode=fastcgi
// expect memcheck: Leak_DefinitelyLost at lose_block, 2400 bytes in 10 blocks, request 2
// outcome memcheck: findings, status 100
//
// replay memcheck: faults.txt --mode=fastcgi
// expect memcheck: InvalidRead at read_past, request 2
// expect memcheck: InvalidWrite at crash, request 3
// outcome memcheck: findings
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The names of the FastCGI specification, https://fastcgi-archives.github.io/FastCGI_Specification.html */
enum {
  FCGI_BEGIN_REQUEST = 1,
  FCGI_END_REQUEST = 3,
  FCGI_PARAMS = 4,
  FCGI_STDIN = 5,
  FCGI_STDOUT = 6,
  FCGI_STDERR = 7,
  FCGI_GET_VALUES = 9,
  FCGI_GET_VALUES_RESULT = 10,
  FCGI_UNKNOWN_TYPE = 11,
  FCGI_RESPONDER = 1,
  FCGI_KEEP_CONN = 1,
  FCGI_REQUEST_COMPLETE = 0,
  FCGI_CANT_MPX_CONN = 1,
  FCGI_UNKNOWN_ROLE = 3
};

struct record {
  unsigned char type;
  unsigned id;
  size_t length;
  unsigned char content[65535];
};

/** What came of one request so far. */
struct request {
  unsigned id; /* 0: none is under way */
  int keep_connection;
  size_t params_length;
  char params[65536];
  size_t body_length;
};

static volatile sig_atomic_t told_to_stop;
static int served;

static void stop(int signal_number) {
  (void)signal_number;
  told_to_stop = 1;
}

static void lose_block(void) {
  char *block = malloc(240); // <- Leak_DefinitelyLost
  if (block != NULL) strcpy(block, "lost");
}

struct kept {
  struct kept *next;
  char text[];
};

static struct kept *all_kept;

static void keep_block(void) {
  struct kept *block = malloc(100);
  if (block == NULL) return;
  block->next = all_kept;
  all_kept = block;
}

static int read_past(void) {
  char *volatile block = calloc(16, 1);
  if (block == NULL) return 0;
  int past = block[16]; // <- InvalidRead
  free(block);
  return past;
}

static void crash(void) {
  char *volatile nowhere = NULL;
  *nowhere = 'x'; // <- InvalidWrite
}

/** All of these bytes, or 0: the other side is gone, or a signal said stop. */
static int read_all(int connection, void *bytes, size_t length) {
  unsigned char *at = bytes;
  while (length > 0) {
    ssize_t count = read(connection, at, length);
    if (count < 0 && errno == EINTR && !told_to_stop) continue;
    if (count <= 0) return 0;
    at += count;
    length -= (size_t)count;
  }
  return 1;
}

static int write_all(int connection, const void *bytes, size_t length) {
  const unsigned char *at = bytes;
  while (length > 0) {
    ssize_t count = write(connection, at, length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    at += count;
    length -= (size_t)count;
  }
  return 1;
}

static int read_record(int connection, struct record *record) {
  unsigned char header[8];
  unsigned char padding[255];
  if (!read_all(connection, header, sizeof header) || header[0] != 1) return 0;
  record->type = header[1];
  record->id = (unsigned)(header[2] << 8 | header[3]);
  record->length = (size_t)(header[4] << 8 | header[5]);
  return read_all(connection, record->content, record->length) && read_all(connection, padding, header[6]);
}

/** At most 65535 bytes of content. */
static int write_record(int connection, int type, unsigned id, const void *content, size_t length) {
  unsigned char header[8] = {
      1, (unsigned char)type, (unsigned char)(id >> 8), (unsigned char)id,
      (unsigned char)(length >> 8), (unsigned char)length, 0, 0,
  };
  return write_all(connection, header, sizeof header) && write_all(connection, content, length);
}

static int end_request(int connection, unsigned id, int status) {
  unsigned char content[8] = {0, 0, 0, 0, (unsigned char)status, 0, 0, 0};
  return write_record(connection, FCGI_END_REQUEST, id, content, sizeof content);
}

/** Reads a length of one or four bytes and moves on. */
static size_t take_length(const unsigned char **at, const unsigned char *end) {
  const unsigned char *from = *at;
  if (from < end && from[0] < 128) {
    *at += 1;
    return from[0];
  }
  if (end - from < 4) {
    *at = end;
    return 0;
  }
  *at += 4;
  return (size_t)(from[0] & 127) << 24 | (size_t)from[1] << 16 | (size_t)from[2] << 8 | from[3];
}

/** Copies the value of a parameter, cut to the room there is; an empty text when it was not sent. */
static void copy_param(const struct request *request, const char *wanted, char *value, size_t room) {
  const unsigned char *at = (const unsigned char *)request->params;
  const unsigned char *end = at + request->params_length;
  value[0] = '\0';
  while (at < end) {
    size_t name_length = take_length(&at, end);
    size_t value_length = take_length(&at, end);
    if (name_length > (size_t)(end - at) || value_length > (size_t)(end - at) - name_length) return;
    if (name_length == strlen(wanted) && memcmp(at, wanted, name_length) == 0) {
      size_t length = value_length < room ? value_length : room - 1;
      memcpy(value, at + name_length, length);
      value[length] = '\0';
    }
    at += name_length + value_length;
  }
}

static int ends_with(const char *text, const char *end) {
  return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static int answer(int connection, const struct request *request) {
  char path[1024], method[32], query[1024], document[4096];
  copy_param(request, "PATH_INFO", path, sizeof path);
  if (path[0] == '\0') copy_param(request, "SCRIPT_NAME", path, sizeof path);
  copy_param(request, "REQUEST_METHOD", method, sizeof method);
  copy_param(request, "QUERY_STRING", query, sizeof query);
  served++;
  if (ends_with(path, "/leak")) lose_block();
  if (ends_with(path, "/keep")) keep_block();
  if (ends_with(path, "/error")) served += read_past();
  if (ends_with(path, "/crash")) crash();
  if (ends_with(path, "/log")) write_record(connection, FCGI_STDERR, request->id, "a line of log\n", 14);
  int length = snprintf(document, sizeof document,
                        "Content-Type: text/plain\r\n\r\nrequest %d: %s %s?%s, body of %zu bytes\n",
                        served, method, path, query, request->body_length);
  return write_record(connection, FCGI_STDOUT, request->id, document, (size_t)length) &&
         write_record(connection, FCGI_STDOUT, request->id, "", 0) &&
         end_request(connection, request->id, FCGI_REQUEST_COMPLETE);
}

/** Tells what was asked for, of three values that the specification names. */
static int answer_values(int connection) {
  static const char values[] = "\016\001FCGI_MAX_CONNS1\015\001FCGI_MAX_REQS1\017\001FCGI_MPXS_CONNS0";
  return write_record(connection, FCGI_GET_VALUES_RESULT, 0, values, sizeof values - 1);
}

static int begin_request(int connection, struct request *request, const struct record *record) {
  if (request->id != 0) return end_request(connection, record->id, FCGI_CANT_MPX_CONN);
  if (record->length < 8) return 0;
  if ((record->content[0] << 8 | record->content[1]) != FCGI_RESPONDER) {
    return end_request(connection, record->id, FCGI_UNKNOWN_ROLE);
  }
  request->id = record->id;
  request->keep_connection = record->content[2] & FCGI_KEEP_CONN;
  request->params_length = 0;
  request->body_length = 0;
  return 1;
}

/** Serves a connection until either side closes it. */
static void serve(int connection) {
  static struct record record;
  static struct request request;
  request.id = 0;
  while (read_record(connection, &record)) {
    if (record.type == FCGI_GET_VALUES) {
      if (!answer_values(connection)) return;
    } else if (record.type == FCGI_BEGIN_REQUEST) {
      if (!begin_request(connection, &request, &record)) return;
    } else if (record.id == 0) {
      unsigned char content[8] = {record.type, 0, 0, 0, 0, 0, 0, 0};
      if (!write_record(connection, FCGI_UNKNOWN_TYPE, 0, content, sizeof content)) return;
    } else if (record.id == request.id && record.type == FCGI_PARAMS) {
      if (record.length > sizeof request.params - request.params_length) return;
      memcpy(request.params + request.params_length, record.content, record.length);
      request.params_length += record.length;
    } else if (record.id == request.id && record.type == FCGI_STDIN) {
      request.body_length += record.length;
      if (record.length > 0) continue;
      if (!answer(connection, &request) || !request.keep_connection) return;
      request.id = 0;
    }
  }
}

int main(void) {
  struct sockaddr_storage other;
  socklen_t length = sizeof other;
  if (getpeername(0, (struct sockaddr *)&other, &length) == 0 || errno != ENOTCONN) {
    fputs("no-library-fcgi: descriptor 0 is no listening socket\n", stderr);
    return 2;
  }
  /* without SA_RESTART: a signal ends the accept that waits */
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  while (!told_to_stop) {
    int connection = accept(0, NULL, NULL);
    if (connection < 0) continue;
    serve(connection);
    close(connection);
  }
  return 0;
}
