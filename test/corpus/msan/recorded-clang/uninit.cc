#include <cstdlib>
#include <cstring>
#include <unistd.h>
volatile int sink;
struct P { int a, b; };
__attribute__((noinline)) int use(int v) { if (v > 3) return 1; return 2; }
__attribute__((noinline)) void copy(int *to, int *from) { *to = *from; }
int main(int argc, char **argv) {
  const char *k = argc > 1 ? argv[1] : "";
  if (!strcmp(k, "stack")) { int x[4]; int *volatile p = x; sink = use(p[1]); }
  if (!strcmp(k, "heap")) { int *p = (int *)malloc(16); int y; copy(&y, p); int z; copy(&z, &y); sink = use(z); free(p); }
  if (!strcmp(k, "freed")) { int *p = (int *)malloc(16); p[0] = 1; free(p); int *volatile q = p; sink = use(q[0]); }
  if (!strcmp(k, "syscall")) { char *p = (char *)malloc(10); memset(p, 1, 4); sink = write(2, p, 10) > 0; }
  if (!strcmp(k, "segv")) *(volatile int *)8 = 1;
  return 0;
}
