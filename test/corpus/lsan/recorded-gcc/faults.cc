#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <sanitizer/asan_interface.h>
#define NOINLINE __attribute__((noinline))
volatile int one = 1;
volatile char sink;
char global_buffer[10] = "123456789";
NOINLINE char *allocate(size_t n) { return (char *)malloc(n); }
NOINLINE void release(char *p) { free(p); }
NOINLINE int *dangle() { int local[4] = {1, 2, 3, 4}; int *volatile p = local; return p; }
struct Big { long a[4]; ~Big() {} };
struct Small { char a; };
NOINLINE void *worker(void *p) { return (void *)(long)((char *)p)[10 * one]; }
NOINLINE int recurse(int n) { volatile char pad[4096]; pad[n % 4096] = 1; return recurse(n + 1) + pad[0]; }
static int compare(const char *a, const char *b) { return a < b; }
int main(int argc, char **argv) {
  std::string k = argc > 1 ? argv[1] : "";
  char *p = allocate(10);
  if (k == "heap-buffer-overflow") p[10 * one] = 1;
  else if (k == "heap-buffer-underflow") sink = p[-1 * one];
  else if (k == "heap-use-after-free") { release(p); sink = p[2 * one]; }
  else if (k == "stack-buffer-overflow") { char buf[8]; int n = 5; memset(buf, 0, 8); buf[8 * one] = (char)n; sink = buf[0]; }
  else if (k == "stack-buffer-underflow") { char buf[8]; memset(buf, 0, 8); sink = buf[-1 * one]; }
  else if (k == "global-buffer-overflow") sink = global_buffer[10 * one];
  else if (k == "dynamic-stack-buffer-overflow") { char *volatile v = (char *)__builtin_alloca(16 * one); v[16 * one] = 1; }
  else if (k == "stack-use-after-return") sink = dangle()[one];
  else if (k == "stack-use-after-scope") { int *volatile q; { int inner = 4; q = &inner; } sink = *q; }
  else if (k == "use-after-poison") { ASAN_POISON_MEMORY_REGION(p, 8); sink = p[one]; }
  else if (k == "double-free") { release(p); release(p); }
  else if (k == "bad-free") free(p + 1 * one);
  else if (k == "bad-free-stack") { int x; int *volatile q = &x; free((void *)q); }
  else if (k == "alloc-dealloc-mismatch") { operator delete(p); p = nullptr; }
  else if (k == "new-delete-type-mismatch") { Big *b = new Big; operator delete((void *)b, sizeof(Small)); }
  else if (k == "container-overflow") { std::vector<int> v(4); v.reserve(16); int *d = v.data(); sink = d[8 * one]; }
  else if (k == "param-overlap") { memcpy(p, p + one, 5); }
  else if (k == "negative-size") { volatile size_t n = (size_t)-one; memmove(p, p + 1, n); }
  else if (k == "calloc-overflow") sink = (char)(long)calloc((size_t)-1, 8 * one);
  else if (k == "allocation-size-too-big") sink = (char)(long)malloc((size_t)-1 - (1 << 20) * one);
  else if (k == "invalid-alignment") { void *q; sink = posix_memalign(&q, 17 * one, 8); }
  else if (k == "invalid-aligned-alloc") sink = (char)(long)aligned_alloc(3 * one, 8);
  else if (k == "malloc-usable-size") sink = malloc_usable_size(p + one);
  else if (k == "invalid-pointer-pair") { char *q = allocate(10); sink = compare(p, q); }
  else if (k == "pvalloc-overflow") sink = (char)(long)pvalloc((size_t)-1 * one);
  else if (k == "segv-null") *(volatile int *)0 = one;
  else if (k == "segv-wild") sink = *(volatile char *)(0x1234567890ab * one);
  else if (k == "segv-jump") ((void (*)())(0x10L * one))();
  else if (k == "abort") abort();
  else if (k == "fpe") sink = 7 / (one - 1);
  else if (k == "ill") { __asm__ volatile("ud2"); }
  else if (k == "bus") { char *m = (char *)p; (void)m; raise(SIGBUS); }
  else if (k == "stack-overflow") sink = recurse(one);
  else if (k == "thread") { pthread_t t; pthread_create(&t, nullptr, worker, p); pthread_join(t, nullptr); }
  else if (k == "leak") { char **q = (char **)allocate(16); q[0] = allocate(7); q = nullptr; p = nullptr; }
  else if (k == "wild-free") free((void *)(0x1234567890a0 * one));
  else if (k == "oom") { for (;;) { char *q = allocate(100 << 20); if (!q) break; memset(q, 1, 100 << 20); } }
  if (k == "leak") return 0;
  return 0;
}
