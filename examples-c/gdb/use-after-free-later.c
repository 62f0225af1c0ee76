// Frees a node that a list still holds and crashes when it walks the list: the pointer that it follows lies in a freed block.
// Find: SIGSEGV in sum_of, called by main; the address comes out of a freed block, and the free itself is long past.
// Build: gcc -g -O0
#include <stdlib.h>

struct node {
  struct node *next;
  long value;
};

static struct node *node_before(struct node *next, long value) {
  struct node *node = malloc(sizeof *node);
  node->next = next;
  node->value = value;
  return node;
}

__attribute__((noinline)) static long sum_of(const struct node *node) {
  long sum = 0;
  for (; node; node = node->next)
    sum += node->value; /* <- SIGSEGV: next is what free() left there */
  return sum;
}

int main(void) {
  struct node *last = node_before(0, 3);
  struct node *list = node_before(node_before(last, 2), 1);
  free(list->next); /* and the list still goes through it */
  return (int)sum_of(list);
}
