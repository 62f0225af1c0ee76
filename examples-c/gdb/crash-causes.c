// Crashes whose cause is easily told wrong; the argument chooses one: code that was made at run time (`made-leaf`, `made-jump`,
// `made-pushed`, `made-room`, `made-frame`, `bare`), instructions of the kernel (`hlt`, `in`, …), stacks that are too small (`alloca`,
// `frames`, `thread`), calls to what is no address (`call`, `call-memory`, `return`), a handler that crashes itself (`handler`,
// `handler-info`, `handler-abort`, `handler-sent`), a system call that a filter forbids (`filter`).
// Find: the caller of the code, and what the instruction, the stack or the first fault was. Build: gcc -g -O0 -pthread
#define _GNU_SOURCE
#include <alloca.h>
#include <emmintrin.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* xor %eax,%eax; mov (%rax),%eax; …: each reads from NULL. */
static const unsigned char leaf[] = {0x31, 0xc0, 0x8b, 0x00, 0xc3};
/* …; jmp *%rax: it does not tell where it returns. */
static const unsigned char jump[] = {0x31, 0xc0, 0x8b, 0x00, 0xff, 0xe0};
/* push %rbx; …; pop %rbx; ret */
static const unsigned char pushed[] = {0x53, 0x31, 0xc0, 0x8b, 0x00, 0x5b, 0xc3};
/* sub $0x28,%rsp; …; test %eax,%eax; je to the end; nop; add $0x28,%rsp; ret */
static const unsigned char room[] = {0x48, 0x83, 0xec, 0x28, 0x31, 0xc0, 0x8b, 0x00, 0x85, 0xc0,
                                     0x74, 0x01, 0x90, 0x48, 0x83, 0xc4, 0x28, 0xc3};
/* push %rbp; mov %rsp,%rbp; sub $0x20,%rsp; …; leave; ret */
static const unsigned char frame[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20,
                                      0x31, 0xc0, 0x8b, 0x00, 0xc9, 0xc3};

__attribute__((noinline)) static int made(const unsigned char *bytes, size_t count) {
  unsigned char *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page + 0x100, bytes, count);
  return ((int (*)(void))(page + 0x100))() + 1; /* <- the caller */
}

/* A function of an assembler that says nothing of its frame. */
__asm__(".text\n.type bare, @function\nbare: pushq %rbx\nxorl %eax, %eax\nmovl (%rax), %eax\npopq %rbx\nret\n"
        ".size bare, . - bare");
int bare(void);

__attribute__((noinline)) static int frames(int depth) {
  volatile char place[64 * 1024];
  place[0] = (char)depth;
  return frames(depth + 1) + place[0];
}

static void *of_thread(void *unused) {
  volatile char *place = alloca(260 * 1024);
  place[0] = 1;
  return unused;
}

static void small_thread(void) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  pthread_t thread;
  pthread_create(&thread, &attributes, of_thread, 0);
  pthread_join(thread, 0);
}

static void handler(int number) {
  *(volatile int *)0x30 = number;
}

static void handler_with_information(int number, siginfo_t *information, void *context) {
  (void)information, (void)context;
  *(volatile int *)0x30 = number;
}

static void aborting(int number) {
  (void)number;
  abort();
}

static void first_fault(void) {
  *(volatile int *)0x10 = 1; /* <- the first fault */
}

static void forbid_getppid(void) {
  struct sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof rules / sizeof *rules, rules};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

int main(int count, char **words) {
  const char *how = count > 1 ? words[1] : "";
  void (*volatile no_function)(void) = (void (*)(void))0x4242424242424242;
  void *table[2] = {0, (void *)0x4242424242424242};
  char place[64] = "";
  if (!strcmp(how, "made-leaf")) return made(leaf, sizeof leaf) + 1;
  if (!strcmp(how, "made-jump")) return made(jump, sizeof jump) + 1;
  if (!strcmp(how, "made-pushed")) return made(pushed, sizeof pushed) + 1;
  if (!strcmp(how, "made-room")) return made(room, sizeof room) + 1;
  if (!strcmp(how, "made-frame")) return made(frame, sizeof frame) + 1;
  if (!strcmp(how, "bare")) return bare() + 1;
  if (!strcmp(how, "hlt")) __asm__("hlt");
  if (!strcmp(how, "in")) __asm__("inb $0x60, %%al" ::: "rax");
  if (!strcmp(how, "wrmsr")) __asm__("wrmsr");
  if (!strcmp(how, "control")) __asm__("mov %%cr0, %%rax" ::: "rax");
  if (!strcmp(how, "lgdt")) __asm__("lgdt %0" : : "m"(place));
  if (!strcmp(how, "int")) __asm__("int $0x42");
  if (!strcmp(how, "unaligned"))
    _mm_store_si128((__m128i *)(((unsigned long)place & ~15ul) + 24), _mm_setzero_si128());
  if (!strcmp(how, "call")) no_function();
  if (!strcmp(how, "call-memory")) __asm__("call *8(%0)" ::"r"(table));
  if (!strcmp(how, "jump")) __asm__("jmp *%0" ::"r"(0x4242424242424242));
  if (!strcmp(how, "return")) __asm__("push %0\nret" ::"r"(0x4242424242424242));
  if (!strcmp(how, "alloca")) ((volatile char *)alloca(9 * 1024 * 1024))[0] = 1;
  if (!strcmp(how, "frames")) return frames(1);
  if (!strcmp(how, "thread")) small_thread();
  struct sigaction action = {.sa_sigaction = handler_with_information, .sa_flags = SA_SIGINFO};
  if (!strcmp(how, "handler")) signal(SIGSEGV, handler);
  if (!strcmp(how, "handler-info")) sigaction(SIGSEGV, &action, 0);
  if (!strcmp(how, "handler-abort")) signal(SIGSEGV, aborting);
  if (!strcmp(how, "handler-sent")) raise((signal(SIGUSR1, handler), SIGUSR1));
  if (!strncmp(how, "handler", 7)) first_fault();
  if (!strcmp(how, "filter")) {
    forbid_getppid();
    syscall(SYS_getppid);
  }
  return 0;
}
