/* Owns the trace of allocations: a library that vgrun preloads and that writes what glibc's mtrace would write.
 *
 * It takes the place of glibc's own tracing (malloc/mtrace-impl.c), which shares its file and its pending bytes with forked
 * children, loses them when the program crashes, and knows of no caller behind operator new. The words are the same: "= Start",
 * "@ OBJECT:(SYMBOL+0xN)[0xN] + 0xADDRESS 0xSIZE", "-", "<" and ">", "!", "= End". Further lines begin with "=", which the mtrace
 * script skips:
 *
 *   = Program PATH      the executable
 *   = Process PID PPID  who writes; and whose child it is
 *   = Fork PID          instead of "= Start": what this process had allocated is in the trace of the named one
 *   = Skip              a program of the system, which the traced one started: it is not looked at
 *   = Stop REASON       nothing more is written: the disk is full
 *
 * VGRUN_MTRACE_FIRST is 1 for the program itself, and becomes 0 for those that it starts. VGRUN_MTRACE is where: each process writes into a file of its own, $VGRUN_MTRACE.PID, or .PID-N when it exec'd or began anew.
 * The file is mapped: what was written is there, however the process ends, and zeros behind it. The state is in a page that the kernel empties in a forked child, so
 * that no kind of fork needs a hook, and the lock is open there. A caller in brackets is the address in the object as its ELF
 * file counts, after the call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#define EXPORT __attribute__((visibility("default")))
#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum { PAGE = 65536, CHUNK = 1 << 20, LONGEST_LINE = 6 * 4096, PLACES = 4096, PLACE_TEXT = 512, SYSTEM_OBJECTS = 8 };

enum { UNBEGUN, TRACING, WAITING, STOPPED };

/* Zero in a forked child. */
struct state {
  int lock;
  int phase;
  int fd;
  pid_t pid;
  dev_t device;
  ino_t inode;
  char *window;      /* mapped part of the file */
  size_t begin;      /* its place in the file */
  size_t used;       /* bytes used of it */
  char path[PATH_MAX];
};

struct place {
  uintptr_t address;
  unsigned length;
  char text[PLACE_TEXT];
};

struct range {
  uintptr_t from, to;
};

static struct state *state;
static int mapping;
static pid_t last_pid;          /* survives a fork */
static int last_phase;
static char prefix[PATH_MAX];
static char executable[PATH_MAX];
static int starts_itself;       /* the program calls mtrace() */
static int is_first;            /* not started by a traced program */
static int libraries_known;
static struct range system_objects[SYSTEM_OBJECTS];
static int system_object_count;
static uintptr_t stdio_from, stdio_to;
static struct place *places;

static __thread uintptr_t caller_of_new __attribute__((tls_model("initial-exec")));
static __thread int unwinding __attribute__((tls_model("initial-exec")));

/* ---- the allocator behind */

static void *(*real_malloc)(size_t);
static void (*real_free)(void *);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_memalign)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t);
static void *(*real_aligned_alloc)(size_t, size_t);
static void *(*real_valloc)(size_t);
static void *(*real_pvalloc)(size_t);

/* dlsym may allocate while the others are looked for. */
static char early[16384] __attribute__((aligned(16)));
static size_t early_used;
static int finding;

static void *early_malloc(size_t size) {
  size_t whole = (size + 31) & ~(size_t)15;
  if (early_used + whole > sizeof early) return NULL;
  char *block = early + early_used;
  *(size_t *)block = size;
  early_used += whole;
  return block + 16;
}

static int is_early(const void *block) {
  return (const char *)block >= early && (const char *)block < early + sizeof early;
}

static void find_allocator(void) {
  finding = 1;
  real_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
  real_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
  real_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
  real_memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
  real_posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
  real_aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
  real_valloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "valloc");
  real_pvalloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "pvalloc");
  real_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
  finding = 0;
}

/* ---- the file */

static int must_reopen(void) {
  struct stat status;
  return fstat(state->fd, &status) != 0 || status.st_dev != state->device || status.st_ino != state->inode;
}

