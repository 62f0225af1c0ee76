// One thread destroys an object while another still calls its virtual function.
// expect tsan: data-race-on-vptr at Base::~Base
// compile: gcc clang
// flags: -fsanitize=thread
#include <pthread.h>

int finished;
int destroyed;

struct Base {
  virtual int value() { return 1; }
  virtual ~Base() { destroyed = 1; } // <- data-race-on-vptr
};

struct Derived : Base {
  int value() override { return 2; }
  ~Derived() override { destroyed = 2; }
};

void *work(void *p) {
  static_cast<Base *>(p)->value(); // <- previous read
  __atomic_store_n(&finished, 1, __ATOMIC_RELAXED);
  return nullptr;
}

int main() {
  Base *object = new Derived; // <- allocated at
  pthread_t thread;
  pthread_create(&thread, nullptr, work, object);
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) {
  }
  delete object;
  pthread_join(thread, nullptr);
}
