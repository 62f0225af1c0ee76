// Whose code a frame is in, and which frame is to blame.
import { posix } from 'node:path';
import type { Frame, Owner, Stack } from '../model/finding.ts';

/** What ownership depends on beside the frame itself. */
export interface OwnershipContext {
  /** Absolute; sources under it are mine. Missing for a log of unknown origin. */
  readonly projectRoot?: string | undefined;
  /** The user's own rules, see ownership-rules.ts; they go before everything but the instrument's own frames. */
  readonly decide?: ((frame: Frame) => Ownership | undefined) | undefined;
}

/** Whose code a frame is in, and why. */
export interface Ownership {
  readonly owner: Owner;
  /** A word of `OwnerReason`, or the pattern of the user's that decided. */
  readonly reason: string;
}

/** What can decide when the user said nothing of the frame; docs/triage.md explains each. */
export type OwnerReason =
  | 'instrument'
  | 'source-in-project'
  | 'object-in-project'
  | 'system'
  | 'source-of-library'
  | 'object-of-library'
  | 'program'
  | 'shared-object'
  | 'source-only'
  | 'nothing-known';

// `/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so`, `/usr/lib/gcc/x86_64-linux-gnu/12/libasan.so.8`,
// `/system/lib64/libclang_rt.hwasan-aarch64-android.so`, `vld_x64.dll`, `libheaptrack_preload.so`
const toolObject =
  /^(?:vgpreload_|lib(?:asan|tsan|ubsan|lsan|hwasan|msan)\.|libclang_rt\.|clang_rt\.\w+|libheaptrack_|vld(?:_x86|_x64)?\.dll$)/i;

// The sources of the functions that valgrind puts in place of libc's and pthread's (valgrind 3.0 to 3.27), and of those that our
// crtdbg.h does.
const toolSources =
  /^(?:(?:mc_|vg_)?replace_(?:malloc|strmem)\.c|vg_replace_\w+\.c|[hm]g_intercepts\.c|hg_intercepts\.c|crtdbg\.h|drd_\w*intercepts\.c|libmpiwrap\.c|(?:asan|tsan|ubsan|lsan|hwasan|msan|sanitizer|interception)_\w+\.(?:cpp|cc|inc|h|S))$/;

// `/build/llvm-toolchain-14-P18XTe/llvm-toolchain-14-14.0.6/compiler-rt/lib/asan/asan_malloc_linux.cpp`,
// `../../../../src/libsanitizer/tsan/tsan_interceptors_posix.cpp`
const toolDirectory = /(?:^|\/)(?:compiler-rt\/lib|libsanitizer)\//;

// `__interceptor_malloc`, `___interceptor_free`, `__asan_memcpy`, `__asan::AsanThread::ThreadStart(unsigned long)`,
// `asan_thread_start(void*)`, `__tsan_thread_start_func`: names that only a runtime of a sanitizer has.
const toolFunction =
  /^(?:__interceptor_|___interceptor_|__interceptor_trampoline_|__(?:asan|tsan|ubsan|lsan|hwasan|msan|sanitizer|sancov)(?:_|::)|(?:asan|hwasan)_thread_start\b)/;

// clang links the runtime into the program, where nothing but a name tells it from the program's own code:
// `#0 0x4a1b2d in malloc (/home/ann/list/list+0xa1b2d)`, `operator new(unsigned long) (/home/ann/list/list+0xd4a3d)`,
// `#0 pthread_mutex_lock <null> (list+0x6ef3a)`. Of what it replaces, what stands above a program's own calls.
const replacedFunction =
  /^(?:malloc|calloc|realloc|reallocarray|free|cfree|memalign|aligned_alloc|posix_memalign|valloc|pvalloc|operator (?:new|delete)(?:\[\])?\(.*\)|_Zn[wa]m\w*|_Zd[la]Pv\w*|mem(?:cpy|set|move|cmp|chr|rchr|mem|pcpy|ccpy)|bcmp|bcopy|bzero|(?:str|wcs)n?(?:len|cpy|cat|cmp|casecmp|dup)|str(?:chr|chrnul|rchr|str|casestr|spn|cspn|pbrk|tok|tok_r|error|error_r|ptime|ftime|xfrm)|wmem(?:cpy|set|move)|stpn?cpy|index|atoi|atoll?|(?:v|f|vf|s|vs|sn|vsn|as|vas|d|vd)?printf|v?[fs]?scanf|fopen(?:64)?|fread|fwrite|fgets|pthread_\w+|sem_\w+|thrd_\w+|mtx_\w+|cnd_\w+|signal|sigaction|siglongjmp|longjmp|swapcontext|__cxa_\w+|atexit|on_exit|gethostbyname\w*|getaddrinfo)$/;