/* The program may have closed our descriptor, or put another file there. */
static int descriptor(int *opened) {
  *opened = 0;
  if (state->fd >= 0 && !must_reopen()) return state->fd;
  state->fd = -1;
  int fd = open(state->path, O_RDWR | O_CLOEXEC);
  *opened = fd >= 0;
  return fd;
}

/* A limit would end the program with a signal. */
static int may_grow_to(size_t size) {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

/* Maps the file from the page on in which it ends. Blocks are there before they are touched: a full disk would be a SIGBUS. */
static int map_next(void) {
  size_t end = state->begin + state->used, begin = end & ~(size_t)(PAGE - 1);
  if (!may_grow_to(begin + CHUNK)) return 0;
  int opened, fd = descriptor(&opened);
  if (fd < 0) return 0;
  int failed = fallocate(fd, 0, (off_t)begin, CHUNK) != 0;
  if (failed && (errno == EOPNOTSUPP || errno == ENOSYS)) failed = ftruncate(fd, (off_t)(begin + CHUNK)) != 0;
  char *window = failed ? MAP_FAILED : mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)begin);
  if (opened) close(fd);
  if (window == MAP_FAILED) return 0;
  madvise(window, CHUNK, MADV_DONTFORK);
  if (state->window != NULL) munmap(state->window, CHUNK);
  state->window = window;
  state->begin = begin;
  state->used = end - begin;
  return 1;
}

static void put(const char *text, size_t length) {
  memcpy(state->window + state->used, text, length);
  state->used += length;
}

static void put_text(const char *text) { put(text, strlen(text)); }

static void put_number(uintptr_t number, unsigned base) {
  char digits[24];
  int at = sizeof digits;
  do digits[--at] = "0123456789abcdef"[number % base];
  while ((number /= base) != 0);
  put(digits + at, sizeof digits - at);
}

static void put_hex(uintptr_t number) {
  put("0x", 2);
  put_number(number, 16);
}

/* A path with a line end in it would be two lines. */
static void put_path(const char *path) {
  for (; *path != 0; path++) state->window[state->used++] = *path == '\n' ? '?' : *path;
}

static void close_file(void) {
  int opened, fd = descriptor(&opened);
  if (fd >= 0) {
    if (ftruncate(fd, (off_t)(state->begin + state->used)) != 0) errno = 0;
    close(fd);
  }
  munmap(state->window, CHUNK);
  state->window = NULL;
  state->fd = -1;
  state->begin = state->used = 0;
}

static void stop(const char *reason) {
  if (state->window != NULL) {
    put_text("= Stop ");
    put_text(reason);
    put_text("\n");
    close_file();
  }
  last_phase = state->phase = STOPPED;
}

/* True when a line has room. */
static int has_room(void) {
  if (LIKELY(state->used + LONGEST_LINE < CHUNK)) return 1;
  if (map_next()) return 1;
  stop("the file could not grow");
  return 0;
}

static void append_number(char *text, size_t number) {
  char digits[24];
  int at = sizeof digits - 1;
  digits[at] = 0;
  do digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  strcat(text, digits + at);
}

static int open_file(void) {
  if (prefix[0] == 0) return 0;
  for (size_t again = 0; again < 10000; again++) {
    strcpy(state->path, prefix);
    strcat(state->path, ".");
    append_number(state->path, (size_t)state->pid);
    if (again > 0) {
      strcat(state->path, "-");
      append_number(state->path, again);
    }
    int fd = open(state->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST) continue;
    if (fd < 0) return 0;
    /* Out of the way of programs that count on the next number. */
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 512);
    if (high < 0) high = fcntl(fd, F_DUPFD_CLOEXEC, 64);
    if (high >= 0) {
      close(fd);
      fd = high;
    }
    struct stat status;
    if (fstat(fd, &status) != 0) return 0;
    state->fd = fd;
    state->device = status.st_dev;
    state->inode = status.st_ino;
    state->window = NULL;
    state->begin = state->used = 0;
    return map_next();
  }
  return 0;
}

