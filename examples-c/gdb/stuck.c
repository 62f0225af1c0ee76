// Threads that wait for ever, and threads that only look so. `stuck MODE`. Build: gcc -g -O0 -pthread
// A deadlock must be found, of these threads:
//   self      main locks a mutex that it holds
//   abandoned main waits for a mutex whose owner has ended
//   forked    child of fork(2): main waits for a mutex that a thread of the parent holds
//   pi        PTHREAD_PRIO_INHERIT: first waits for the lock of second, whose own wait the kernel refuses (EDEADLK): glibc parks it
//   pi-self   main is parked: it locks such a mutex twice
//   upgrade   main, alone, waits to write under a lock that it reads
//   joins     three threads, each waits for the end of the next
//   relock    first comes out of pthread_cond_wait and wants its mutex back, whose new owner waits for its end
// None must be found:
//   timed     one of two waits in opposite order has a timeout
//   timedjoin main holds what the thread waits for that it joins with a timeout
//   reader    main waits to write under a lock that another thread reads, which sleeps
//   event     main waits by syscall(2) for a word behind which there is what a mutex of its own would have there
//   handed    child of fork(2): a thread waits for a mutex that main, asleep, took before the fork
#define _GNU_SOURCE
#include <pthread.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t both_have_one;
static pthread_t threads[2], main_thread;

static struct timespec in_an_hour(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += 3600;
  return time;
}

static void inherit_priority(pthread_mutex_t *mutex) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(mutex, &attributes);
}

static void *first_then_second(void *unused) {
  pthread_mutex_lock(&first);
  pthread_barrier_wait(&both_have_one);
  pthread_mutex_lock(&second);
  return unused;
}

static void *second_then_first(void *unused) {
  pthread_mutex_lock(&second);
  pthread_barrier_wait(&both_have_one);
  /* FUTEX_WAITERS: the other one waits already, and this wait closes the circle. */
  while ((*(volatile unsigned *)&second & 0x80000000) == 0)
    usleep(1000);
  pthread_mutex_lock(&first);
  return unused;
}

static void *second_then_first_for_an_hour(void *unused) {
  struct timespec end = in_an_hour();
  pthread_mutex_lock(&second);
  pthread_barrier_wait(&both_have_one);
  pthread_mutex_timedlock(&first, &end);
  return unused;
}

static void *lock_and_end(void *unused) {
  pthread_mutex_lock(&first);
  return unused;
}

static void *lock_and_sleep(void *unused) {
  pthread_mutex_lock(&first);
  pthread_barrier_wait(&both_have_one);
  sleep(3600);
  return unused;
}

static void *want_first(void *unused) {
  pthread_mutex_lock(&first);
  return unused;
}

static void *read_and_sleep(void *unused) {
  pthread_rwlock_rdlock(&table);
  pthread_barrier_wait(&both_have_one);
  sleep(3600);
  return unused;
}

static void *join_main(void *unused) {
  pthread_join(main_thread, 0);
  return unused;
}

static void *join_first(void *unused) {
  pthread_join(threads[0], 0);
  return unused;
}

static void *wait_for_data(void *unused) {
  pthread_mutex_lock(&first);
  pthread_barrier_wait(&both_have_one);
  pthread_cond_wait(&filled, &first);
  return unused;
}

static void start(int index, void *(*function)(void *)) {
  pthread_create(&threads[index], 0, function, 0);
}

int main(int count, char **words) {
  const char *mode = count > 1 ? words[1] : "";
  int is_mode = 0;
#define MODE(name) if (strcmp(mode, name) == 0 && (is_mode = 1))
  main_thread = pthread_self();
  pthread_barrier_init(&both_have_one, 0, 2);
  MODE("forked") {
    start(0, lock_and_sleep);
    pthread_barrier_wait(&both_have_one);
  }
  MODE("handed") pthread_mutex_lock(&first);
  if (is_mode && fork() != 0) {
    wait(0);
    return 0;
  }
  MODE("event") {
    /* In the places of __lock, __count, __owner, __nusers and __kind. */
    struct { int state, id, submitter, references, flags; } job = {2, 1, getpid(), 1, 0};
    syscall(SYS_futex, &job.state, FUTEX_WAIT_PRIVATE, 2, NULL);
  }
  MODE("self") {
    pthread_mutex_lock(&first);
    pthread_mutex_lock(&first);
  }
  MODE("abandoned") {
    start(0, lock_and_end);
    pthread_join(threads[0], 0);
    pthread_mutex_lock(&first);
  }
  MODE("forked") pthread_mutex_lock(&first);
  MODE("pi") {
    inherit_priority(&first);
    inherit_priority(&second);
    start(0, first_then_second);
    start(1, second_then_first);
    pthread_join(threads[0], 0);
  }
  MODE("pi-self") {
    inherit_priority(&first);
    pthread_mutex_lock(&first);
    pthread_mutex_lock(&first);
  }
  MODE("upgrade") {
    pthread_rwlock_rdlock(&table);
    pthread_rwlock_wrlock(&table);
  }
  MODE("joins") {
    start(0, join_main);
    start(1, join_first);
    pthread_join(threads[1], 0);
  }
  MODE("relock") {
    start(0, wait_for_data);
    pthread_barrier_wait(&both_have_one);
    pthread_mutex_lock(&first);
    pthread_cond_signal(&filled);
    pthread_join(threads[0], 0);
  }
  MODE("timed") {
    start(0, first_then_second);
    start(1, second_then_first_for_an_hour);
    pthread_join(threads[0], 0);
  }
  MODE("timedjoin") {
    struct timespec end = in_an_hour();
    pthread_mutex_lock(&first);
    start(0, want_first);
    pthread_timedjoin_np(threads[0], 0, &end);
  }
  MODE("reader") {
    start(0, read_and_sleep);
    pthread_barrier_wait(&both_have_one);
    pthread_rwlock_wrlock(&table);
  }
  MODE("handed") {
    start(0, want_first);
    sleep(3600);
  }
  return 2;
}
