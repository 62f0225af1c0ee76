// The first thread ends, and the process lives on with the others: /proc shows it as a zombie then, which it is not.
// Its two survivors wait for ever, and that must be told of them.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) static void wait_for_ever(void) {
  for (;;) pause();
}

static void *survive(void *unused) {
  (void)unused;
  pthread_setname_np(pthread_self(), "survivor");
  wait_for_ever();
  return NULL;
}

int main(void) {
  pthread_t thread;
  for (int count = 0; count < 2; count++) pthread_create(&thread, NULL, survive, NULL);
  // So that whoever reads it finds both under their names.
  usleep(20000);
  printf("ready\n");
  fflush(stdout);
  pthread_exit(NULL);
}
