// Two threads take two mutexes in opposite order and wait for each other for ever; main waits for the first of them.
// Find: a cycle of two: first_then_second waits for `second`, second_then_first for `first`. Build: gcc -g -O0 -pthread
// With an argument it aborts when both wait, so that there is a core.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both_have_one;

static void *first_then_second(void *unused) {
  pthread_mutex_lock(&first);
  pthread_barrier_wait(&both_have_one);
  pthread_mutex_lock(&second); /* <- waits */
  return unused;
}

static void *second_then_first(void *unused) {
  pthread_mutex_lock(&second);
  pthread_barrier_wait(&both_have_one);
  pthread_mutex_lock(&first); /* <- waits */
  return unused;
}

/* The kernel's word for "waits for a lock" is at offset 0: 2 is "locked, and somebody waits". */
static void wait_until_contended(pthread_mutex_t *mutex) {
  while (*(volatile int *)mutex != 2)
    usleep(1000);
}

static void *abort_when_stuck(void *unused) {
  wait_until_contended(&first);
  wait_until_contended(&second);
  usleep(50000);
  abort();
  return unused;
}

int main(int count, char **words) {
  (void)words;
  pthread_t threads[3];
  pthread_barrier_init(&both_have_one, 0, 2);
  pthread_create(&threads[0], 0, first_then_second, 0);
  pthread_create(&threads[1], 0, second_then_first, 0);
  if (count > 1)
    pthread_create(&threads[2], 0, abort_when_stuck, 0);
  pthread_join(threads[0], 0);
  return 0;
}
