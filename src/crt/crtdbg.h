/* crtdbg.h: the debug heap of Microsoft's C runtime, for Linux. Programs that were written against it compile and run unchanged:
 *
 *     c++ -D_DEBUG -g -I"$(vgrun include)" test.cpp
 *
 * What _CrtDumpMemoryLeaks() says comes from whoever can know it best:
 *   - memcheck, when the program runs under it: a leak check is made, and its log has the blocks with their calls;
 *   - LeakSanitizer, in a build with -fsanitize=address or -fsanitize=leak: likewise;
 *   - else, with -D_DEBUG, a list that this header keeps of what malloc, calloc, realloc, strdup and new gave and free and
 *     delete took back; with _CRTDBG_MAP_ALLOC it knows file and line. It is printed in the form of the CRT, to stderr.
 *
 * The list sees only files that include this header: a block that a library frees for the program stays in it, and a block
 * that a library gave is not in it. Blocks have a guard behind them and none before. Under memcheck and LeakSanitizer there is
 * no list, because blocks that stand in one are not lost: what needs it says so.
 *
 * All is defined in this file, as weak symbols, so that all files of a program share one list. GCC or clang, C89 to C23,
 * C++98 to C++23, ELF systems.
 */
#ifndef VGRUN_CRTDBG_H
#define VGRUN_CRTDBG_H

#if !defined(__GNUC__)
#error "this crtdbg.h needs gcc or clang; on Windows use the one that comes with the compiler"
#endif

/* First all headers that declare what is mapped below, or that take a mapping away. */
#ifdef __cplusplus
#include <cstdlib>
#include <cstring>
#include <new>
#endif
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<malloc.h>)
#include <malloc.h>
#endif
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define VGRUN_CRT_MEMCHECK 1
#endif
#endif

#define VGRUN_CRT_WEAK __attribute__((weak, unused))

#if defined(__has_attribute)
#if __has_attribute(error)
#define VGRUN_CRT_MISSING(text) __attribute__((error("crtdbg.h: " text)))
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Words of the CRT ---- */

#define _FREE_BLOCK 0
#define _NORMAL_BLOCK 1
#define _CRT_BLOCK 2
#define _IGNORE_BLOCK 3
#define _CLIENT_BLOCK 4
#define _MAX_BLOCKS 5
#define _BLOCK_TYPE(use) ((use) & 0xFFFF)
#define _BLOCK_SUBTYPE(use) (((use) >> 16) & 0xFFFF)

#define _CRT_WARN 0
#define _CRT_ERROR 1
#define _CRT_ASSERT 2
#define _CRT_ERRCNT 3

#define _CRTDBG_MODE_FILE 0x1
#define _CRTDBG_MODE_DEBUG 0x2
#define _CRTDBG_MODE_WNDW 0x4
#define _CRTDBG_REPORT_MODE (-1)

typedef void *_HFILE;
#define _CRTDBG_INVALID_HFILE ((_HFILE)-1)
#define _CRTDBG_HFILE_ERROR ((_HFILE)-2)
#define _CRTDBG_FILE_STDOUT ((_HFILE)-4)
#define _CRTDBG_FILE_STDERR ((_HFILE)-5)
#define _CRTDBG_REPORT_FILE ((_HFILE)-6)

#define _CRTDBG_ALLOC_MEM_DF 0x01
#define _CRTDBG_DELAY_FREE_MEM_DF 0x02
#define _CRTDBG_CHECK_ALWAYS_DF 0x04
#define _CRTDBG_RESERVED_DF 0x08
#define _CRTDBG_CHECK_CRT_DF 0x10
#define _CRTDBG_LEAK_CHECK_DF 0x20
#define _CRTDBG_CHECK_EVERY_16_DF 0x00100000
#define _CRTDBG_CHECK_EVERY_128_DF 0x00800000
#define _CRTDBG_CHECK_EVERY_1024_DF 0x04000000
#define _CRTDBG_CHECK_DEFAULT_DF 0
#define _CRTDBG_REPORT_FLAG (-1)

typedef struct _CrtMemBlockHeader _CrtMemBlockHeader;

typedef struct _CrtMemState {
  _CrtMemBlockHeader *pBlockHeader;
  size_t lCounts[_MAX_BLOCKS];
  size_t lSizes[_MAX_BLOCKS];
  size_t lHighWaterCount;
  size_t lTotalCount;
} _CrtMemState;

/* ---- Who can say what was lost ---- */

extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

#define VGRUN_CRT_NOBODY 1
#define VGRUN_CRT_IS_MEMCHECK 2
#define VGRUN_CRT_IS_LSAN 3

extern int vgrun_crt_judge_known;
VGRUN_CRT_WEAK int vgrun_crt_judge_known = 0;

int vgrun_crt_judge(void);
VGRUN_CRT_WEAK int vgrun_crt_judge(void) {
  if (vgrun_crt_judge_known == 0) {
    int judge = VGRUN_CRT_NOBODY;
#ifdef VGRUN_CRT_MEMCHECK
    /* Other tools of valgrind do not know this request, and know nothing of leaks. */
    char byte = 0;
    char bits = 0;
    if (VALGRIND_GET_VBITS(&byte, &bits, 1) == 1) judge = VGRUN_CRT_IS_MEMCHECK;
#else
    const char *preload = getenv("LD_PRELOAD");
    if (preload != NULL && strstr(preload, "vgpreload_memcheck") != NULL) judge = VGRUN_CRT_IS_MEMCHECK;
#endif
    if (&__lsan_do_recoverable_leak_check != NULL) {
      const char *asan = getenv("ASAN_OPTIONS");
      const char *lsan = getenv("LSAN_OPTIONS");
      const int off = (asan != NULL && (strstr(asan, "detect_leaks=0") != NULL || strstr(asan, "detect_leaks=false") != NULL)) ||
                      (lsan != NULL && (strstr(lsan, "detect_leaks=0") != NULL || strstr(lsan, "detect_leaks=false") != NULL));
      if (!off) judge = VGRUN_CRT_IS_LSAN;
    }
    vgrun_crt_judge_known = judge;
  }
  return vgrun_crt_judge_known;
}

/* ---- Saying something ---- */

typedef int (*_CRT_REPORT_HOOK)(int, char *, int *);
typedef void (*_CRT_DUMP_CLIENT)(void *, size_t);

