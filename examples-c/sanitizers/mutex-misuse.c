// Misuses mutexes: unlocks one that is not locked or is another thread's, destroys a locked one, locks a destroyed one.
// expect tsan: unlock-of-unlocked at unlock_unlocked
// expect tsan: unlock-of-unlocked at unlock_of_other
// expect tsan: destroy-of-locked at destroy_locked
// expect tsan: invalid-mutex at lock_destroyed
// compile: gcc clang
// flags: -fsanitize=thread
#include <pthread.h>

pthread_mutex_t unlocked, others, locked, destroyed;

void unlock_unlocked(void) {
  pthread_mutex_unlock(&unlocked); // <- unlock-of-unlocked
}

void *unlock_of_other(void *unused) {
  pthread_mutex_unlock(&others); // <- unlock-of-unlocked
  return 0;
}

void destroy_locked(void) {
  pthread_mutex_lock(&locked);
  pthread_mutex_destroy(&locked); // <- destroy-of-locked
}

void lock_destroyed(void) {
  pthread_mutex_init(&destroyed, 0);
  pthread_mutex_destroy(&destroyed);
  pthread_mutex_lock(&destroyed); // <- invalid-mutex
}

int main(void) {
  pthread_t thread;
  pthread_mutex_init(&unlocked, 0); // <- created at
  unlock_unlocked();
  pthread_mutex_init(&others, 0);
  pthread_mutex_lock(&others);
  pthread_create(&thread, 0, unlock_of_other, 0);
  pthread_join(thread, 0);
  pthread_mutex_init(&locked, 0);
  destroy_locked();
  lock_destroyed();
  return 0;
}
