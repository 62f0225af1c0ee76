// Loses the head of a list of three, with all that hangs on it, and a block of 100 bytes.
// expect lsan: direct-leak at lose_list, 32 bytes in 1 blocks
// expect lsan: indirect-leak at lose_list, 64 bytes in 2 blocks
// expect lsan: direct-leak at lose_block, 100 bytes in 1 blocks
// compile: gcc clang
// flags: -fsanitize=address
// flags: -fsanitize=leak
#include <pthread.h>
#include <stdlib.h>

struct node {
  struct node *next;
  char more[24];
};

void lose_list(void) {
  struct node *head = calloc(1, sizeof *head); // <- direct-leak
  for (int i = 0; i < 2; i++) {
    struct node *node = calloc(1, sizeof *node); // <- indirect-leak
    node->next = head->next;
    head->next = node;
  }
}

void lose_block(void) {
  char *lost = malloc(100); // <- direct-leak
  lost[0] = 1;
}

/* In a thread: on the stack of main, what functions left there would count as pointers. */
void *lose(void *unused) {
  lose_list();
  lose_block();
  return 0;
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, 0, lose, 0);
  pthread_join(thread, 0);
  return 0;
}