struct vgrun_crt_reports {
  int modes[_CRT_ERRCNT];
  _HFILE files[_CRT_ERRCNT];
  _CRT_REPORT_HOOK hook;
};

extern struct vgrun_crt_reports vgrun_crt_reports;
VGRUN_CRT_WEAK struct vgrun_crt_reports vgrun_crt_reports = {
    {_CRTDBG_MODE_DEBUG, _CRTDBG_MODE_WNDW, _CRTDBG_MODE_WNDW},
    {_CRTDBG_INVALID_HFILE, _CRTDBG_INVALID_HFILE, _CRTDBG_INVALID_HFILE},
    NULL};

/* There is no debugger's window and no dialog box here: what goes to them goes to stderr. */
void vgrun_crt_write(int type, char *text);
VGRUN_CRT_WEAK void vgrun_crt_write(int type, char *text) {
  const int mode = vgrun_crt_reports.modes[type];
  const _HFILE file = vgrun_crt_reports.files[type];
  FILE *out = stderr;
  int answer = 0;
  if (vgrun_crt_reports.hook != NULL && vgrun_crt_reports.hook(type, text, &answer)) return;
  if (mode == 0) return;
  if ((mode & _CRTDBG_MODE_FILE) != 0) {
    if (file == _CRTDBG_FILE_STDOUT) out = stdout;
    else if (file != _CRTDBG_FILE_STDERR && file != _CRTDBG_INVALID_HFILE) out = (FILE *)file;
    fputs(text, out);
    fflush(out);
    if (out == stderr || (mode & ~_CRTDBG_MODE_FILE) == 0) return;
  }
  fputs(text, stderr);
  fflush(stderr);
}

void vgrun_crt_say(int type, const char *format, ...) __attribute__((format(printf, 2, 3)));
VGRUN_CRT_WEAK void vgrun_crt_say(int type, const char *format, ...) {
  char text[4096];
  va_list words;
  va_start(words, format);
  __builtin_vsnprintf(text, sizeof text, format, words);
  va_end(words);
  vgrun_crt_write(type, text);
}

extern int vgrun_crt_said;
VGRUN_CRT_WEAK int vgrun_crt_said = 0;

/* What cannot be done is said, once for each sort. */
void vgrun_crt_cannot(int sort, const char *what);
VGRUN_CRT_WEAK void vgrun_crt_cannot(int sort, const char *what) {
  if ((vgrun_crt_said & sort) != 0) return;
  vgrun_crt_said |= sort;
  fprintf(stderr, "crtdbg.h: %s\n", what);
}

/* ---- What an instrument knows ---- */

int vgrun_crt_ask(void);
VGRUN_CRT_WEAK int vgrun_crt_ask(void) {
  unsigned long bytes = 0;
  unsigned long blocks = 0;
  const char *who = "LeakSanitizer";
  if (vgrun_crt_judge() == VGRUN_CRT_IS_MEMCHECK) {
#ifdef VGRUN_CRT_MEMCHECK
    unsigned long dubious = 0;
    unsigned long reachable = 0;
    unsigned long suppressed = 0;
    who = "memcheck";
    VALGRIND_DO_LEAK_CHECK;
    VALGRIND_COUNT_LEAKS(bytes, dubious, reachable, suppressed);
    VALGRIND_COUNT_LEAK_BLOCKS(blocks, dubious, reachable, suppressed);
    (void)dubious;
    (void)reachable;
    (void)suppressed;
    if (blocks == 0) return 0;
#else
    (void)who;
    vgrun_crt_cannot(1, "compiled without valgrind/memcheck.h, so memcheck cannot be asked; it looks for leaks when the program ends");
    return 0;
#endif
  } else if (__lsan_do_recoverable_leak_check() == 0) {
    return 0;
  }
  vgrun_crt_say(_CRT_WARN, "Detected memory leaks!\nDumping objects ->\n");
  vgrun_crt_say(_CRT_WARN, "%s has listed them, with the calls that allocated them.\n", who);
  vgrun_crt_say(_CRT_WARN, "Object dump complete.\n");
  if (blocks > 0) vgrun_crt_say(_CRT_WARN, "%lu bytes in %lu Normal Blocks.\n", bytes, blocks);
  return 1;
}

#ifndef _DEBUG

/* As with Microsoft's header nothing of it is left in a release build, but that an instrument is asked. */
int vgrun_crt_leaks(void);
VGRUN_CRT_WEAK int vgrun_crt_leaks(void) {
  if (vgrun_crt_judge() != VGRUN_CRT_NOBODY) return vgrun_crt_ask();
  vgrun_crt_cannot(2, "built without -D_DEBUG, and no instrument is running: nobody looked for leaks");
  return 0;
}

#define _CrtDumpMemoryLeaks() vgrun_crt_leaks()
#define _CrtSetDbgFlag(flags) ((int)0)
#define _CrtSetReportMode(type, mode) ((int)0)
#define _CrtSetReportFile(type, file) ((_HFILE)0)
#define _CrtSetReportHook(hook) ((_CRT_REPORT_HOOK)0)
#define _CrtSetDumpClient(client) ((_CRT_DUMP_CLIENT)0)
#define _CrtSetBreakAlloc(number) ((long)0)
#define _CrtMemCheckpoint(state) ((void)0)
#define _CrtMemDifference(difference, before, after) ((int)0)
#define _CrtMemDumpAllObjectsSince(state) ((void)0)
#define _CrtMemDumpStatistics(state) ((void)0)
#define _CrtDoForAllClientObjects(function, context) ((void)0)
#define _CrtCheckMemory() ((int)1)
#define _CrtIsValidPointer(pointer, size, access) ((int)1)
#define _CrtIsValidHeapPointer(pointer) ((int)1)
#define _CrtIsMemoryBlock(pointer, size, number, file, line) ((int)1)
#define _CrtReportBlockType(pointer) ((int)-1)
#define _CrtDbgBreak() ((void)0)
#define _ASSERT(condition) ((void)0)
#define _ASSERTE(condition) ((void)0)
#define _ASSERT_EXPR(condition, text) ((void)0)
#define _RPT0(type, text) ((void)0)
#define _RPT1(type, text, a) ((void)0)
#define _RPT2(type, text, a, b) ((void)0)
#define _RPT3(type, text, a, b, c) ((void)0)
#define _RPT4(type, text, a, b, c, d) ((void)0)
#define _RPT5(type, text, a, b, c, d, e) ((void)0)
#define _RPTF0(type, text) ((void)0)
#define _RPTF1(type, text, a) ((void)0)
#define _RPTF2(type, text, a, b) ((void)0)
#define _RPTF3(type, text, a, b, c) ((void)0)
#define _RPTF4(type, text, a, b, c, d) ((void)0)
#define _RPTF5(type, text, a, b, c, d, e) ((void)0)
#define _malloc_dbg(size, use, file, line) malloc(size)
#define _calloc_dbg(count, size, use, file, line) calloc(count, size)
#define _realloc_dbg(pointer, size, use, file, line) realloc(pointer, size)
#define _strdup_dbg(text, use, file, line) strdup(text)
#define _free_dbg(pointer, use) free(pointer)

