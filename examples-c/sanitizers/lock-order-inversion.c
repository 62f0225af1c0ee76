// Takes two mutexes in one order, and then in the other.
// expect tsan: lock-order-inversion at second_first
// compile: gcc clang
// flags: -fsanitize=thread
// runtime: second_deadlock_stack=1
#include <pthread.h>

pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;

void first_second(void) {
  pthread_mutex_lock(&first);
  pthread_mutex_lock(&second); // <- required order then
  pthread_mutex_unlock(&second);
  pthread_mutex_unlock(&first);
}

void second_first(void) {
  pthread_mutex_lock(&second);
  pthread_mutex_lock(&first); // <- lock-order-inversion
  pthread_mutex_unlock(&first);
  pthread_mutex_unlock(&second);
}

int main(void) {
  first_second();
  second_first();
  return 0;
}
