// Is at a probe when signals come, all the time. Each call of tick() is one hit of a probe there, whatever a handler does:
// it returns, it calls tick() itself, or it jumps away. Prints how often tick() was called, three times more in children not counted,
// and how many signals are blocked at the end, which is none. Six calls of store() bring a signal each.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long sum, sevens, calls, nested, jumps;
static volatile int may_jump;
static sigjmp_buf back;

__attribute__((noinline)) static void tick(int i) {
  sum += i;
}

static void call(int i) {
  __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
  tick(i);
}

static void spin(void) {
  for (volatile int i = 0; i < 20000; i++) continue;
}

static void ignore(int number) {
  (void)number;
}

static void call_too(int number) {
  if (nested++ < 5) call(1000 + number);
}

static void jump(int number) {
  (void)number;
  if (may_jump && jumps < 5) {
    jumps++;
    may_jump = 0;
    siglongjmp(back, 1);
  }
}

// Its first instruction brings a signal.
__attribute__((noinline, optimize("O1"))) static void store(volatile int *to) {
  *to = 1;
}

static int *page;

static void unlock(int number) {
  (void)number;
  mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void leave(int number) {
  (void)number;
  siglongjmp(back, 1);
}

static void every(int which, int number, int microseconds, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  struct itimerval time = {{0, microseconds}, {0, microseconds}};
  sigaction(number, &action, 0);
  setitimer(which, &time, 0);
}

static void *work(void *nothing) {
  for (int i = 0; i < 20; i++) {
    call(2000);
    spin();
  }
  return nothing;
}

int main(void) {
  every(ITIMER_REAL, SIGALRM, 3000, ignore, 0);
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < 40; i++) {
      call(i);
      spin();
    }
  }
  every(ITIMER_REAL, SIGALRM, 3000, call_too, SA_NODEFER);
  for (int i = 0; i < 20; i++) call(3000);
  every(ITIMER_REAL, SIGALRM, 3000, jump, 0);
  for (volatile int i = 0; i < 10; i++) {
    sigsetjmp(back, 1);
    may_jump = 1;
    call(4000);
    may_jump = 0;
  }
  every(ITIMER_REAL, SIGALRM, 3000, ignore, 0);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], 0, work, 0);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], 0);
  every(ITIMER_REAL, SIGALRM, 0, ignore, 0);
  // Nobody handles SIGCHLD.
  for (int i = 0; i < 3; i++) {
    if (fork() == 0) {
      tick(6000);
      _exit(0);
    }
  }
  every(ITIMER_PROF, SIGPROF, 1000, ignore, 0);
  for (int i = 0; i < 40; i++) {
    call(5000);
    spin();
  }
  while (wait(0) > 0) continue;
  // Three times the handler makes it possible and returns, three times it jumps away.
  page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (volatile int i = 0; i < 6; i++) {
    signal(SIGSEGV, i < 3 ? unlock : leave);
    if (sigsetjmp(back, 1) == 0) store(page);
    mprotect(page, 4096, PROT_NONE);
  }
  sigset_t set;
  int blocked = 0;
  pthread_sigmask(SIG_BLOCK, 0, &set);
  for (int number = 1; number < NSIG; number++) blocked += sigismember(&set, number) == 1;
  printf("calls %ld sum %ld sevens %ld jumps %ld nested %d blocked %d\n", calls, sum, sevens, jumps, nested > 0, blocked);
  return 0;
}
