// Two threads write to a variable on the stack of the first.
// expect tsan: data-race at main
// compile: gcc clang
// flags: -fsanitize=thread
#include <pthread.h>

int finished;

void *work(void *p) {
  *(int *)p = 1; // <- previous write
  __atomic_store_n(&finished, 1, __ATOMIC_RELAXED);
  return 0;
}

int main(void) {
  pthread_t thread;
  volatile int local = 0;
  pthread_create(&thread, 0, work, (void *)&local);
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) {
  }
  local = 2; // <- data-race
  pthread_join(thread, 0);
  return local;
}