#else /* _DEBUG */

/* ---- The list ---- */

struct _CrtMemBlockHeader {
  struct _CrtMemBlockHeader *older;
  struct _CrtMemBlockHeader *newer;
  /* The next one with the same hash. */
  struct _CrtMemBlockHeader *chained;
  unsigned char *bytes;
  size_t size;
  const char *file;
  int line;
  int use;
  long number;
};

struct vgrun_crt_heap {
  _CrtMemBlockHeader *newest;
  _CrtMemBlockHeader **buckets;
  size_t room;
  size_t count;
  size_t inUse;
  size_t most;
  size_t total;
  long number;
  int flags;
  int untilCheck;
  int lock;
  int dumped;
  _CRT_DUMP_CLIENT dumpClient;
};

extern struct vgrun_crt_heap vgrun_crt_heap;
VGRUN_CRT_WEAK struct vgrun_crt_heap vgrun_crt_heap = {NULL, NULL, 0, 0, 0, 0, 0, 0, _CRTDBG_ALLOC_MEM_DF, 0, 0, 0, NULL};

extern long _crtBreakAlloc;
VGRUN_CRT_WEAK long _crtBreakAlloc = -1;

#define VGRUN_CRT_GUARD 4
#define VGRUN_CRT_GUARD_BYTE 0xFD
#define VGRUN_CRT_NEW_BYTE 0xCD
#define VGRUN_CRT_FREED_BYTE 0xDD

void vgrun_crt_lock(void);
VGRUN_CRT_WEAK void vgrun_crt_lock(void) {
  while (__sync_lock_test_and_set(&vgrun_crt_heap.lock, 1) != 0) sched_yield();
}

void vgrun_crt_unlock(void);
VGRUN_CRT_WEAK void vgrun_crt_unlock(void) { __sync_lock_release(&vgrun_crt_heap.lock); }

int vgrun_crt_keeps_list(void);
VGRUN_CRT_WEAK int vgrun_crt_keeps_list(void) { return vgrun_crt_judge() == VGRUN_CRT_NOBODY; }

int vgrun_crt_needs_list(const char *name);
VGRUN_CRT_WEAK int vgrun_crt_needs_list(const char *name) {
  char text[200];
  if (vgrun_crt_keeps_list()) return 1;
  __builtin_snprintf(text, sizeof text, "%s knows nothing here: under memcheck and LeakSanitizer no list of blocks is kept", name);
  vgrun_crt_cannot(4, text);
  return 0;
}

size_t vgrun_crt_hash(const void *pointer);
VGRUN_CRT_WEAK size_t vgrun_crt_hash(const void *pointer) {
  const size_t address = (size_t)pointer >> 4;
  return (address ^ (address >> 13)) & (vgrun_crt_heap.room - 1);
}

/* To be called with the lock. */
_CrtMemBlockHeader **vgrun_crt_find(const void *pointer);
VGRUN_CRT_WEAK _CrtMemBlockHeader **vgrun_crt_find(const void *pointer) {
  _CrtMemBlockHeader **place;
  if (vgrun_crt_heap.room == 0) return NULL;
  place = &vgrun_crt_heap.buckets[vgrun_crt_hash(pointer)];
  while (*place != NULL && (*place)->bytes != (const unsigned char *)pointer) place = &(*place)->chained;
  return *place == NULL ? NULL : place;
}

/* To be called with the lock. Without memory the list stays as it is, only slower. */
void vgrun_crt_grow(void);
VGRUN_CRT_WEAK void vgrun_crt_grow(void) {
  const size_t room = vgrun_crt_heap.room == 0 ? 1024 : vgrun_crt_heap.room * 2;
  _CrtMemBlockHeader **buckets;
  _CrtMemBlockHeader *block;
  if (vgrun_crt_heap.count < vgrun_crt_heap.room) return;
  buckets = (_CrtMemBlockHeader **)calloc(room, sizeof *buckets);
  if (buckets == NULL) return;
  free(vgrun_crt_heap.buckets);
  vgrun_crt_heap.buckets = buckets;
  vgrun_crt_heap.room = room;
  for (block = vgrun_crt_heap.newest; block != NULL; block = block->older) {
    const size_t hash = vgrun_crt_hash(block->bytes);
    block->chained = buckets[hash];
    buckets[hash] = block;
  }
}

/* To be called with the lock. */
void vgrun_crt_link(_CrtMemBlockHeader *block);
VGRUN_CRT_WEAK void vgrun_crt_link(_CrtMemBlockHeader *block) {
  size_t hash;
  vgrun_crt_grow();
  hash = vgrun_crt_hash(block->bytes);
  block->chained = vgrun_crt_heap.buckets[hash];
  vgrun_crt_heap.buckets[hash] = block;
  block->newer = NULL;
  block->older = vgrun_crt_heap.newest;
  if (block->older != NULL) block->older->newer = block;
  vgrun_crt_heap.newest = block;
  vgrun_crt_heap.count++;
  if (_BLOCK_TYPE(block->use) == _IGNORE_BLOCK) return;
  vgrun_crt_heap.inUse += block->size;
  vgrun_crt_heap.total += block->size;
  if (vgrun_crt_heap.inUse > vgrun_crt_heap.most) vgrun_crt_heap.most = vgrun_crt_heap.inUse;
}