/* A shell or a tool that the program starts frees little before it ends, and nobody here wrote it. What they start is looked at. */
static int is_skipped(void) {
  static const char *const folders[] = {"/bin/", "/sbin/", "/lib/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/"};
  int is_of_system = 0;
  for (size_t index = 0; index < sizeof folders / sizeof *folders; index++)
    is_of_system |= strncmp(executable, folders[index], strlen(folders[index])) == 0;
  if (!is_of_system) return 0;
  if (!is_first) return 1;
  /* The first one is what was asked for, unless that is a script and this its interpreter. */
  const char *started = (const char *)getauxval(AT_EXECFN);
  struct stat asked, own;
  return started != NULL && stat(started, &asked) == 0 && stat("/proc/self/exe", &own) == 0 &&
         (asked.st_dev != own.st_dev || asked.st_ino != own.st_ino);
}

static void begin_trace(pid_t forked_from) {
  if (!open_file()) {
    last_phase = state->phase = STOPPED;
    return;
  }
  if (forked_from != 0) {
    put_text("= Fork ");
    put_number((uintptr_t)forked_from, 10);
    put_text("\n");
  } else {
    put_text("= Start\n");
  }
  put_text("= Program ");
  put_path(executable);
  put_text("\n= Process ");
  put_number((uintptr_t)state->pid, 10);
  put_text(" ");
  put_number((uintptr_t)getppid(), 10);
  put_text("\n");
  last_phase = state->phase = TRACING;
  if (forked_from == 0 && is_skipped()) {
    put_text("= Skip\n= End\n");
    close_file();
    last_phase = state->phase = STOPPED;
  }
}

/* ---- what is loaded */

/* A program that calls mtrace() itself says when the trace begins. */
static int calls_mtrace(const struct dl_phdr_info *object) {
  const ElfW(Dyn) *dynamic = NULL;
  for (int index = 0; index < object->dlpi_phnum; index++) {
    if (object->dlpi_phdr[index].p_type == PT_DYNAMIC)
      dynamic = (const ElfW(Dyn) *)(object->dlpi_addr + object->dlpi_phdr[index].p_vaddr);
  }
  if (dynamic == NULL) return 0;
  const ElfW(Sym) *symbols = NULL;
  const char *names = NULL;
  uintptr_t tables[2] = {0, 0};
  size_t sizes[2] = {0, 0}, entry = 0;
  for (; dynamic->d_tag != DT_NULL; dynamic++) {
    switch (dynamic->d_tag) {
      case DT_SYMTAB: symbols = (const ElfW(Sym) *)dynamic->d_un.d_ptr; break;
      case DT_STRTAB: names = (const char *)dynamic->d_un.d_ptr; break;
      case DT_JMPREL: tables[0] = dynamic->d_un.d_ptr; break;
      case DT_PLTRELSZ: sizes[0] = dynamic->d_un.d_val; break;
      case DT_RELA: case DT_REL: tables[1] = dynamic->d_un.d_ptr; break;
      case DT_RELASZ: case DT_RELSZ: sizes[1] = dynamic->d_un.d_val; break;
      case DT_RELAENT: case DT_RELENT: entry = dynamic->d_un.d_val; break;
    }
  }
  if (symbols == NULL || names == NULL) return 0;
  if (entry == 0) entry = sizeof(ElfW(Rela));
  for (int table = 0; table < 2; table++) {
    for (size_t at = 0; tables[table] != 0 && at + entry <= sizes[table]; at += entry) {
      const ElfW(Rel) *relocation = (const ElfW(Rel) *)(tables[table] + at);
#if __SIZEOF_POINTER__ == 8
      size_t symbol = ELF64_R_SYM(relocation->r_info);
#else
      size_t symbol = ELF32_R_SYM(relocation->r_info);
#endif
      if (symbol != 0 && strcmp(names + symbols[symbol].st_name, "mtrace") == 0) return 1;
    }
  }
  return 0;
}

static int is_system(const char *path) {
  static const char *const libraries[] = {"libc.so.", "libc-2.", "libstdc++.so.", "libc++.so.", "libc++abi.so."};
  const char *name = strrchr(path, '/');
  name = name == NULL ? path : name + 1;
  for (size_t index = 0; index < sizeof libraries / sizeof *libraries; index++)
    if (strncmp(name, libraries[index], strlen(libraries[index])) == 0) return 1;
  return 0;
}

