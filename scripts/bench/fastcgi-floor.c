/* The least that replaying FastCGI requests can cost: starts a program with a listening socket on descriptor 0, sends the same
   request N times one after the other, asks the program to end, and waits. Prints the seconds from the first start to the end.
     fastcgi-floor N QUERY PROGRAM ARGUMENTS... */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned char request[4096];
static int length;

static void record(int type, const void *content, int size) {
  unsigned char header[8] = {1, type, 0, 1, size >> 8, size & 255, 0, 0};
  memcpy(request + length, header, 8);
  memcpy(request + length + 8, content, size);
  length += 8 + size;
}

static int pair(unsigned char *to, const char *name, const char *value) {
  int n = strlen(name), v = strlen(value);
  to[0] = n;
  to[1] = v;
  memcpy(to + 2, name, n);
  memcpy(to + 2 + n, value, v);
  return 2 + n + v;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void all(int from, void *to, int size) {
  for (char *at = to; size > 0;) {
    int got = read(from, at, size);
    if (got <= 0) exit(3);
    at += got;
    size -= got;
  }
}

int main(int argc, char **argv) {
  double start = now();
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char folder[] = "/tmp/floor-XXXXXX";
  if (argc < 4 || mkdtemp(folder) == NULL) return 2;
  snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 5)) return 2;
  pid_t child = fork();
  if (child == 0) {
    dup2(listener, 0);
    execvp(argv[3], argv + 3);
    _exit(127);
  }
  close(listener);
  unsigned char parameters[1024];
  int size = pair(parameters, "REQUEST_METHOD", "GET");
  size += pair(parameters + size, "SCRIPT_NAME", "/app");
  size += pair(parameters + size, "QUERY_STRING", argv[2]);
  record(1, "\0\1\0\0\0\0\0\0", 8);
  record(4, parameters, size);
  record(4, "", 0);
  record(5, "", 0);
  for (int i = atoi(argv[1]); i > 0; i--) {
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(s, (void *)&address, sizeof address) || write(s, request, length) != length) return 3;
    static unsigned char buffer[65536 + 256];
    for (int type = 0; type != 3;) {
      unsigned char header[8];
      all(s, header, 8);
      type = header[1];
      all(s, buffer, (header[4] << 8 | header[5]) + header[6]);
    }
    close(s);
  }
  kill(child, SIGTERM);
  /* Some programs notice it at their next accept. */
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(s, (void *)&address, sizeof address) == 0) close(s);
  waitpid(child, NULL, 0);
  unlink(address.sun_path);
  rmdir(folder);
  printf("%.4f\n", now() - start);
  return 0;
}