// The other functions of libc that the runtimes replace (sanitizer_common_interceptors.inc), with libc's second names for
// them: `__strdup`, `__isoc99_sscanf`, `__vsnprintf_chk`, `__libc_memalign`, `fgetxattr`, `getpwnam_r`.
const replacedInLibc =
  /^(?:__(?:bzero|close|getdelim|getrlimit|libc_(?:memalign|malloc|calloc|realloc|free)|longjmp_chk|strn?dup|xpg_strerror_r|[fl]?xstat(?:at)?|res_iclose|tls_get_addr|isoc\d+_\w+|\w+_chk|w?u?(?:over|under)?flow|(?:str|wcs)(?:to|xfrm|ftime)\w+|pthread_mutex_(?:un)?lock|sigsetjmp)|_(?:exit|longjmp|setjmp|obstack_\w+|Unwind_RaiseException)|mall(?:info|opt|oc_stats|oc_usable_size)|mprobe|mcheck(?:_pedantic)?|(?:f|l)?stat(?:64|at|v?fs)?|fstatv?fs|[fl]?(?:get|list)xattr|get(?:cwd|_current_dir_name|grent|gr(?:gid|nam|ouplist|oups)|pw(?:ent|nam|uid)|pass|mntent|hostby\w+|hostent|hostname|ifaddrs|itimer|loadavg|nameinfo|net(?:by\w+|ent)|proto(?:by\w+|ent)|peername|sockname|sockopt|random|res[gu]id|rlimit|rusage|timeofday|usershell|utx?(?:ent|id|line))(?:_r)?|fget(?:gr|pw)ent(?:_r)?|canonicalize_file_name|confstr|crypt(?:_r)?|ctermid|(?:asc|c|gm|local)time(?:_r)?|time|times|ftime|clock_(?:get\w+|settime)|timerfd_\w+|setitimer|drand48_r|lrand48_r|rand(?:om)?_r|dup[23]|pipe2?|socketpair|ether_\w+|eventfd(?:_\w+)?|epoll_create1?|signalfd|inotify_init1?|f(?:cvt|dopen|memopen|opencookie|reopen64)|gcvt|freopen(?:64)?|(?:fgets|fread)_unlocked|open(?:_w?memstream|_by_handle_at|pty)|forkpty|iconv|if_(?:indextoname|nametoindex)|inet_(?:aton|ntop|pton)|initgroups|mincore|m(?:un)?lock(?:all)?|msg(?:rcv|snd)|shm(?:at|ctl)|posix_spawnp?|prctl|prlimit(?:64)?|process_vm_(?:read|write)v|ptsname(?:_r)?|pututxline|readdir(?:64)?_r|readlink(?:at)?|reg(?:error|free)|sched_get\w+|set(?:buf|buffer|linebuf|vbuf)|(?:sig)?setjmp|sig(?:altstack|andset|orset|block|(?:empty|fill)set|pending|procmask|setmask|timedwait)|str(?:xfrm|ftime)_l|sysinfo|tcgetattr|textdomain|te?mpn?am(?:_r)?|tmpfile(?:64)?|tsearch|ttyname(?:_r)?|uname|unlink|rmdir|v?swprintf|(?:wcr|mbr)tomb|mbr?towc|mbsn?r?towcs|wctomb|wcsn?r?tombs|wcs(?:chr|to\w+|xfrm\w*|ftime\w*)|wmempcpy|wordexp|xdr(?:mem|rec|stdio)?_\w+|backtrace_symbols|dl_iterate_phdr|dladdr)$/;

// `/lib/x86_64-linux-gnu/ld-2.31.so`, `/usr/lib64/libz.so.1`; NixOS keeps every package under /nix/store.
const systemPlace =
  /^\/(?:usr\/(?:lib(?:32|64|x32|exec)?|include|share|src)|lib(?:32|64|x32)?|nix\/store|gnu\/store|apex|system\/(?:lib(?:64)?|bin)|System\/Library)\//;

const libraryPlace = /^\/(?:usr\/local|opt|snap)\//;

