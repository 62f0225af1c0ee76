// Ends itself by an assertion that does not hold.
// Find: SIGABRT; glibc's message with "Assertion `amount <= balance' failed."; withdraw is the nearest own function. Build: gcc -g -O0
#include <assert.h>

__attribute__((noinline)) static int withdraw(int balance, int amount) {
  assert(amount <= balance); /* <- SIGABRT */
  return balance - amount;
}

int main(void) {
  return withdraw(50, 70);
}
