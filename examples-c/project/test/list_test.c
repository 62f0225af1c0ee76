// The tests of the list: 0 when all pass.
#include "../src/list.h"
#include "../vendor/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void expect(const char *what, int holds) {
  if (holds) return;
  printf("failed: %s\n", what);
  failures++;
}

static void test_push(void) {
  struct list list;
  list_init(&list);
  list_push(&list, "one");
  list_push(&list, "two");
  expect("two words were pushed", list.length == 2);
  list_free(&list);
}

static void test_join(void) {
  struct list list;
  list_init(&list);
  list_push(&list, "a");
  list_push(&list, "b");
  char *joined = list_join(&list, ", ");
  expect("the words are joined", strcmp(joined, "a, b") == 0);
  free(joined);
  list_free(&list);
}

int main(void) {
  config_load();
  test_push();
  test_join();
  return failures == 0 ? 0 : 1;
}