static int note_object(struct dl_phdr_info *object, size_t size, void *first) {
  (void)size;
  if (*(int *)first) {
    *(int *)first = 0;
    starts_itself = calls_mtrace(object);
    return 0;
  }
  uintptr_t from = UINTPTR_MAX, to = 0;
  for (int index = 0; index < object->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[index];
    if (part->p_type != PT_LOAD) continue;
    if (object->dlpi_addr + part->p_vaddr < from) from = object->dlpi_addr + part->p_vaddr;
    if (object->dlpi_addr + part->p_vaddr + part->p_memsz > to)
      to = object->dlpi_addr + part->p_vaddr + part->p_memsz;
  }
  int own = (uintptr_t)&note_object >= from && (uintptr_t)&note_object < to;
  if ((own || is_system(object->dlpi_name)) && system_object_count < SYSTEM_OBJECTS)
    system_objects[system_object_count++] = (struct range){from, to};
  return 0;
}

static int in_system(uintptr_t address) {
  for (int index = 0; index < system_object_count; index++)
    if (address >= system_objects[index].from && address < system_objects[index].to) return 1;
  return 0;
}

/* ---- callers */

struct walk {
  uintptr_t found;
  int depth;
};

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *argument) {
  struct walk *walk = argument;
  uintptr_t address = _Unwind_GetIP(context);
  if (address == 0 || ++walk->depth > 40) return _URC_END_OF_STACK;
  if (in_system(address - 1)) return _URC_NO_REASON;
  walk->found = address;
  return _URC_END_OF_STACK;
}

/* A block that a function of a C or C++ library allocates for its caller is the caller's: strdup, getline, std::string. */
static uintptr_t blamed(void *direct) {
  uintptr_t address = (uintptr_t)direct;
  if (caller_of_new != 0) {
    address = caller_of_new;
    caller_of_new = 0;
  }
  if (LIKELY(!libraries_known || !in_system(address - 1)) || unwinding) return address;
  /* stdio keeps its buffers, whoever printed first. */
  if (address - 1 >= stdio_from && address - 1 < stdio_to) return address;
  struct walk walk = {0, 0};
  unwinding = 1;
  _Unwind_Backtrace(step, &walk);
  unwinding = 0;
  return walk.found == 0 ? address : walk.found;
}