/* To be called with the lock. The block is the caller's then. */
_CrtMemBlockHeader *vgrun_crt_unlink(const void *pointer);
VGRUN_CRT_WEAK _CrtMemBlockHeader *vgrun_crt_unlink(const void *pointer) {
  _CrtMemBlockHeader **place = vgrun_crt_find(pointer);
  _CrtMemBlockHeader *block;
  if (place == NULL) return NULL;
  block = *place;
  *place = block->chained;
  if (block->newer != NULL) block->newer->older = block->older;
  else vgrun_crt_heap.newest = block->older;
  if (block->older != NULL) block->older->newer = block->newer;
  vgrun_crt_heap.count--;
  if (_BLOCK_TYPE(block->use) != _IGNORE_BLOCK) vgrun_crt_heap.inUse -= block->size;
  return block;
}

const char *vgrun_crt_type_name(int use);
VGRUN_CRT_WEAK const char *vgrun_crt_type_name(int use) {
  switch (_BLOCK_TYPE(use)) {
    case _FREE_BLOCK: return "Free";
    case _NORMAL_BLOCK: return "Normal";
    case _CRT_BLOCK: return "CRT";
    case _IGNORE_BLOCK: return "Ignore";
    default: return "Client";
  }
}

/* Whether the bytes behind the block are as they were made. */
int vgrun_crt_is_sound(const _CrtMemBlockHeader *block);
VGRUN_CRT_WEAK int vgrun_crt_is_sound(const _CrtMemBlockHeader *block) {
  const unsigned char *guard = block->bytes + block->size;
  int index;
  for (index = 0; index < VGRUN_CRT_GUARD; index++) {
    if (guard[index] != VGRUN_CRT_GUARD_BYTE) return 0;
  }
  return 1;
}

void vgrun_crt_tell_damage(const _CrtMemBlockHeader *block);
VGRUN_CRT_WEAK void vgrun_crt_tell_damage(const _CrtMemBlockHeader *block) {
  vgrun_crt_say(_CRT_ERROR, "HEAP CORRUPTION DETECTED: after %s block (#%ld) at 0x%016lX.\n", vgrun_crt_type_name(block->use),
                block->number, (unsigned long)block->bytes);
  vgrun_crt_say(_CRT_ERROR, "CRT detected that the application wrote to memory after end of heap buffer.\n");
  if (block->file != NULL) vgrun_crt_say(_CRT_ERROR, "\nMemory allocated at %s(%d).\n", block->file, block->line);
}

int _CrtCheckMemory(void);
VGRUN_CRT_WEAK int _CrtCheckMemory(void) {
  const _CrtMemBlockHeader *block;
  int sound = 1;
  if (!vgrun_crt_keeps_list()) {
    /* The instrument watches every access, and has told of the bad ones. */
#ifdef VGRUN_CRT_MEMCHECK
    if (vgrun_crt_judge() == VGRUN_CRT_IS_MEMCHECK) return VALGRIND_COUNT_ERRORS == 0;
#endif
    return 1;
  }
  vgrun_crt_lock();
  for (block = vgrun_crt_heap.newest; block != NULL; block = block->older) {
    if (vgrun_crt_is_sound(block)) continue;
    sound = 0;
    vgrun_crt_tell_damage(block);
  }
  vgrun_crt_unlock();
  return sound;
}

void vgrun_crt_check_now_and_then(void);
VGRUN_CRT_WEAK void vgrun_crt_check_now_and_then(void) {
  const int every = (vgrun_crt_heap.flags >> 16) & 0x7FFF;
  if ((vgrun_crt_heap.flags & _CRTDBG_CHECK_ALWAYS_DF) != 0) {
    (void)_CrtCheckMemory();
  } else if (every > 0 && ++vgrun_crt_heap.untilCheck >= every) {
    vgrun_crt_heap.untilCheck = 0;
    (void)_CrtCheckMemory();
  }
}

long vgrun_crt_count(void);
VGRUN_CRT_WEAK long vgrun_crt_count(void) {
  const long number = __sync_add_and_fetch(&vgrun_crt_heap.number, 1);
  if (number == _crtBreakAlloc) raise(SIGTRAP);
  return number;
}

/* ---- Allocation ---- */

void *vgrun_crt_record(unsigned char *bytes, size_t size, int use, const char *file, int line, long number);
VGRUN_CRT_WEAK void *vgrun_crt_record(unsigned char *bytes, size_t size, int use, const char *file, int line, long number) {
  _CrtMemBlockHeader *block = (_CrtMemBlockHeader *)malloc(sizeof *block);
  if (block == NULL) {
    free(bytes);
    return NULL;
  }
  block->bytes = bytes;
  block->size = size;
  block->file = file;
  block->line = line;
  block->use = (vgrun_crt_heap.flags & _CRTDBG_ALLOC_MEM_DF) != 0 ? use : _IGNORE_BLOCK;
  block->number = number;
  memset(bytes + size, VGRUN_CRT_GUARD_BYTE, VGRUN_CRT_GUARD);
  vgrun_crt_lock();
  if (vgrun_crt_heap.room == 0) vgrun_crt_grow();
  if (vgrun_crt_heap.room == 0) {
    vgrun_crt_unlock();
    free(block);
    free(bytes);
    return NULL;
  }
  {
    /* The address was given back where this header is not included. */
    _CrtMemBlockHeader *stale = vgrun_crt_unlink(bytes);
    free(stale);
  }
  vgrun_crt_link(block);
  vgrun_crt_unlock();
  return bytes;
}

void *_malloc_dbg(size_t size, int use, const char *file, int line);
VGRUN_CRT_WEAK void *_malloc_dbg(size_t size, int use, const char *file, int line) {
  const long number = vgrun_crt_count();
  unsigned char *bytes;
  if (!vgrun_crt_keeps_list()) return malloc(size);
  vgrun_crt_check_now_and_then();
  if (size > (size_t)-1 - VGRUN_CRT_GUARD) return NULL;
  bytes = (unsigned char *)malloc(size + VGRUN_CRT_GUARD);
  if (bytes == NULL) return NULL;
  memset(bytes, VGRUN_CRT_NEW_BYTE, size);
  return vgrun_crt_record(bytes, size, use, file, line, number);
}

