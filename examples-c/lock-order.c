// Takes a before b, then b before a: two threads doing so at the same time would wait for each other for ever.
// expect helgrind: LockOrder at main
// outcome helgrind: findings, exited 0, status 100
#include <pthread.h>

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;

int main(void) {
  pthread_mutex_lock(&a);
  pthread_mutex_lock(&b);
  pthread_mutex_unlock(&b);
  pthread_mutex_unlock(&a);

  pthread_mutex_lock(&b); // <- LockOrder
  pthread_mutex_lock(&a); // <- LockOrder
  pthread_mutex_unlock(&a);
  pthread_mutex_unlock(&b);
  return 0;
}
