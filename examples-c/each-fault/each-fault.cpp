// One function for each row of the table in docs/sanitizers.md: `each-fault heap_overflow` runs that one, and without a name each is
// run in a child of its own, so that what ends one leaves the others. Build it with -O0: compilers take faults out. A function
// that serves a row has the name of the row at its beginning.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* volatile: known values would be computed, and some of the faults refused, by the compiler. */
static volatile int ten = 10;

/* No function: mtrace knows only who called malloc. */
#define BLOCK(size) static_cast<char *>(malloc(size))

void heap_overflow() {
  char *volatile block = BLOCK(10);
  block[ten] = 1;
  free(block);
}

void heap_underflow() {
  char *volatile before = BLOCK(10);
  char *volatile block = BLOCK(10);
  block[ten - 11] = block[ten - 11];
  free(block);
  free(before);
}

/* Past the end, and into another block. */
void heap_far() {
  char *volatile block = BLOCK(10);
  char *volatile other = BLOCK(10);
  block[other - block] = 1;
  free(block);
  free(other);
}

void stack_index() {
  volatile int around[10] = {0};
  volatile int numbers[10] = {0};
  numbers[ten] = around[0];
}

void stack_pointer() {
  volatile char around[32] = {0};
  char text[10];
  char *volatile start = text;
  start[ten] = around[0];
}

static char global[10];
void global_pointer() {
  char *volatile start = global;
  start[ten] = 1;
}

void after_free() {
  char *volatile block = BLOCK(10);
  free(block);
  block[0] = 1;
}

static int *volatile left;
static void leave() {
  int local[100] = {1};
  left = local;
}
void after_return() {
  leave();
  *left = 1;
}

void after_scope() {
  int *volatile outer;
  {
    int inner = 1;
    outer = &inner;
  }
  *outer = 2;
}

void free_twice() {
  char *volatile block = BLOCK(10);
  free(block);
  free(block);
}

void free_inside() {
  char *volatile block = BLOCK(40);
  free(block + 16);
}

void free_mismatched() {
  int *volatile block = static_cast<int *>(malloc(sizeof(int)));
  delete block;
}

void copy_overlapping() {
  char text[20] = "0123456789";
  char *volatile to = text;
  strcpy(to, to + 2);
}

/* What a function leaves on the stack would count as a pointer, so each leak is made in a thread. */
static void *call(void *function) {
  reinterpret_cast<void (*)()>(function)();
  return nullptr;
}
static void in_thread(void (*function)()) {
  pthread_t thread;
  pthread_create(&thread, nullptr, call, reinterpret_cast<void *>(function));
  pthread_join(thread, nullptr);
}

static void leak_definite_in_thread() {
  char *volatile lost = BLOCK(100);
  lost[0] = 1;
}
void leak_definite() { in_thread(leak_definite_in_thread); }

static char *leak_indirect_member() { return BLOCK(200); }
static void drop_owner() {
  char **volatile owner = static_cast<char **>(malloc(sizeof(char *)));
  *owner = leak_indirect_member();
}
void leak_indirect() { in_thread(drop_owner); }

static char *volatile inside;
static void leak_possible_in_thread() { inside = BLOCK(300) + 100; }
void leak_possible() { in_thread(leak_possible_in_thread); }

static char *volatile kept;
static void leak_reachable_in_thread() { kept = BLOCK(400); }
void leak_reachable() { in_thread(leak_reachable_in_thread); }

void uninitialised() {
  int *volatile block = static_cast<int *>(malloc(sizeof(int)));
  if (*block == 7) puts("seven");
  free(block);
}

static volatile int largest = 0x7fffffff;
void arithmetic() {
  volatile int sum = largest + ten;
  static_cast<void>(sum);
}

static int shared;
/* Relaxed: it orders the two in time, but not for the memory model. */
static int finished;
static void *race_there(void *unused) {
  shared++;
  __atomic_store_n(&finished, 1, __ATOMIC_RELAXED);
  return unused;
}
void race() {
  pthread_t thread;
  pthread_create(&thread, nullptr, race_there, nullptr);
  while (!__atomic_load_n(&finished, __ATOMIC_RELAXED)) usleep(1000);
  shared++;
  pthread_join(thread, nullptr);
}

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;
void lock_order() {
  pthread_mutex_lock(&first);
  pthread_mutex_lock(&second);
  pthread_mutex_unlock(&second);
  pthread_mutex_unlock(&first);
  pthread_mutex_lock(&second);
  pthread_mutex_lock(&first);
  pthread_mutex_unlock(&first);
  pthread_mutex_unlock(&second);
}

void unlock_unlocked() {
  pthread_mutex_t mutex;
  pthread_mutex_init(&mutex, nullptr);
  pthread_mutex_unlock(&mutex);
}

static void *nothing(void *unused) { return unused; }
void never_joined() {
  pthread_t thread;
  pthread_create(&thread, nullptr, nothing, nullptr);
  usleep(200000);
}

void null_write() {
  int *volatile nowhere = nullptr;
  *nowhere = 1;
}

void recursion() {
  volatile char frame[4096];
  frame[0] = 1;
  recursion();
  frame[1] = 1;
}

struct Row {
  const char *name;
  void (*run)();
};
#define ROW(name) {#name, name}
static const Row rows[] = {
    ROW(heap_overflow),  ROW(heap_underflow),  ROW(heap_far),         ROW(stack_index),   ROW(stack_pointer),
    ROW(global_pointer), ROW(after_free),      ROW(after_return),     ROW(after_scope),   ROW(free_twice),
    ROW(free_inside),    ROW(free_mismatched), ROW(copy_overlapping), ROW(leak_definite), ROW(leak_indirect),
    ROW(leak_possible),  ROW(leak_reachable),  ROW(uninitialised),    ROW(arithmetic),    ROW(race),
    ROW(lock_order),     ROW(unlock_unlocked), ROW(never_joined),     ROW(null_write),    ROW(recursion),
};

int main(int argc, char **argv) {
  for (const Row &row : rows) {
    if (argc > 1) {
      if (strcmp(argv[1], row.name) == 0) row.run();
      continue;
    }
    const pid_t child = fork();
    if (child == 0) {
      row.run();
      exit(0);
    }
    waitpid(child, nullptr, 0);
  }
}