void *_calloc_dbg(size_t count, size_t size, int use, const char *file, int line);
VGRUN_CRT_WEAK void *_calloc_dbg(size_t count, size_t size, int use, const char *file, int line) {
  const long number = vgrun_crt_count();
  unsigned char *bytes;
  if (!vgrun_crt_keeps_list()) return calloc(count, size);
  vgrun_crt_check_now_and_then();
  if (size != 0 && count > ((size_t)-1 - VGRUN_CRT_GUARD) / size) return NULL;
  bytes = (unsigned char *)calloc(1, count * size + VGRUN_CRT_GUARD);
  return bytes == NULL ? NULL : vgrun_crt_record(bytes, count * size, use, file, line, number);
}

void _free_dbg(void *pointer, int use);
VGRUN_CRT_WEAK void _free_dbg(void *pointer, int use) {
  _CrtMemBlockHeader *block;
  (void)use;
  if (pointer == NULL) return;
  if (vgrun_crt_keeps_list()) {
    vgrun_crt_check_now_and_then();
    vgrun_crt_lock();
    block = vgrun_crt_unlink(pointer);
    vgrun_crt_unlock();
    if (block != NULL) {
      if (!vgrun_crt_is_sound(block)) vgrun_crt_tell_damage(block);
      memset(block->bytes, VGRUN_CRT_FREED_BYTE, block->size);
      free(block);
    }
  }
  free(pointer);
}

void *_realloc_dbg(void *pointer, size_t size, int use, const char *file, int line);
VGRUN_CRT_WEAK void *_realloc_dbg(void *pointer, size_t size, int use, const char *file, int line) {
  _CrtMemBlockHeader *block;
  unsigned char *bytes;
  size_t before;
  long number;
  if (pointer == NULL) return _malloc_dbg(size, use, file, line);
  if (vgrun_crt_keeps_list() && size == 0) {
    _free_dbg(pointer, use);
    return NULL;
  }
  number = vgrun_crt_count();
  if (!vgrun_crt_keeps_list()) return realloc(pointer, size);
  vgrun_crt_check_now_and_then();
  if (size > (size_t)-1 - VGRUN_CRT_GUARD) return NULL;
  vgrun_crt_lock();
  block = vgrun_crt_unlink(pointer);
  vgrun_crt_unlock();
  /* A library gave it, and may take it back. */
  if (block == NULL) return realloc(pointer, size);
  if (!vgrun_crt_is_sound(block)) vgrun_crt_tell_damage(block);
  bytes = (unsigned char *)realloc(block->bytes, size + VGRUN_CRT_GUARD);
  if (bytes == NULL) {
    vgrun_crt_lock();
    vgrun_crt_link(block);
    vgrun_crt_unlock();
    return NULL;
  }
  before = block->size;
  free(block);
  if (size > before) memset(bytes + before, VGRUN_CRT_NEW_BYTE, size - before);
  return vgrun_crt_record(bytes, size, use, file, line, number);
}

char *_strdup_dbg(const char *text, int use, const char *file, int line);
VGRUN_CRT_WEAK char *_strdup_dbg(const char *text, int use, const char *file, int line) {
  char *copy;
  size_t size;
  if (text == NULL) return NULL;
  size = strlen(text) + 1;
  copy = (char *)_malloc_dbg(size, use, file, line);
  if (copy != NULL) memcpy(copy, text, size);
  return copy;
}

size_t _msize_dbg(void *pointer, int use);
VGRUN_CRT_WEAK size_t _msize_dbg(void *pointer, int use) {
  _CrtMemBlockHeader **place;
  size_t size;
  (void)use;
  if (!vgrun_crt_needs_list("_msize_dbg")) return (size_t)-1;
  vgrun_crt_lock();
  place = vgrun_crt_find(pointer);
  size = place == NULL ? (size_t)-1 : (*place)->size;
  vgrun_crt_unlock();
  return size;
}

/* ---- Dumps ---- */

/* To be called with the lock. */
int vgrun_crt_is_shown(const _CrtMemBlockHeader *block);
VGRUN_CRT_WEAK int vgrun_crt_is_shown(const _CrtMemBlockHeader *block) {
  const int type = _BLOCK_TYPE(block->use);
  return type == _NORMAL_BLOCK || type == _CLIENT_BLOCK ||
         (type == _CRT_BLOCK && (vgrun_crt_heap.flags & _CRTDBG_CHECK_CRT_DF) != 0);
}

void vgrun_crt_dump_data(const _CrtMemBlockHeader *block);
VGRUN_CRT_WEAK void vgrun_crt_dump_data(const _CrtMemBlockHeader *block) {
  static const char digits[] = "0123456789ABCDEF";
  char letters[17];
  char hex[49];
  size_t index;
  const size_t shown = block->size < 16 ? block->size : 16;
  for (index = 0; index < shown; index++) {
    const unsigned char byte = block->bytes[index];
    letters[index] = byte >= 32 && byte < 127 ? (char)byte : ' ';
    hex[index * 3] = digits[byte >> 4];
    hex[index * 3 + 1] = digits[byte & 15];
    hex[index * 3 + 2] = ' ';
  }
  letters[shown] = '\0';
  hex[shown * 3] = '\0';
  vgrun_crt_say(_CRT_WARN, " Data: <%s> %s\n", letters, hex);
}

void _CrtMemDumpAllObjectsSince(const _CrtMemState *state);
VGRUN_CRT_WEAK void _CrtMemDumpAllObjectsSince(const _CrtMemState *state) {
  const _CrtMemBlockHeader *block;
  const _CrtMemBlockHeader *stop = state == NULL ? NULL : state->pBlockHeader;
  if (!vgrun_crt_needs_list("_CrtMemDumpAllObjectsSince")) return;
  vgrun_crt_say(_CRT_WARN, "Dumping objects ->\n");
  vgrun_crt_lock();
  for (block = vgrun_crt_heap.newest; block != NULL && block != stop; block = block->older) {
    const int type = _BLOCK_TYPE(block->use);
    char place[4200];
    if (!vgrun_crt_is_shown(block)) continue;
    place[0] = '\0';
    if (block->file != NULL) __builtin_snprintf(place, sizeof place, "%.4000s(%d) : ", block->file, block->line);
    if (type == _NORMAL_BLOCK) {
      vgrun_crt_say(_CRT_WARN, "%s{%ld} normal block at 0x%016lX, %lu bytes long.\n", place, block->number,
                    (unsigned long)block->bytes, (unsigned long)block->size);
    } else {
      vgrun_crt_say(_CRT_WARN, "%s{%ld} %s block at 0x%016lX, subtype %x, %lu bytes long.\n", place, block->number,
                    type == _CLIENT_BLOCK ? "client" : "crt", (unsigned long)block->bytes,
                    (unsigned)_BLOCK_SUBTYPE(block->use), (unsigned long)block->size);
    }
    if (type == _CLIENT_BLOCK && vgrun_crt_heap.dumpClient != NULL) vgrun_crt_heap.dumpClient(block->bytes, block->size);
    else vgrun_crt_dump_data(block);
  }
  vgrun_crt_unlock();
  vgrun_crt_say(_CRT_WARN, "Object dump complete.\n");
}

