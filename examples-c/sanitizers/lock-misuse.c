// Misuses locks of the program's own, which it has told the runtime of: the C library's would wait for ever.
// expect tsan: double-lock at lock_twice
// expect tsan: read-lock-of-write-locked at read_written
// expect tsan: read-unlock-of-write-locked at read_unlock_written
// compile: gcc clang
// flags: -fsanitize=thread
#include <pthread.h>
#include <sanitizer/tsan_interface.h>

long twice, written, other;

void lock(long *lock) {
  __tsan_mutex_create(lock, 0);
  __tsan_mutex_pre_lock(lock, 0);
  __tsan_mutex_post_lock(lock, 0, 0);
}

void *lock_twice(void *unused) {
  __tsan_mutex_pre_lock(&twice, __tsan_mutex_try_lock);
  __tsan_mutex_post_lock(&twice, __tsan_mutex_try_lock, 0); // <- double-lock
  return 0;
}

void read_written(void) {
  lock(&written);
  __tsan_mutex_pre_lock(&written, __tsan_mutex_read_lock);
  __tsan_mutex_post_lock(&written, __tsan_mutex_read_lock, 0); // <- read-lock-of-write-locked
}

void read_unlock_written(void) {
  lock(&other);
  __tsan_mutex_pre_unlock(&other, __tsan_mutex_read_lock); // <- read-unlock-of-write-locked
  __tsan_mutex_post_unlock(&other, __tsan_mutex_read_lock);
}

int main(void) {
  pthread_t thread;
  lock(&twice);
  pthread_create(&thread, 0, lock_twice, 0);
  pthread_join(thread, 0);
  read_written();
  read_unlock_written();
  return 0;
}
