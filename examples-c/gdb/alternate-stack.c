// Handlers on alternate stacks (sigaltstack(2)) that do not return: `vgrun stacks PID` must show, behind the handler wait_in_handler and
// what raised the signal,
//   main    fall, four times, and main; the alternate stack is on the heap, and that of main is copied too
//   second  fall, six times, and run_second; the alternate stack is a variable of run_second, above the stack that was interrupted
// With a number as its argument main falls so deep: of a stack that is larger than what is copied the outer frames are not known.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { size = 64 * 1024 };

static pthread_barrier_t both;

static void wait_in_handler(int number) {
  (void)number;
  pthread_barrier_wait(&both);
  for (;;) pause();
}

static void take_stack(void *at) {
  stack_t stack = {.ss_sp = at, .ss_size = size};
  if (at == NULL || sigaltstack(&stack, NULL) != 0) abort();
}

__attribute__((noinline)) static void fall(int depth) {
  volatile char room[512];
  memset((char *)room, depth, sizeof room);
  if (depth > 0) fall(depth - 1);
  else raise(SIGUSR1);
  room[0]++;
}

static void *run_second(void *unused) {
  char own[size];
  pthread_setname_np(pthread_self(), "second");
  take_stack(own);
  fall(5);
  return unused;
}

// Of the third, which is there to say so: both others are in their handlers.
static void *say_ready(void *unused) {
  pthread_barrier_wait(&both);
  puts("ready");
  fflush(stdout);
  for (;;) pause();
  return unused;
}

int main(int count, char **words) {
  struct sigaction action = {.sa_handler = wait_in_handler, .sa_flags = SA_ONSTACK};
  pthread_t threads[2];
  if (sigaction(SIGUSR1, &action, NULL) != 0) return 1;
  pthread_barrier_init(&both, NULL, 3);
  if (pthread_create(&threads[0], NULL, run_second, NULL) != 0) return 1;
  if (pthread_create(&threads[1], NULL, say_ready, NULL) != 0) return 1;
  take_stack(malloc(size));
  fall(count > 1 ? atoi(words[1]) : 3);
  return 0;
}
