// One of three threads writes through a null pointer while the others wait.
// gdb: SIGSEGV in work, in the thread "worker"; three threads.
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

static pthread_barrier_t ready;

static void *wait_for_ever(void *unused) {
  pthread_setname_np(pthread_self(), "waiter");
  pthread_barrier_wait(&ready);
  pause();
  return unused;
}

static void *work(void *goal) {
  pthread_setname_np(pthread_self(), "worker");
  pthread_barrier_wait(&ready);
  int count = 41;
  *(int *)goal = count + 1; // <- SIGSEGV
  return 0;
}

int main(void) {
  pthread_t waiter, worker;
  pthread_barrier_init(&ready, 0, 2);
  pthread_create(&waiter, 0, wait_for_ever, 0);
  pthread_create(&worker, 0, work, 0);
  pthread_join(worker, 0);
  return 0;
}
