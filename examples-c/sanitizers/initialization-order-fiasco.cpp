// A global is initialised with one of another file, which is not initialised yet.
// expect asan: initialization-order-fiasco at read_other
// compile: gcc clang
// flags: -fsanitize=address
// runtime: check_initialization_order=1:strict_init_order=1
// second: -DOTHER_FILE
int compute();

#ifdef OTHER_FILE
int other = compute();
#else
extern int other;

int read_other() {
  return other; // <- initialization-order-fiasco
}

int first = read_other();

int compute() { return 42; }

int main() { return first - other; }
#endif
