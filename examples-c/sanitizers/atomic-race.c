// One thread writes atomically, the other plainly.
// expect tsan: data-race at main
// compile: gcc clang
// flags: -fsanitize=thread
#include <pthread.h>

int counter;
int finished;

void *work(void *unused) {
  __atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST); // <- previous write
  __atomic_store_n(&finished, 1, __ATOMIC_RELAXED);
  return 0;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, work, 0); // <- thread created at
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) {
  }
  counter = 5; // <- data-race
  pthread_join(thread, 0);
  return 0;
}
