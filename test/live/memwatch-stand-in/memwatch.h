/* What memwatch.c beside it replaces. */
#ifndef MEMWATCH_H
#define MEMWATCH_H
#include <stddef.h>
void *mwMalloc(size_t size, const char *file, int line);
void mwFree(void *pointer, const char *file, int line);
#ifdef MEMWATCH
#define malloc(n) mwMalloc(n, __FILE__, __LINE__)
#define free(p) mwFree(p, __FILE__, __LINE__)
#endif
#endif
