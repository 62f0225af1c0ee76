// A list of words, the code of this project.
#ifndef LIST_H
#define LIST_H

struct list {
  char **words;
  int length;
  int room;
};

void list_init(struct list *list);
/* Copies the word. */
void list_push(struct list *list, const char *word);
/* The words in one string, with a separator between them; the caller frees it. */
char *list_join(const struct list *list, const char *separator);
void list_free(struct list *list);

#endif
