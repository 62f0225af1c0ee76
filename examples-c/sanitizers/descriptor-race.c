// One thread closes a descriptor that another writes to.
// expect tsan: data-race at main
// compile: gcc clang
// flags: -fsanitize=thread
#include <pthread.h>
#include <unistd.h>

int ends[2];
int finished;

void *work(void *unused) {
  write(ends[1], "x", 1); // <- previous read
  __atomic_store_n(&finished, 1, __ATOMIC_RELAXED);
  return 0;
}

int main(void) {
  pthread_t thread;
  pipe(ends); // <- opened at
  pthread_create(&thread, 0, work, 0);
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) {
  }
  close(ends[1]); // <- data-race
  pthread_join(thread, 0);
  return 0;
}