void _CrtMemCheckpoint(_CrtMemState *state);
VGRUN_CRT_WEAK void _CrtMemCheckpoint(_CrtMemState *state) {
  const _CrtMemBlockHeader *block;
  if (state == NULL) return;
  memset(state, 0, sizeof *state);
  if (!vgrun_crt_needs_list("_CrtMemCheckpoint")) return;
  vgrun_crt_lock();
  state->pBlockHeader = vgrun_crt_heap.newest;
  for (block = vgrun_crt_heap.newest; block != NULL; block = block->older) {
    const int type = _BLOCK_TYPE(block->use);
    if (type < 0 || type >= _MAX_BLOCKS) continue;
    state->lCounts[type]++;
    state->lSizes[type] += block->size;
  }
  state->lHighWaterCount = vgrun_crt_heap.most;
  state->lTotalCount = vgrun_crt_heap.total;
  vgrun_crt_unlock();
}

int _CrtMemDifference(_CrtMemState *difference, const _CrtMemState *before, const _CrtMemState *after);
VGRUN_CRT_WEAK int _CrtMemDifference(_CrtMemState *difference, const _CrtMemState *before, const _CrtMemState *after) {
  int type;
  int differs = 0;
  if (difference == NULL || before == NULL || after == NULL) return 0;
  if (!vgrun_crt_needs_list("_CrtMemDifference")) {
    memset(difference, 0, sizeof *difference);
    return 0;
  }
  for (type = 0; type < _MAX_BLOCKS; type++) {
    difference->lSizes[type] = after->lSizes[type] - before->lSizes[type];
    difference->lCounts[type] = after->lCounts[type] - before->lCounts[type];
    if (type == _FREE_BLOCK || type == _IGNORE_BLOCK) continue;
    if (type == _CRT_BLOCK && (vgrun_crt_heap.flags & _CRTDBG_CHECK_CRT_DF) == 0) continue;
    if (difference->lSizes[type] != 0 || difference->lCounts[type] != 0) differs = 1;
  }
  difference->lHighWaterCount = after->lHighWaterCount - before->lHighWaterCount;
  difference->lTotalCount = after->lTotalCount - before->lTotalCount;
  difference->pBlockHeader = NULL;
  return differs;
}

void _CrtMemDumpStatistics(const _CrtMemState *state);
VGRUN_CRT_WEAK void _CrtMemDumpStatistics(const _CrtMemState *state) {
  int type;
  if (state == NULL || !vgrun_crt_needs_list("_CrtMemDumpStatistics")) return;
  for (type = 0; type < _MAX_BLOCKS; type++) {
    vgrun_crt_say(_CRT_WARN, "%ld bytes in %ld %s Blocks.\n", (long)state->lSizes[type], (long)state->lCounts[type],
                  vgrun_crt_type_name(type));
  }
  vgrun_crt_say(_CRT_WARN, "Largest number used: %ld bytes.\n", (long)state->lHighWaterCount);
  vgrun_crt_say(_CRT_WARN, "Total allocations: %ld bytes.\n", (long)state->lTotalCount);
}

int _CrtDumpMemoryLeaks(void);
VGRUN_CRT_WEAK int _CrtDumpMemoryLeaks(void) {
  const _CrtMemBlockHeader *block;
  if (!vgrun_crt_keeps_list()) return vgrun_crt_ask();
  vgrun_crt_lock();
  for (block = vgrun_crt_heap.newest; block != NULL && !vgrun_crt_is_shown(block);) block = block->older;
  vgrun_crt_unlock();
  if (block == NULL) return 0;
  vgrun_crt_say(_CRT_WARN, "Detected memory leaks!\n");
  _CrtMemDumpAllObjectsSince(NULL);
  return 1;
}

/* After the destructors of everything that was made before main. An instrument looks by itself then. */
void vgrun_crt_at_end(void);
VGRUN_CRT_WEAK void vgrun_crt_at_end(void) {
  if ((vgrun_crt_heap.flags & _CRTDBG_LEAK_CHECK_DF) == 0 || vgrun_crt_heap.dumped || !vgrun_crt_keeps_list()) return;
  vgrun_crt_heap.dumped = 1;
  (void)_CrtDumpMemoryLeaks();
}

static void vgrun_crt_end_of_file(void) __attribute__((destructor(101), unused));
static void vgrun_crt_end_of_file(void) { vgrun_crt_at_end(); }

/* ---- Settings ---- */

int _CrtSetDbgFlag(int flags);
VGRUN_CRT_WEAK int _CrtSetDbgFlag(int flags) {
  const int before = vgrun_crt_heap.flags;
  if (flags == _CRTDBG_REPORT_FLAG) return before;
  if ((flags & _CRTDBG_DELAY_FREE_MEM_DF) != 0) {
    vgrun_crt_cannot(8, "_CRTDBG_DELAY_FREE_MEM_DF is not there: blocks are freed at once; memcheck and AddressSanitizer see writes to freed blocks");
  }
  vgrun_crt_heap.flags = flags;
  return before;
}

int _CrtSetReportMode(int type, int mode);
VGRUN_CRT_WEAK int _CrtSetReportMode(int type, int mode) {
  int before;
  if (type < 0 || type >= _CRT_ERRCNT) return -1;
  before = vgrun_crt_reports.modes[type];
  if (mode != _CRTDBG_REPORT_MODE) vgrun_crt_reports.modes[type] = mode;
  return before;
}

