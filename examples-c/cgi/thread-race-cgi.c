// A CGI program that asks two sources at once, in two threads that count what they found without a lock.
// replay helgrind: paths.txt
// expect helgrind: Race at count_found, requests 1 2 3
// outcome helgrind: findings, status 100
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int found;

static void *count_found(void *unused) {
  found += 7; // <- Race
  return unused;
}

int main(void) {
  pthread_t sources[2];
  for (int i = 0; i < 2; i++) {
    if (pthread_create(&sources[i], NULL, count_found, NULL) != 0) return 1;
  }
  for (int i = 0; i < 2; i++) pthread_join(sources[i], NULL);
  printf("Content-Type: text/plain\r\n\r\n%d found\n", found);
  return 0;
}
