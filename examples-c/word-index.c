// Counts words. It is slow, because all words are in one list, and it grows, because it keeps each line; built with
// -DFIXED it does neither. docs/profiling.md finds both.
// outcome memcheck: clean, exited 0, status 0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FIXED
enum { buckets = 4096 };
#else
enum { buckets = 1 };
#endif

struct word {
  struct word *next;
  unsigned count;
  char text[16];
};

struct line {
  struct line *next;
  char text[112];
};

static struct word *table[buckets];
static struct line *history;

static unsigned hash(const char *text) {
  unsigned value = 5381;
  while (*text) value = value * 33 + (unsigned char)*text++;
  return value % buckets;
}

static struct word *find_word(const char *text) {
  struct word **bucket = &table[hash(text)];
  for (struct word *word = *bucket; word; word = word->next)
    if (strcmp(word->text, text) == 0) return word;
  struct word *word = calloc(1, sizeof *word);
  snprintf(word->text, sizeof word->text, "%s", text);
  word->next = *bucket;
  return *bucket = word;
}

static void remember_line(const char *text) {
#ifndef FIXED
  struct line *line = malloc(sizeof *line);
  snprintf(line->text, sizeof line->text, "%s", text);
  line->next = history;
  history = line;
#else
  (void)text;
#endif
}

static void count_line(char *text) {
  remember_line(text);
  for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) find_word(word)->count++;
}

static void forget_all(void) {
  for (struct line *next; history; history = next) next = history->next, free(history);
  for (int bucket = 0; bucket < buckets; bucket++)
    for (struct word *next; table[bucket]; table[bucket] = next) next = table[bucket]->next, free(table[bucket]);
}

int main(int argc, char **argv) {
  int lines = argc > 1 ? atoi(argv[1]) : 400;
  unsigned seed = 1, most = 0;
  for (int number = 0; number < lines; number++) {
    char text[112] = "";
    for (int word = 0; word < 8; word++) {
      seed = seed * 1664525u + 1013904223u;
      snprintf(text + strlen(text), sizeof text - strlen(text), "word%u ", (seed >> 16) % 2000);
    }
    count_line(text);
  }
  for (int bucket = 0; bucket < buckets; bucket++)
    for (struct word *word = table[bucket]; word; word = word->next)
      if (word->count > most) most = word->count;
  printf("%d lines, the most frequent word occurs %u times\n", lines, most);
  forget_all();
  return 0;
}
