// A list of words, the code of this project.
#include "list.h"

#include <stdlib.h>
#include <string.h>

void list_init(struct list *list) {
  list->words = NULL;
  list->length = 0;
  list->room = 0;
}

void list_push(struct list *list, const char *word) {
  if (list->length == list->room) {
    list->room = list->room == 0 ? 4 : 2 * list->room;
    list->words = realloc(list->words, list->room * sizeof *list->words);
  }
  char *copy = malloc(strlen(word) + 1);
  strcpy(copy, word);
  list->words[list->length++] = copy;
}

char *list_join(const struct list *list, const char *separator) {
  size_t size = 1;
  for (int i = 0; i < list->length; i++) size += strlen(list->words[i]) + strlen(separator);
  char *joined = malloc(size);
  joined[0] = '\0';
  for (int i = 0; i < list->length; i++) {
    if (i > 0) strcat(joined, separator);
    strcat(joined, list->words[i]);
  }
  return joined;
}

/* Known, and in vgrun-baseline.txt: the words themselves are not freed. */
void list_free(struct list *list) {
  free(list->words);
  list_init(list);
}
