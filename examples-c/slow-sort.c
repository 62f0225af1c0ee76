// Sorting a few hundred names takes long, because the helper that compares letters measures the whole name for each of them.
// outcome memcheck: clean, exited 0, status 0
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { names = 200, longest = 48 };

static char list[names][longest];

// The reason: strlen for each letter. The length could be taken once for each name.
static int letter_at(const char *name, size_t at) {
  return at < strlen(name) ? tolower((unsigned char)name[at]) : 0;
}

static int compare_names(const char *left, const char *right) {
  for (size_t at = 0;; at++) {
    int a = letter_at(left, at), b = letter_at(right, at);
    if (a != b || a == 0) return a - b;
  }
}

static void swap_names(char *left, char *right) {
  char kept[longest];
  memcpy(kept, left, longest);
  memcpy(left, right, longest);
  memcpy(right, kept, longest);
}

static void sort_names(int from, int to) {
  if (to - from < 2) return;
  int middle = from;
  for (int i = from + 1; i < to; i++) {
    if (compare_names(list[i], list[from]) < 0) swap_names(list[++middle], list[i]);
  }
  swap_names(list[from], list[middle]);
  sort_names(from, middle);
  sort_names(middle + 1, to);
}

static void make_names(void) {
  unsigned seed = 7;
  for (int i = 0; i < names; i++) {
    seed = seed * 1664525u + 1013904223u;
    snprintf(list[i], longest, "Customer of the northern branch number %05u", seed >> 16);
  }
}

int main(void) {
  make_names();
  sort_names(0, names);
  printf("%s\n%s\n", list[0], list[names - 1]);
  return 0;
}
