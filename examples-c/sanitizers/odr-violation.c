// A program and its library define one variable, with different sizes.
// expect asan: odr-violation at shared_numbers
// compile: gcc clang
// flags gcc: -fsanitize=address
// flags clang: -fsanitize=address -fsanitize-address-use-odr-indicator
// library: -DLIBRARY
#ifdef LIBRARY
int shared_numbers[200] = {1}; // <- odr-violation

int from_library(void) { return shared_numbers[0]; }
#else
int shared_numbers[100] = {1}; // <- odr-violation

int from_library(void);

int main(void) { return from_library() - shared_numbers[0]; }
#endif
