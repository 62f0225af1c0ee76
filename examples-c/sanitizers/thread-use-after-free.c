// Reads a block that another thread freed, and frees one that another thread has just written.
// expect tsan: heap-use-after-free at main
// expect tsan: data-race at main
// compile: gcc clang
// flags: -fsanitize=thread
#include <pthread.h>
#include <stdlib.h>

int finished;
char *written;

void *work(void *p) {
  free(p);      // <- freed at
  *written = 1; // <- previous write
  __atomic_store_n(&finished, 1, __ATOMIC_RELAXED);
  return 0;
}

int main(void) {
  pthread_t thread;
  char *p = calloc(1, 10);
  written = malloc(20);
  pthread_create(&thread, 0, work, p);
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) {
  }
  int value = *(volatile char *)p; // <- heap-use-after-free
  free(written);                   // <- data-race
  pthread_join(thread, 0);
  return value == 5;
}
