// Macros of every kind, for `vgrun macro`. With -g3: MACRO3(3) is (((++(3))+100)+200), from line 8; LIMIT is 10 in before(),
// 20 in main() and not defined in after(); JOIN(var, 1) is var1; SHOW(a + b) is "a + b"; NAMES in comments and strings are
// no uses.
#include <stdio.h>

#define MACRO1(x) (++(x))
#define MACRO2(x) (MACRO1(x)+100)
#define MACRO3(x) (MACRO2(x)+200)
#define LIMIT 10
#define JOIN(a, b) a##b
#define SHOW(x) #x
#define SELF SELF + 1
#define EMPTY

/* MACRO3(1) in a comment is no use, // nor is this MACRO3 */
static int before(void) { return LIMIT; }

#undef LIMIT
#define LIMIT 20

int main(void) {
  int a = 0;
  int b = 0;
  int JOIN(var, 1) = LIMIT;
  b = MACRO3(a);
  printf("MACRO3(2) %d %d %s\n", b + var1 + before(), \
         MACRO3 (a), SHOW(a + b));
  return 0;
}

#undef LIMIT
int after(void) { return 0; }
