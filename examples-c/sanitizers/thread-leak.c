// Lets a thread end that nobody joins.
// expect tsan: thread-leak at main
// compile: gcc clang
// flags: -fsanitize=thread
#include <pthread.h>
#include <unistd.h>

int finished;

void *work(void *unused) {
  __atomic_store_n(&finished, 1, __ATOMIC_RELAXED);
  return 0;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, work, 0); // <- thread-leak
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) {
  }
  usleep(200000);
  return 0;
}
