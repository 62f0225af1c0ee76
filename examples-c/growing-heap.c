// Reads, indexes and prints an address book. The heap grows in three phases and is largest while the index is built.
// Most of it then is what remember_key copies, three calls below build_index: a whole page for a key of a few letters.
// A heap profile (massif, dhat) shows that; there is no error in it for memcheck to find.
// outcome memcheck: clean, exited 0, status 0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { people = 400, page = 4096 };

struct person {
  char name[24];
  int age;
};

struct entry {
  char *key;
  struct person *person;
};

static char *remember_key(const char *name) {
  char *key = malloc(page); // the culprit: strlen(name) + 1 would do
  snprintf(key, page, "%s", name);
  return key;
}

static struct entry new_entry(struct person *person) {
  return (struct entry){.key = remember_key(person->name), .person = person};
}

static void fill_index(struct entry *index, struct person **book) {
  for (int i = 0; i < people; i++) index[i] = new_entry(book[i]);
}

static struct entry *build_index(struct person **book) {
  struct entry *index = malloc(people * sizeof *index);
  fill_index(index, book);
  return index;
}

static struct person *read_person(int number) {
  struct person *person = malloc(sizeof *person);
  snprintf(person->name, sizeof person->name, "person %d", number);
  person->age = number % 100;
  return person;
}

static struct person **read_book(void) {
  struct person **book = malloc(people * sizeof *book);
  for (int i = 0; i < people; i++) book[i] = read_person(i);
  return book;
}

static void free_index(struct entry *index) {
  for (int i = 0; i < people; i++) free(index[i].key);
  free(index);
}

static int print_pages(struct person **book) {
  int printed = 0;
  for (int first = 0; first < people; first += 40) {
    char *text = calloc(40, sizeof book[0]->name + 8);
    for (int i = first; i < first + 40; i++) strncat(text, book[i]->name, sizeof book[i]->name);
    printed += strlen(text) > 0;
    free(text);
  }
  return printed;
}

int main(void) {
  struct person **book = read_book();
  struct entry *index = build_index(book);
  int found = strcmp(index[7].key, "person 7") == 0;
  free_index(index);
  int printed = print_pages(book);
  for (int i = 0; i < people; i++) free(book[i]);
  free(book);
  return found && printed == 10 ? 0 : 1;
}
