#include <cstdlib>
int make() { return atoi("5"); }
int second = make();
