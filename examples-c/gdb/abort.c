// Ends itself with abort() when a rule of its own is broken.
// Find: SIGABRT; check_balance is the nearest own function, called by withdraw and main; amount 70. Build: gcc -g -O0
#include <stdlib.h>

__attribute__((noinline)) static void check_balance(int balance) {
  if (balance < 0)
    abort(); /* <- SIGABRT */
}

__attribute__((noinline)) static int withdraw(int balance, int amount) {
  balance -= amount;
  check_balance(balance);
  return balance;
}

int main(void) {
  return withdraw(50, 70);
}