// Directories as glibc's, gcc's and the distributions' builds leave them in the debug information:
// `./malloc/./malloc`, `stdlib/./stdlib`, `../sysdeps/x86_64/multiarch`, `/build/glibc-6V9RKT/glibc-2.31/malloc`,
// `/usr/src/debug/glibc-2.34-60.fc36.x86_64/malloc`, `../../../../src/libstdc++-v3/libsupc++`,
// `../../buildtools/third_party/libc++/trunk/include`
const systemDirectory =
  /^\.\/(?:\w[\w-]*)\/(?:\.|\.\.)\/|^([\w-]+)\/\.\/\1(?:\/|$)|^\.\.\/sysdeps(?:\/|$)|^\/build\/(?:e?glibc|gcc)-|\/glibc-\d[^/]*(?:\/|$)|\/libstdc\+\+-v3(?:\/|$)|(?:^|\/)libc\+\+(?:abi)?\/(?:trunk|src)\/|\/libgcc(?:\/|$)|\/sysdeps\/(?:unix|x86|x86_64|i386|aarch64|generic|posix|nptl|pthread)(?:\/|$)/;

// A text log has `malloc.c:380` and no directory, so libc with debug symbols must be known by its names.
// Sources of libc, the loader, nptl and libstdc++ that appear above or below a program's own frames.
const systemSource =
  /^(?:libc[-_]start(?:[-_]call[-_]main)?\.[ch]|start\.S|clone\d?\.S|pthread_(?:create|cond_\w+|mutex_\w+|join\w*)\.c|(?:io|w)?(?:f|v|vf|s|sn|vsn|vs)?printf(?:[-_]\w+)?\.c|io\w+\.c|fileops\.c|genops\.c|vfprintf-[\w-]+\.c|dl-[\w-]+\.[ch]|rtld\.c|(?:setup-vdso|get-dynamic-info|dynamic-link|do-rel)\.h|mmap(?:64)?\.c|mmap_internal\.h|munmap\.c|mremap\.c|s?brk\.c|morecore\.c|(?:str|mem|wcs|wmem)[\w-]+\.S|raise\.c|abort\.c|assert\.c|exit\.c|cxa_\w+\.c|syscall-template\.S|not-cancel\.h|syscall\.S|nss_\w+\.c|getaddrinfo\.c|new_op[av]?\w*\.cc|del_op[av]?\w*\.cc|eh_\w+\.cc|(?:basic|cow)_string\.(?:h|tcc)|(?:new_)?allocator\.h|alloc_traits\.h|stl_\w+\.h|shared_ptr(?:_base)?\.h|unique_ptr\.h|std_function\.h|std_thread\.h|std_mutex\.h|invoke\.h|vector\.tcc|hashtable(?:_policy)?\.h|char_traits\.h|ostream(?:\.tcc)?|istream(?:\.tcc)?|thread\.cc|functional|thread|tuple)$/;

// What comes with Windows, its C runtime and MFC, as Visual Leak Detector names it: `ucrtbased.dll`, `KERNEL32.DLL`, `mfc140ud.dll`
const windowsObject =
  /^(?:ntdll|kernel32|kernelbase|user32|gdi32|win32u|advapi32|shell32|sechost|combase|ole32|oleaut32|rpcrt4|comctl32|ucrtbased?|msvc[rp]\w*|vcruntime\w*|concrt\w*|mfc\d\w*|atl\d*d?)\.dll$/i;

// Where Microsoft builds its C runtime and MFC, with the slashes of either side:
// `d:/a/_work/1/s/src/vctools/crt/vcstartup/src/startup`, `f:\dd\vctools\vc7libs\ship\atlmfc\src\mfc`,
// `minkernel\crts\ucrt\src\appcrt\heap\debug_heap.cpp`, `f:/vs70builds/3077/vc/crtbld/crt/src`
const windowsDirectory =
  /(?:^|[\\/])(?:minkernel[\\/]crts|vctools|crtbld|crt_bld|vc7libs|atlmfc|crt[\\/](?:src|vcstartup|crtw32))[\\/]/i;

// The debug heap names only the file of MFC's strings: `strcore.cpp(156) : {479} normal block`
const windowsSource = /^(?:strcore|afxmem|afxcoll|array_\w{1,2}|list_\w{1,2}|map_\w{2}|plex)\.cpp$/i;

// `0x0: ???` of massif with --pages-as-heap=yes: what the kernel mapped before the program ran.
const kernelMapping = /^0x0+$/;

// `__libc_start_main@@GLIBC_2.34`, `_IO_file_overflow`, `std::vector<int>::push_back`, `(below main)`
const systemFunction =
  /^(?:__libc_|_IO_|__GI_|_dl_|__nptl_|__pthread_|__gthread_|__gnu_cxx::|__cxxabiv1::|\(below main\)$|_start$|clone\d?$|start_thread$)|@@?(?:GLIBC|GLIBCXX|CXXABI)_|^(?:[\w:<>*& ]+ )?std::/;