/* `/usr/lib/libx.so:(name+0x1a)[0x4711]` */
static void describe(struct place *place, uintptr_t address) {
  Dl_info info;
  struct link_map *map = NULL;
  struct state *own = state;
  /* A fork may come in between. */
  place->address = 0;
  size_t before = own->used;
  put("@ ", 2);
  if (dladdr1((void *)(address - 1), &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && info.dli_fname != NULL) {
    put_path(map == NULL || map->l_name[0] == 0 ? executable : info.dli_fname);
    put(":", 1);
    if (info.dli_sname != NULL && strlen(info.dli_sname) < 4096) {
      put("(", 1);
      put_text(info.dli_sname);
      put("+", 1);
      put_hex(address - (uintptr_t)info.dli_saddr);
      put(")", 1);
    }
    put("[", 1);
    put_hex(address - (map == NULL ? (uintptr_t)info.dli_fbase : map->l_addr));
    put("]", 1);
  } else {
    put("[", 1);
    put_hex(address);
    put("]", 1);
  }
  put(" ", 1);
  size_t length = own->used - before;
  if (length > PLACE_TEXT) return;
  place->length = (unsigned)length;
  memcpy(place->text, own->window + before, length);
  __atomic_store_n(&place->address, address, __ATOMIC_RELEASE);
}

static void put_place(uintptr_t address) {
  struct place *place = &places[(address ^ (address >> 12)) % PLACES];
  if (LIKELY(place->address == address)) put(place->text, place->length);
  else describe(place, address);
}

/* ---- beginning and end */

static void lock(void) {
  for (int turn = 0; __atomic_exchange_n(&state->lock, 1, __ATOMIC_ACQUIRE) != 0; turn++)
    if (turn > 100) sched_yield();
}

static void unlock(void) { __atomic_store_n(&state->lock, 0, __ATOMIC_RELEASE); }

static void map_state(void) {
  int none = 0;
  if (!__atomic_compare_exchange_n(&mapping, &none, 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    while (__atomic_load_n(&mapping, __ATOMIC_ACQUIRE) == 1) sched_yield();
    return;
  }
  void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *table = mmap(NULL, PLACES * sizeof(struct place), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (page != MAP_FAILED && table != MAP_FAILED && madvise(page, PAGE, MADV_WIPEONFORK) == 0) {
    const char *wanted = secure_getenv("VGRUN_MTRACE");
    if (wanted != NULL && strlen(wanted) < PATH_MAX - 64) strcpy(prefix, wanted);
    /* For those that it starts; nothing is allocated by writing into it. */
    char *first = secure_getenv("VGRUN_MTRACE_FIRST");
    is_first = first != NULL && *first == '1';
    if (is_first) *first = '0';
    ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length < 0) strcpy(executable, "?");
    int is_program = 1;
    dl_iterate_phdr(note_object, &is_program);
    Dl_info info;
    void *symbol = dlsym(RTLD_DEFAULT, "_IO_file_doallocate");
    const ElfW(Sym) *entry = NULL;
    if (symbol != NULL && dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) != 0 && entry != NULL) {
      stdio_from = (uintptr_t)symbol;
      stdio_to = stdio_from + entry->st_size;
    }
    places = table;
    state = page;
  }
  __atomic_store_n(&mapping, 2, __ATOMIC_RELEASE);
}

/* With the lock: the first event of a process. */
static void begin_process(void) {
  pid_t before = last_pid;
  int phase = before == 0 ? (starts_itself ? WAITING : TRACING) : last_phase;
  state->pid = last_pid = getpid();
  state->fd = -1;
  if (phase == TRACING) begin_trace(before);
  else state->phase = phase;
}

/* Takes the lock; true when the event is to be written, false without the lock. */
static int enter(void) {
  if (UNLIKELY(state == NULL)) {
    if (finding) return 0;
    map_state();
    if (state == NULL) return 0;
  }
  if (state->phase >= WAITING) return 0;
  lock();
  if (UNLIKELY(state->phase == UNBEGUN)) begin_process();
  if (LIKELY(state->phase == TRACING && has_room())) return 1;
  unlock();
  return 0;
}

static void end_trace(int next) {
  lock();
  if (state->phase == TRACING) {
    put_text("= End\n");
    close_file();
    last_phase = state->phase = next;
  }
  unlock();
}

static int count_threads(void) {
  int count = 0;
  char entries[2048];
  int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return 0;
  for (long bytes; (bytes = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < bytes; at += *(unsigned short *)(entries + at + 16)) count += entries[at + 19] != '.';
  }
  close(fd);
  return count;
}

/* The libraries' own memory is freed, as glibc's mtrace and valgrind do; not under the feet of a thread that still runs. */
static void at_end(void *unused) {
  (void)unused;
  if (state == NULL || state->phase != TRACING || state->pid != getpid()) return;
  if (count_threads() == 1) {
    void (*free_of_cxx)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "_ZN9__gnu_cxx9__freeresEv");
    void (*free_of_c)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "__libc_freeres");
    if (free_of_cxx != NULL) free_of_cxx();
    if (free_of_c != NULL) free_of_c();
  }
  end_trace(STOPPED);
}

extern int __cxa_atexit(void (*)(void *), void *, void *);

__attribute__((constructor)) static void begin(void) {
  if (real_malloc == NULL) find_allocator();
  if (state == NULL) map_state();
  /* libstdc++ may not have been there at the first allocation. */
  system_object_count = 0;
  int first = 1;
  dl_iterate_phdr(note_object, &first);
  libraries_known = 1;
  /* Of no object: it runs after all that the program and its libraries do at their end. */
  __cxa_atexit(at_end, NULL, NULL);
  if (state != NULL && enter()) unlock();
}

EXPORT void mtrace(void) {
  if (state == NULL) map_state();
  if (state == NULL) return;
  lock();
  if (state->phase == UNBEGUN) begin_process();
  if (state->phase == WAITING) begin_trace(0);
  unlock();
}

