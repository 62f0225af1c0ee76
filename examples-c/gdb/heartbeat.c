// Fifty threads, and one of them says how long it was kept from running: it does nothing but look at the clock, and keeps the longest
// gap between two looks, in nanoseconds, in a file that is mapped into memory. Whoever measures puts 0 there and reads it later.
// The others wait for a mutex, ten calls deep.
//
//   heartbeat FILE [SECONDS]   ends after so many seconds, by default 60
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 50, DEPTH = 10 };

struct beats {
  _Atomic uint64_t longest; /* ns */
  _Atomic uint64_t count;
};

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static uint64_t now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

__attribute__((noinline)) static int wait_deep(int depth) {
  volatile char room[64] = {0};
  if (depth == 0) {
    pthread_mutex_lock(&held);
    pthread_mutex_unlock(&held);
    return room[0];
  }
  return wait_deep(depth - 1) + room[depth];
}

static void *waiter(void *number) {
  char name[16];
  snprintf(name, sizeof name, "waiter-%d", (int)(intptr_t)number);
  pthread_setname_np(pthread_self(), name);
  wait_deep(DEPTH);
  return NULL;
}

static void *heartbeat(void *where) {
  struct beats *beats = where;
  pthread_setname_np(pthread_self(), "heartbeat");
  for (uint64_t last = now();;) {
    const uint64_t at = now();
    if (at - last > atomic_load_explicit(&beats->longest, memory_order_relaxed)) {
      atomic_store_explicit(&beats->longest, at - last, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&beats->count, 1, memory_order_relaxed);
    last = at;
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: heartbeat FILE [SECONDS]\n");
    return 2;
  }
  const int file = open(argv[1], O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, sizeof(struct beats)) != 0) {
    perror(argv[1]);
    return 2;
  }
  struct beats *beats = mmap(NULL, sizeof *beats, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (beats == MAP_FAILED) {
    perror("mmap");
    return 2;
  }
  pthread_mutex_lock(&held);
  pthread_t thread;
  for (int number = 1; number <= THREADS - 2; number++) {
    pthread_create(&thread, NULL, waiter, (void *)(intptr_t)number);
  }
  pthread_create(&thread, NULL, heartbeat, beats);
  printf("ready\n");
  fflush(stdout);
  sleep(argc > 2 ? (unsigned)atoi(argv[2]) : 60);
  return 0;
}
