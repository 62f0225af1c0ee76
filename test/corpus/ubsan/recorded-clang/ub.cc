#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cfloat>
#include <climits>
volatile int one = 1;
volatile int sink;
enum E { A, B };
struct Base { virtual ~Base() {} virtual int f() { return 1; } };
struct Derived : Base { int f() override { return 2; } };
struct Other { virtual ~Other() {} virtual int g() { return 3; } };
struct S { int a; int b; };
__attribute__((nonnull)) int needs(char *p) { return p != nullptr; }
__attribute__((returns_nonnull)) char *gives(char *p) { return p; }
int missing(int n) { if (n > 100) return 1; }
void target(int) {}
int main(int argc, char **argv) {
  const char *k = argc > 1 ? argv[1] : "";
#define CASE(name) if (!strcmp(k, name))
  CASE("signed-integer-overflow") { int x = INT_MAX; x += one; sink = x; x = INT_MIN; sink = -x; sink = x * one - one; }
  CASE("integer-divide-by-zero") sink = 5 / (one - 1);
  CASE("shift") { sink = 1 << (34 * one); sink = -1 * one << 3; sink = 1 << (-1 * one); sink = (2 * one) << 31; }
  CASE("bounds") { int a[4] = {0}; sink = a[3 + one]; }
  CASE("float-cast-overflow") { double d = 1e30 * one; sink = (int)d; }
  CASE("bool") { unsigned char c = 161; bool b; memcpy(&b, &c, 1); sink = b; }
  CASE("enum") { int i = 72; E e; memcpy((void *)&e, &i, sizeof e); sink = e == A; sink = (int)e; }
  CASE("null") { S *s = one ? nullptr : new S; sink = s->b; }
  CASE("alignment") { char buf[16] = {0}; sink = *(int *)(buf + one); *(int *)(buf + one) = 4; }
  CASE("vptr") { Base *b = (Base *)new Other; sink = b->f(); }
  CASE("object-size") { char c[2] = {0}; int *p = (int *)c; sink = p[0]; }
  CASE("nonnull-attribute") sink = needs(one ? nullptr : argv[0]);
  CASE("returns-nonnull-attribute") sink = gives(one ? nullptr : argv[0]) != nullptr;
  CASE("return") sink = missing(one);
  CASE("unreachable") { if (one) __builtin_unreachable(); }
  CASE("vla-bound") { int n = -one; int v[n]; sink = sizeof v; }
  CASE("builtin") sink = __builtin_ctz(one - 1);
  CASE("pointer-overflow") { char *p = (char *)(long)one; p = p + ((unsigned long)-1 - 5) ; sink = p != nullptr; char *q = one ? nullptr : argv[0]; q += one; sink = q != nullptr; }
  CASE("function") { void (*f)(float) = (void (*)(float))target; f(1.0f); }
  CASE("implicit-conversion") { int x = 300 * one; unsigned char c = x; sink = c; unsigned u = -one; sink = u; }
  CASE("unsigned-integer-overflow") { unsigned x = 0; x -= one; sink = x; }
  CASE("repeat") for (int i = 0; i < 5; i++) sink = 1 << (34 + i);
  return 0;
}