static void copy_to(const char *wanted) {
  int from = open(state->path, O_RDONLY | O_CLOEXEC);
  int to = open(wanted, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  static char bytes[65536];
  for (ssize_t length; from >= 0 && to >= 0 && (length = read(from, bytes, sizeof bytes)) > 0;)
    if (write(to, bytes, (size_t)length) != length) break;
  if (from >= 0) close(from);
  if (to >= 0) close(to);
}

EXPORT void muntrace(void) {
  if (state == NULL || !starts_itself) return;
  int was = state->phase == TRACING;
  end_trace(WAITING);
  const char *wanted = was ? secure_getenv("MALLOC_TRACE") : NULL;
  if (wanted != NULL && wanted[0] != 0) copy_to(wanted);
}

static void at_exit_without_end(void) {
  if (state != NULL && state->phase == TRACING && state->pid == getpid()) end_trace(STOPPED);
}

EXPORT __attribute__((noreturn)) void _exit(int status) {
  at_exit_without_end();
  for (;;) syscall(SYS_exit_group, status);
}

EXPORT __attribute__((noreturn)) void _Exit(int status) {
  at_exit_without_end();
  for (;;) syscall(SYS_exit_group, status);
}

EXPORT int dlclose(void *handle) {
  static int (*real)(void *);
  if (real == NULL) real = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
  int result = real(handle);
  /* Another object may come to lie there. */
  if (state != NULL) {
    lock();
    for (int index = 0; index < PLACES; index++) places[index].address = 0;
    unlock();
  }
  return result;
}

/* ---- allocations */

static void *allocated(void *block, size_t size, void *direct) {
  if (state != NULL && state->phase >= WAITING) return block;
  int error = errno;
  uintptr_t caller = blamed(direct);
  if (enter()) {
    put_place(caller);
    put("+ ", 2);
    if (block == NULL) put("0", 1);
    else put_hex((uintptr_t)block);
    put(" ", 1);
    put_hex(size);
    put("\n", 1);
    unlock();
  }
  errno = error;
  return block;
}

EXPORT void *malloc(size_t size) {
  if (UNLIKELY(real_malloc == NULL)) {
    if (finding) return early_malloc(size);
    find_allocator();
  }
  void *block = real_malloc(size);
  return block == NULL ? NULL : allocated(block, size, CALLER);
}

EXPORT void *calloc(size_t count, size_t size) {
  if (UNLIKELY(real_malloc == NULL)) {
    if (finding) return early_malloc(count * size);
    find_allocator();
  }
  void *block = real_calloc(count, size);
  return block == NULL ? NULL : allocated(block, count * size, CALLER);
}

static void freed(void *block, void *direct) {
  int error = errno;
  if ((state == NULL || state->phase < WAITING) && enter()) {
    put_place((uintptr_t)direct);
    put("- ", 2);
    put_hex((uintptr_t)block);
    put("\n", 1);
    unlock();
  }
  errno = error;
}

EXPORT void free(void *block) {
  if (block == NULL || UNLIKELY(is_early(block))) return;
  if (UNLIKELY(real_malloc == NULL)) find_allocator();
  freed(block, CALLER);
  real_free(block);
}

EXPORT void *realloc(void *old, size_t size) {
  if (UNLIKELY(real_malloc == NULL)) {
    if (finding && old == NULL) return early_malloc(size);
    find_allocator();
  }
  void *direct = CALLER;
  if (UNLIKELY(is_early(old))) {
    size_t had = ((size_t *)old)[-2];
    void *moved = real_malloc(size);
    if (moved == NULL) return NULL;
    memcpy(moved, old, had < size ? had : size);
    return allocated(moved, size, direct);
  }
  if (old == NULL) {
    void *block = real_realloc(NULL, size);
    return block == NULL ? NULL : allocated(block, size, direct);
  }
  if (size == 0) {
    freed(old, direct);
    return real_realloc(old, 0);
  }
  if (state != NULL && state->phase >= WAITING) return real_realloc(old, size);
  uintptr_t caller = blamed(direct);
  if (!enter()) return real_realloc(old, size);
  /* With the lock: nobody may write of the old block, which another thread may get, before this is written. */
  void *block = real_realloc(old, size);
  int error = errno;
  put_place(caller);
  if (block == NULL) {
    put("! ", 2);
    put_hex((uintptr_t)old);
    put(" ", 1);
    put_hex(size);
    put("\n", 1);
  } else {
    put("< ", 2);
    put_hex((uintptr_t)old);
    put("\n", 1);
    put_place(caller);
    put("> ", 2);
    put_hex((uintptr_t)block);
    put(" ", 1);
    put_hex(size);
    put("\n", 1);
  }
  unlock();
  errno = error;
  return block;
}

EXPORT void *reallocarray(void *old, size_t count, size_t size) {
  size_t whole;
  if (__builtin_mul_overflow(count, size, &whole)) {
    errno = ENOMEM;
    return NULL;
  }
  caller_of_new = caller_of_new != 0 ? caller_of_new : (uintptr_t)CALLER;
  void *block = realloc(old, whole);
  caller_of_new = 0;
  return block;
}

EXPORT void *memalign(size_t alignment, size_t size) {
  if (UNLIKELY(real_malloc == NULL)) find_allocator();
  void *block = real_memalign(alignment, size);
  return block == NULL ? NULL : allocated(block, size, CALLER);
}

EXPORT int posix_memalign(void **block, size_t alignment, size_t size) {
  if (UNLIKELY(real_malloc == NULL)) find_allocator();
  int result = real_posix_memalign(block, alignment, size);
  if (result == 0 && *block != NULL) allocated(*block, size, CALLER);
  return result;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
  if (UNLIKELY(real_malloc == NULL)) find_allocator();
  void *block = real_aligned_alloc(alignment, size);
  return block == NULL ? NULL : allocated(block, size, CALLER);
}

EXPORT void *valloc(size_t size) {
  if (UNLIKELY(real_malloc == NULL)) find_allocator();
  void *block = real_valloc(size);
  return block == NULL ? NULL : allocated(block, size, CALLER);
}

EXPORT void *pvalloc(size_t size) {
  if (UNLIKELY(real_malloc == NULL)) find_allocator();
  void *block = real_pvalloc(size);
  return block == NULL ? NULL : allocated(block, size, CALLER);
}

/* ---- C++: the caller of operator new, not operator new, is who allocates */

static void *cxx(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found != NULL) return found;
  /* Loaded by a plug-in, for nobody else to see. */
  static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1"};
  for (size_t index = 0; found == NULL && index < sizeof libraries / sizeof *libraries; index++) {
    void *library = dlopen(libraries[index], RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL) continue;
    found = dlsym(library, name);
    dlclose(library);
  }
  if (found == NULL) abort();
  return found;
}

