// Threads that do what threads do: `vgrun stacks PID` must show
//   main                reads from a pipe into which nobody writes, in read_orders
//   pool-1 … pool-3     wait for work at the same place, in wait_for_work: one row
//   joiner              waits for the thread pool-1 to end
//   spinner             computes without end, in spin
//   polite-a, polite-b  a livelock: each takes its own mutex, finds the other's taken, lets go and tries again, in give_way
// and with --samples that spinner, polite-a and polite-b move while the others do not.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_mutex_t queue = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t forks[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_t pool[3];
static volatile unsigned long sum;

static void *wait_for_work(void *unused) {
  (void)unused;
  pthread_mutex_lock(&queue);
  for (;;) pthread_cond_wait(&work, &queue);
  return NULL;
}

static void *join_first(void *unused) {
  (void)unused;
  pthread_join(pool[0], NULL);
  return NULL;
}

static void spin(void) {
  for (;;) sum += sum * 31 + 7;
}

static void *compute(void *unused) {
  (void)unused;
  spin();
  return NULL;
}

static void *give_way(void *side) {
  int own = side != NULL;
  for (;;) {
    pthread_mutex_lock(&forks[own]);
    usleep(500);
    if (pthread_mutex_trylock(&forks[!own]) == 0) pthread_mutex_unlock(&forks[!own]);
    pthread_mutex_unlock(&forks[own]);
  }
  return NULL;
}

static char read_orders(int from) {
  char order = 0;
  if (read(from, &order, 1) < 0) perror("read");
  return order;
}

static pthread_t start(const char *name, void *(*run)(void *), void *argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, argument) != 0) abort();
  pthread_setname_np(thread, name);
  return thread;
}

int main(void) {
  int orders[2];
  if (pipe(orders) != 0) return 1;
  pool[0] = start("pool-1", wait_for_work, NULL);
  pool[1] = start("pool-2", wait_for_work, NULL);
  pool[2] = start("pool-3", wait_for_work, NULL);
  start("joiner", join_first, NULL);
  start("spinner", compute, NULL);
  start("polite-a", give_way, NULL);
  start("polite-b", give_way, &forks);
  // Nobody is on the way to where it will be looked for any more.
  usleep(50000);
  puts("ready");
  fflush(stdout);
  return read_orders(orders[0]);
}
