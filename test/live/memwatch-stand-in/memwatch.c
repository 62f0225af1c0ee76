/* Writes a log as memwatch does, in a few lines of our own: memwatch itself is under the GPL and cannot be in this project. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct block { struct block *next; void *bytes; size_t size; const char *file; int line; long count; };
static struct block *first;
static FILE *mwLog;
static long calls, made, total, inUse, largest;
static void mwTerm(void) {
  fprintf(mwLog, "\nStopped at Sun Nov 22 19:18:05 2026\n\n");
  for (struct block *b = first; b != NULL; b = b->next) {
    fprintf(mwLog, "unfreed: <%ld> %s(%d), %ld bytes at %p  \t{", b->count, b->file, b->line, (long)b->size, b->bytes);
    for (int i = 0; i < 16; i++) fprintf(mwLog, i < (int)b->size ? "FE " : ".. ");
    for (int i = 0; i < 16 && i < (int)b->size; i++) fputc('.', mwLog);
    fprintf(mwLog, "}\n");
  }
  fprintf(mwLog, "\nMemory usage statistics (global):\n N)umber of allocations made: %ld\n", made);
  fprintf(mwLog, " L)argest memory usage      : %ld\n T)otal of all alloc() calls: %ld\n", largest, total);
  fprintf(mwLog, " U)nfreed bytes totals      : %ld\n\n", inUse);
  fclose(mwLog);
}
static void mwInit(void) {
  if (mwLog != NULL) return;
  mwLog = fopen("memwatch.log", "a");
  fprintf(mwLog, "\n============= MEMWATCH 2.71 Copyright (C) 1992-1999 Johan Lindh =============\n\n");
  fprintf(mwLog, "Started at Sun Nov 22 19:18:05 2026\n\n");
  atexit(mwTerm);
}
void *mwMalloc(size_t size, const char *file, int line) {
  mwInit();
  struct block *b = malloc(sizeof *b);
  *b = (struct block){first, memset(malloc(size), 0xFE, size), size, file, line, ++calls};
  first = b;
  made++; total += size; inUse += size;
  if (inUse > largest) largest = inUse;
  return b->bytes;
}
void mwFree(void *pointer, const char *file, int line) {
  mwInit();
  calls++;
  for (struct block **p = &first; *p != NULL; p = &(*p)->next) {
    if ((*p)->bytes != pointer) continue;
    struct block *b = *p;
    inUse -= b->size; *p = b->next; free(b); free(pointer);
    return;
  }
  fprintf(mwLog, "WILD free: <%ld> %s(%d), unknown pointer %p\n", calls, file, line, pointer);
}
