// Unlocks a mutex that nobody holds.
// expect helgrind: UnlockUnlocked at main
// outcome helgrind: findings, exited 0, status 100
// expect drd: MutexErr at main
// outcome drd: findings, exited 0, status 100
#include <pthread.h>

int main(void) {
  pthread_mutex_t mutex;
  pthread_mutex_init(&mutex, NULL);
  pthread_mutex_unlock(&mutex); // <- UnlockUnlocked, MutexErr
  return 0;
}
