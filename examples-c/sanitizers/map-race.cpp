// Two threads put elements into one std::map without a lock.
// expect tsan: data-race at insert
// compile: gcc clang
// flags: -fsanitize=thread
#include <map>
#include <pthread.h>

std::map<int, int> numbers;
int finished;

void insert(int number) {
  numbers[number] = number; // <- data-race
}

void *work(void *) {
  insert(1);
  __atomic_store_n(&finished, 1, __ATOMIC_RELAXED);
  return nullptr;
}

int main() {
  pthread_t thread;
  pthread_create(&thread, nullptr, work, nullptr); // <- thread created at
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) {
  }
  insert(2);
  pthread_join(thread, nullptr);
}