/* Beside the words of the CRT a file is a FILE *: there are no handles here. */
_HFILE _CrtSetReportFile(int type, _HFILE file);
VGRUN_CRT_WEAK _HFILE _CrtSetReportFile(int type, _HFILE file) {
  _HFILE before;
  if (type < 0 || type >= _CRT_ERRCNT) return _CRTDBG_HFILE_ERROR;
  before = vgrun_crt_reports.files[type];
  if (file != _CRTDBG_REPORT_FILE) vgrun_crt_reports.files[type] = file;
  return before;
}

_CRT_REPORT_HOOK _CrtSetReportHook(_CRT_REPORT_HOOK hook);
VGRUN_CRT_WEAK _CRT_REPORT_HOOK _CrtSetReportHook(_CRT_REPORT_HOOK hook) {
  const _CRT_REPORT_HOOK before = vgrun_crt_reports.hook;
  vgrun_crt_reports.hook = hook;
  return before;
}

_CRT_DUMP_CLIENT _CrtSetDumpClient(_CRT_DUMP_CLIENT client);
VGRUN_CRT_WEAK _CRT_DUMP_CLIENT _CrtSetDumpClient(_CRT_DUMP_CLIENT client) {
  const _CRT_DUMP_CLIENT before = vgrun_crt_heap.dumpClient;
  vgrun_crt_heap.dumpClient = client;
  return before;
}

/* The program gets SIGTRAP at that allocation: a debugger stops there, and without one it ends. */
long _CrtSetBreakAlloc(long number);
VGRUN_CRT_WEAK long _CrtSetBreakAlloc(long number) {
  const long before = _crtBreakAlloc;
  _crtBreakAlloc = number;
  return before;
}

#define _CrtDbgBreak() ((void)raise(SIGTRAP))

/* ---- Questions about pointers ---- */

/* As Microsoft's does since Visual C++ 2005: no system tells whether memory may be read. */
int _CrtIsValidPointer(const void *pointer, unsigned int size, int writable);
VGRUN_CRT_WEAK int _CrtIsValidPointer(const void *pointer, unsigned int size, int writable) {
  (void)size;
  (void)writable;
  return pointer != NULL;
}

int _CrtIsMemoryBlock(const void *pointer, unsigned int size, long *number, char **file, int *line);
VGRUN_CRT_WEAK int _CrtIsMemoryBlock(const void *pointer, unsigned int size, long *number, char **file, int *line) {
  _CrtMemBlockHeader **place;
  int is = 0;
  if (!vgrun_crt_needs_list("_CrtIsMemoryBlock")) return 0;
  vgrun_crt_lock();
  place = vgrun_crt_find(pointer);
  if (place != NULL && (*place)->size == size) {
    is = 1;
    if (number != NULL) *number = (*place)->number;
    if (file != NULL) *file = (char *)(size_t)(*place)->file;
    if (line != NULL) *line = (*place)->line;
  }
  vgrun_crt_unlock();
  return is;
}

int _CrtReportBlockType(const void *pointer);
VGRUN_CRT_WEAK int _CrtReportBlockType(const void *pointer) {
  _CrtMemBlockHeader **place;
  int use;
  if (!vgrun_crt_needs_list("_CrtReportBlockType")) return -1;
  vgrun_crt_lock();
  place = vgrun_crt_find(pointer);
  use = place == NULL ? -1 : (*place)->use;
  vgrun_crt_unlock();
  return use;
}

int _CrtIsValidHeapPointer(const void *pointer);
VGRUN_CRT_WEAK int _CrtIsValidHeapPointer(const void *pointer) {
  int is;
  if (pointer == NULL || !vgrun_crt_needs_list("_CrtIsValidHeapPointer")) return pointer != NULL;
  vgrun_crt_lock();
  is = vgrun_crt_find(pointer) != NULL;
  vgrun_crt_unlock();
  return is;
}

void _CrtDoForAllClientObjects(void (*function)(void *, void *), void *context);
VGRUN_CRT_WEAK void _CrtDoForAllClientObjects(void (*function)(void *, void *), void *context) {
  const _CrtMemBlockHeader *block;
  if (!vgrun_crt_needs_list("_CrtDoForAllClientObjects")) return;
  for (block = vgrun_crt_heap.newest; block != NULL;) {
    /* The function may free it. */
    const _CrtMemBlockHeader *next = block->older;
    if (_BLOCK_TYPE(block->use) == _CLIENT_BLOCK) function(block->bytes, context);
    block = next;
  }
}

/* ---- Reports of the program's own ---- */

