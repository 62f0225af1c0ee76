#include <cstdio>
extern int second;
int read_second() { return second + 1; }
int first = read_second();
int main() { return first == 77; }
