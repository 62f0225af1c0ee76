// What new[] made is given back by free(), and what new made by delete[].
// expect memcheck: MismatchedFree at by_free
// expect memcheck: MismatchedFree at by_delete_array
// outcome memcheck: findings, exited 0, status 100
#include <cstdlib>

static void by_free(char *p) {
  free(p); // <- MismatchedFree
}

static void by_delete_array(char *p) {
  delete[] p; // <- MismatchedFree
}

int main() {
  by_free(new char[10]);
  by_delete_array(new char('x'));
  return 0;
}