// glibc keeps most functions in a file of the same name: `writev (writev.c:26)`, `_Exit (_exit.c:30)`. Only for names
// that nobody gives to a function of their own.
const systemCall =
  /^(?:p?readv?2?|p?writev?2?|openat|open|creat|close|p?poll|p?select|epoll_(?:p?wait|ctl)|recv(?:from|m?msg)?|send(?:to|m?msg|file)?|accept4?|connect|bind|socket|ioctl|fcntl|lseek|(?:clock_)?nanosleep|u?sleep|pause|wait(?:pid|id|3|4)?|v?fork|system|p(?:open|close)|kill|abort|exit|mmap|munmap|mprotect|getdents|sig(?:action|suspend|wait\w*)|brk|sbrk|qsort(?:_r)?|bsearch|msort|getenv|setenv|putenv|strn?dup|getline|getdelim|f(?:open|close|read|write|puts|putc|gets|getc|flush)|puts|putchar|perror|scandir|(?:open|read|close)dir|localtime|gmtime|mktime|strto\w+|setlocale|dl(?:open|sym|close|error)|backtrace|reg(?:comp|exec)|glob|realpath|ptrace|mount|clone)(?:64)?$/;

// The kernel as perf names it, and what it maps into every process: `[kernel.kallsyms]`, `[vdso]`,
// `/lib/modules/6.1.0/kernel/fs/ext4/ext4.ko.xz`, `/usr/lib/debug/boot/vmlinux-6.1.0`
const kernelObject = /^\[|\.ko(?:\.\w+)?$|\/vmlinux(?:-[^/]*)?$/;

/** The source file of a frame, directory and file joined and cleaned; relative when the debug information is. */
export function sourcePath(frame: Frame): string | undefined {
  if (frame.file === undefined) return undefined;
  if (frame.directory === undefined || frame.file.startsWith('/')) return posix.normalize(frame.file);
  return posix.join(frame.directory, frame.file);
}

/** True when `path` is absolute and lies under `root`. A root of `/` says nothing and holds nothing. */
export function isUnder(path: string | undefined, root: string | undefined): boolean {
  if (path === undefined || root === undefined || root === '' || root === '/') return false;
  return path.startsWith(root.endsWith('/') ? root : `${root}/`);
}

/** True for the instrument's own frames, wherever they are installed. */
export function isToolFrame(frame: Frame): boolean {
  if (frame.object !== undefined && toolObject.test(baseName(frame.object))) return true;
  if (frame.function !== undefined) {
    if (toolFunction.test(frame.function)) return true;
    if (isReplaced(frame)) return true;
  }
  if (frame.file === undefined) return false;
  return toolSources.test(posix.basename(frame.file)) || toolDirectory.test(sourcePath(frame) ?? '');
}

function isReplaced({ function: name = '', file, object, offset }: Frame): boolean {
  if (file !== undefined || offset === undefined || object === undefined || isSharedObject(object))
    return false;
  return replacedFunction.test(name) || replacedInLibc.test(name) || systemCall.test(name);
}

// `c:\dev\list\list.cpp`, `minkernel\crts\ucrt\src\appcrt\heap\debug_heap.cpp`
const windowsPath = /^[A-Za-z]:[\\/]|^[^/]*\\[^/]*$/;

/** The last part of a path, of Windows too. */
export function baseName(path: string): string {
  return windowsPath.test(path) ? path.slice(path.search(/[^\\/]*$/)) : posix.basename(path);
}

// What every program is linked with and nobody wrote: it calls main, and the constructors before it.
const startCode =
  /^(?:\(below main\)|_start|__libc_start_(?:call_)?main(?:_impl)?|__libc_csu_init|_init|invoke_main|__scrt_common_main(?:_seh)?|(?:__tmain|w?(?:Win)?main)CRTStartup|RtlUserThreadStart|BaseThreadInitThunk)(?:@|\(|$)/;

/** True for libc, the loader and the C++ runtime, judged without the project root: the same on every machine. */
export function isSystemFrame(frame: Frame): boolean {
  if (frame.function !== undefined && startCode.test(frame.function)) return true;
  if (isWindowsFrame(frame)) return true;
  if (frame.directory !== undefined) {
    const path = sourcePath(frame) ?? frame.directory;
    if (systemDirectory.test(frame.directory) || (systemPlace.test(path) && !libraryPlace.test(path)))
      return true;
  } else if (frame.file !== undefined) {
    if (systemDirectory.test(frame.file) || systemPlace.test(frame.file)) return true;
    // `/usr/bin/../lib/gcc/x86_64-linux-gnu/12/../../../../include/c++/12/bits/stl_vector.h`, as clang has it
    if (frame.file.includes('/../') && systemPlace.test(sourcePath(frame) ?? '')) return true;
    // With an object at hand the object decides: `thread` and `functional` are good names for one's own files.
    if (
      frame.object === undefined &&
      (systemSource.test(posix.basename(frame.file)) || isSystemCall(frame))
    ) {
      return true;
    }
  }
  if (frame.object !== undefined) {
    if (kernelObject.test(frame.object)) return true;
    return isSharedObject(frame.object) && systemPlace.test(frame.object) && !libraryPlace.test(frame.object);
  }
  if (frame.function === undefined) {
    return frame.file === undefined && frame.ip !== undefined && kernelMapping.test(frame.ip);
  }
  return systemFunction.test(frame.function);
}

function isWindowsFrame({ object, directory, file }: Frame): boolean {
  if (object !== undefined && windowsObject.test(baseName(object))) return true;
  if (directory !== undefined) return windowsDirectory.test(`${directory}/`);
  if (file === undefined) return false;
  return windowsDirectory.test(file) || (object === undefined && windowsSource.test(baseName(file)));
}

function isSystemCall(frame: Frame): boolean {
  const plain = (name: string): string => name.toLowerCase().replace(/^_+|@.*$|(?:_nocancel)$/g, '');
  const name = plain(frame.function ?? '');
  return systemCall.test(name) && plain(posix.basename(frame.file ?? '', '.c')) === name;
}

/**
 * Decides whose code a frame is in.
 *
 * Order matters: the instrument first (its replacement of malloc is built anywhere), then what the user said, then
 * sources under the project root, then what is known to be system, then places of installed libraries. What is left is
 * mine when it is in the program itself or has a source; the program is any object that is no shared library, because a
 * process has only one.
 */
export function ownershipOf(frame: Frame, context: OwnershipContext): Ownership {
  if (isToolFrame(frame)) return because('tool', 'instrument');
  const decided = context.decide?.(frame);
  if (decided !== undefined) return decided;
  const path = sourcePath(frame);
  if (isUnder(path, context.projectRoot)) return because('mine', 'source-in-project');
  if (isSystemFrame(frame)) return because('system', 'system');
  const absoluteSource = path !== undefined && /^\/|^[A-Za-z]:[\\/]/.test(path);
  if (path !== undefined && libraryPlace.test(path)) return because('library', 'source-of-library');
  if (isUnder(frame.object, context.projectRoot)) return because('mine', 'object-in-project');
  if (frame.object === undefined) {
    return path === undefined ? because('library', 'nothing-known') : because('mine', 'source-only');
  }
  if (!isSharedObject(frame.object)) return because('mine', 'program');
  if (libraryPlace.test(frame.object)) return because('library', 'object-of-library');
  // A shared library with sources: mine when nobody can say where the project is, or the source has no directory.
  const unknown = context.projectRoot === undefined || !absoluteSource;
  return path !== undefined && unknown ? because('mine', 'source-only') : because('library', 'shared-object');
}

/** The owner alone. */
export function ownerOf(frame: Frame, context: OwnershipContext): Owner {
  return ownershipOf(frame, context).owner;
}

function because(owner: Owner, reason: OwnerReason): Ownership {
  return { owner, reason };
}

/** `libfoo.so.1.2`, `plugin.so`, `ld-2.31.so`, `libfoo.dylib`, `foo.dll` */
export function isSharedObject(object: string): boolean {
  return /\.so(?:\.[\w.]+)?$|\.dylib$|\.dll$/i.test(baseName(object));
}

/** The stack an error is about: where it was seen, or, for a leak, where the block was allocated. */
export function primaryStack(stacks: readonly Stack[]): number {
  for (const label of ['at', 'observed order then', 'allocated at'] as const) {
    const index = stacks.findIndex((stack) => stack.label === label && stack.frames.length > 0);
    if (index >= 0) return index;
  }
  return 0;
}

/**
 * Where in my code: the first frame of mine in the primary stack; when it has none, in the first stack that has.
 * A frame without a source line gives way to a later one of mine in the same stack that has one.
 */
export function blame(
  stacks: readonly { readonly frames: readonly { readonly owner: Owner; readonly line?: number }[] }[],
  primary: number,
): { readonly stack: number; readonly frame: number } | undefined {
  const order = [primary, ...stacks.keys()];
  for (const stack of order) {
    const frames = stacks[stack]?.frames ?? [];
    const lined = frames.findIndex((frame) => frame.owner === 'mine' && frame.line !== undefined);
    const frame = lined >= 0 ? lined : frames.findIndex((candidate) => candidate.owner === 'mine');
    if (frame >= 0) return { stack, frame };
  }
  return undefined;
}