/* 1: stop here (the dialog box's Retry). Nobody is asked: a failed assertion that would open one ends the program. */
int _CrtDbgReport(int type, const char *file, int line, const char *module, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
VGRUN_CRT_WEAK int _CrtDbgReport(int type, const char *file, int line, const char *module, const char *format, ...) {
  char words[4096];
  va_list rest;
  (void)module;
  if (type < 0 || type >= _CRT_ERRCNT) return -1;
  words[0] = '\0';
  if (format != NULL) {
    va_start(rest, format);
    __builtin_vsnprintf(words, sizeof words, format, rest);
    va_end(rest);
  }
  {
    char text[8400];
    const char *head = type == _CRT_ASSERT ? "Assertion failed: " : "";
    const char *end = type == _CRT_ASSERT ? "\n" : "";
    if (file != NULL) __builtin_snprintf(text, sizeof text, "%.4000s(%d) : %s%s%s", file, line, head, words, end);
    else __builtin_snprintf(text, sizeof text, "%s%s%s", head, words, end);
    vgrun_crt_write(type, text);
  }
  if (type != _CRT_WARN && (vgrun_crt_reports.modes[type] & _CRTDBG_MODE_WNDW) != 0) abort();
  return 0;
}

#define _ASSERT_EXPR(condition, text)                                                                     \
  ((void)((condition) ? 0 : (_CrtDbgReport(_CRT_ASSERT, __FILE__, __LINE__, NULL, "%s", text) == 1 ? raise(SIGTRAP) : 0)))
#define _ASSERT(condition) _ASSERT_EXPR((condition), #condition)
#define _ASSERTE(condition) _ASSERT_EXPR((condition), #condition)

#define _RPT0(type, text) ((void)_CrtDbgReport(type, NULL, 0, NULL, "%s", text))
#define _RPT1(type, text, a) ((void)_CrtDbgReport(type, NULL, 0, NULL, text, a))
#define _RPT2(type, text, a, b) ((void)_CrtDbgReport(type, NULL, 0, NULL, text, a, b))
#define _RPT3(type, text, a, b, c) ((void)_CrtDbgReport(type, NULL, 0, NULL, text, a, b, c))
#define _RPT4(type, text, a, b, c, d) ((void)_CrtDbgReport(type, NULL, 0, NULL, text, a, b, c, d))
#define _RPT5(type, text, a, b, c, d, e) ((void)_CrtDbgReport(type, NULL, 0, NULL, text, a, b, c, d, e))
#define _RPTF0(type, text) ((void)_CrtDbgReport(type, __FILE__, __LINE__, NULL, "%s", text))
#define _RPTF1(type, text, a) ((void)_CrtDbgReport(type, __FILE__, __LINE__, NULL, text, a))
#define _RPTF2(type, text, a, b) ((void)_CrtDbgReport(type, __FILE__, __LINE__, NULL, text, a, b))
#define _RPTF3(type, text, a, b, c) ((void)_CrtDbgReport(type, __FILE__, __LINE__, NULL, text, a, b, c))
#define _RPTF4(type, text, a, b, c, d) ((void)_CrtDbgReport(type, __FILE__, __LINE__, NULL, text, a, b, c, d))
#define _RPTF5(type, text, a, b, c, d, e) ((void)_CrtDbgReport(type, __FILE__, __LINE__, NULL, text, a, b, c, d, e))

/* ---- What is not there ---- */

#ifdef VGRUN_CRT_MISSING
#ifdef __cplusplus
#define VGRUN_CRT_ANYTHING ...
#else
#define VGRUN_CRT_ANYTHING const void *, ...
#endif
extern int _CrtSetAllocHook(VGRUN_CRT_ANYTHING) VGRUN_CRT_MISSING("_CrtSetAllocHook is not there on Linux; use a breakpoint on _malloc_dbg");
extern int _CrtSetReportHook2(VGRUN_CRT_ANYTHING) VGRUN_CRT_MISSING("_CrtSetReportHook2 is not there on Linux; use _CrtSetReportHook");
extern int _expand_dbg(VGRUN_CRT_ANYTHING) VGRUN_CRT_MISSING("_expand_dbg is not there on Linux: no block can grow where it is; use realloc");
#endif

#ifdef __cplusplus
} /* extern "C" */

namespace std {
using ::_calloc_dbg;
using ::_free_dbg;
using ::_malloc_dbg;
using ::_realloc_dbg;
}

#if __cplusplus >= 201103L
#define VGRUN_CRT_MAY_FAIL
#define VGRUN_CRT_NEVER_FAILS noexcept
#else
#define VGRUN_CRT_MAY_FAIL throw(std::bad_alloc)
#define VGRUN_CRT_NEVER_FAILS throw()
#endif

VGRUN_CRT_WEAK void *vgrun_crt_new(std::size_t size, int use, const char *file, int line) {
  void *bytes = _malloc_dbg(size == 0 ? 1 : size, use, file, line);
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
  if (bytes == NULL) throw std::bad_alloc();
#else
  if (bytes == NULL) abort();
#endif
  return bytes;
}

/* new (_NORMAL_BLOCK, __FILE__, __LINE__) T, which programs call DBG_NEW. */
VGRUN_CRT_WEAK void *operator new(std::size_t size, int use, const char *file, int line) {
  return vgrun_crt_new(size, use, file, line);
}
VGRUN_CRT_WEAK void *operator new[](std::size_t size, int use, const char *file, int line) {
  return vgrun_crt_new(size, use, file, line);
}
VGRUN_CRT_WEAK void operator delete(void *pointer, int use, const char *, int) VGRUN_CRT_NEVER_FAILS { _free_dbg(pointer, use); }
VGRUN_CRT_WEAK void operator delete[](void *pointer, int use, const char *, int) VGRUN_CRT_NEVER_FAILS { _free_dbg(pointer, use); }

/* Every new of the program, and every delete: nobody else may free what the list has. */
VGRUN_CRT_WEAK void *operator new(std::size_t size) VGRUN_CRT_MAY_FAIL { return vgrun_crt_new(size, _NORMAL_BLOCK, NULL, 0); }
VGRUN_CRT_WEAK void *operator new[](std::size_t size) VGRUN_CRT_MAY_FAIL { return vgrun_crt_new(size, _NORMAL_BLOCK, NULL, 0); }
VGRUN_CRT_WEAK void operator delete(void *pointer) VGRUN_CRT_NEVER_FAILS { _free_dbg(pointer, _NORMAL_BLOCK); }
VGRUN_CRT_WEAK void operator delete[](void *pointer) VGRUN_CRT_NEVER_FAILS { _free_dbg(pointer, _NORMAL_BLOCK); }
#if defined(__cpp_sized_deallocation)
VGRUN_CRT_WEAK void operator delete(void *pointer, std::size_t) VGRUN_CRT_NEVER_FAILS { _free_dbg(pointer, _NORMAL_BLOCK); }
VGRUN_CRT_WEAK void operator delete[](void *pointer, std::size_t) VGRUN_CRT_NEVER_FAILS { _free_dbg(pointer, _NORMAL_BLOCK); }
#endif

extern "C" {
#endif /* __cplusplus */

/* ---- From here on the program's own calls ---- */

#ifdef _CRTDBG_MAP_ALLOC
#define VGRUN_CRT_PLACE __FILE__, __LINE__
#else
#define VGRUN_CRT_PLACE NULL, 0
#endif

#undef malloc
#undef calloc
#undef realloc
#undef free
#undef strdup
#undef _strdup
#define malloc(size) _malloc_dbg(size, _NORMAL_BLOCK, VGRUN_CRT_PLACE)
#define calloc(count, size) _calloc_dbg(count, size, _NORMAL_BLOCK, VGRUN_CRT_PLACE)
#define realloc(pointer, size) _realloc_dbg(pointer, size, _NORMAL_BLOCK, VGRUN_CRT_PLACE)
#define free(pointer) _free_dbg(pointer, _NORMAL_BLOCK)
#define strdup(text) _strdup_dbg(text, _NORMAL_BLOCK, VGRUN_CRT_PLACE)
#define _strdup(text) _strdup_dbg(text, _NORMAL_BLOCK, VGRUN_CRT_PLACE)

#endif /* _DEBUG */

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* VGRUN_CRTDBG_H */