#define NEW(symbol, parameters, arguments)                                  \
  EXPORT void *symbol parameters {                                          \
    static void *(*real) parameters;                                        \
    if (UNLIKELY(real == NULL)) real = (void *(*) parameters)cxx(#symbol);  \
    caller_of_new = (uintptr_t)CALLER;                                      \
    void *block = real arguments;                                           \
    caller_of_new = 0;                                                      \
    return block;                                                           \
  }

#if __SIZEOF_SIZE_T__ == 8
NEW(_Znwm, (size_t size), (size))
NEW(_Znam, (size_t size), (size))
NEW(_ZnwmRKSt9nothrow_t, (size_t size, const void *tag), (size, tag))
NEW(_ZnamRKSt9nothrow_t, (size_t size, const void *tag), (size, tag))
NEW(_ZnwmSt11align_val_t, (size_t size, size_t alignment), (size, alignment))
NEW(_ZnamSt11align_val_t, (size_t size, size_t alignment), (size, alignment))
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, const void *tag), (size, alignment, tag))
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t alignment, const void *tag), (size, alignment, tag))
#else
NEW(_Znwj, (size_t size), (size))
NEW(_Znaj, (size_t size), (size))
NEW(_ZnwjRKSt9nothrow_t, (size_t size, const void *tag), (size, tag))
NEW(_ZnajRKSt9nothrow_t, (size_t size, const void *tag), (size, tag))
#endif
