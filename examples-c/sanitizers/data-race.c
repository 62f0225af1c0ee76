// Two threads add to one global and to one heap block without a lock; one holds a lock of its own.
// expect tsan: data-race at add_global
// expect tsan: data-race at add_heap
// compile: gcc clang
// flags: -fsanitize=thread
#include <pthread.h>
#include <stdlib.h>

int counter;
pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
/* Relaxed: it orders the two in time, but not for the memory model, so the race is found every time. */
int finished;

void add_global(void) {
  counter++; // <- data-race
}

void add_heap(int *p) {
  ++*p; // <- data-race
}

void *work(void *p) {
  pthread_mutex_lock(&own);
  add_global();
  add_heap(p);
  pthread_mutex_unlock(&own);
  __atomic_store_n(&finished, 1, __ATOMIC_RELAXED);
  return 0;
}

int main(void) {
  pthread_t thread;
  int *p = calloc(1, sizeof *p); // <- allocated at
  pthread_create(&thread, 0, work, p); // <- thread created at
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) {
  }
  add_global();
  add_heap(p);
  pthread_join(thread, 0);
  free(p);
  return 0;
}
