// Two threads write the same int; no lock and no join orders them.
// expect helgrind: Race at main
// outcome helgrind: findings, exited 0, status 100
// expect drd: ConflictingAccess at main
// outcome drd: findings, exited 0, status 100
#include <pthread.h>
#include <unistd.h>

static int shared;

static void *write_it(void *unused) {
  shared = 1;
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, write_it, NULL);
  sleep(1);   /* orders the two writes for the reader of this file, not for the tools */
  shared = 2; // <- Race, ConflictingAccess
  return pthread_join(thread, NULL);
}
