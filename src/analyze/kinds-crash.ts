// The knowledge base: what a debugger, a core file or samples of a process show. Signals: signal(7), sigaction(2).
import type { Kind } from './kind.ts';

type Entry = Omit<Kind, 'tool' | 'falsePositives' | 'options'> & Partial<Kind>;

const memcheck = 'run it under memcheck: vgrun ./prog says who freed or never set what is used here';
const sanitizer = 'vgrun build --with address, when the fault does not show under memcheck';
const core = '--full-stacks for registers, modules and the values of every frame';

const entries: readonly Entry[] = [
  {
    kind: 'SIGSEGV',
    severity: 'critical',
    title: 'Invalid memory reference',
    meaning:
      'An instruction used an address at which nothing is mapped, or in a way that its mapping does not allow.',
    advice:
      'Look which value in the first frame of yours is the bad pointer, and follow it to the place where it got that value.',
    causes: [
      'a NULL pointer that nobody checked',
      'an object that was freed, or a local variable of a function that has returned',
      'an index outside of an array',
      'a recursion without an end, which leaves the stack',
      'a write to a string literal',
    ],
    fixes: [
      'check what may fail before it is used',
      'set a pointer to NULL when its object goes',
      'check the index',
    ],
    options: [memcheck, sanitizer, core],
    headlines: ['segmentation fault', 'sigsegv'],
  },
  {
    kind: 'SIGBUS',
    severity: 'critical',
    title: 'Bus error',
    meaning:
      'The address is mapped, but there is no memory behind it: most often a mapped file that is shorter than its mapping.',
    advice:
      'Make sure that nobody cuts the file while it is mapped, and never read a mapping beyond the length of its file.',
    causes: [
      'a mapped file that was truncated, or written anew in place',
      'a full disk or /dev/shm behind a sparse file',
      'an access that is not aligned, on processors that want it so',
    ],
    fixes: [
      'write a new file and rename it',
      'posix_fallocate before the mapping',
      'memcpy instead of a cast',
    ],
    options: [core],
    headlines: ['bus error', 'sigbus'],
  },
  {
    kind: 'SIGFPE',
    severity: 'critical',
    title: 'Erroneous arithmetic operation',
    meaning: 'An integer was divided by zero, or the quotient does not fit, as of INT_MIN / -1.',
    advice: 'Check the divisor before the division, and INT_MIN / -1 too.',
    causes: [
      'a count or an average over nothing',
      'a modulo by a size that is 0',
      'a hash table without buckets',
    ],
    fixes: ['treat zero before the division'],
    options: ['vgrun build --with undefined, which names the line and goes on', core],
    headlines: ['arithmetic exception', 'floating point exception', 'sigfpe'],
  },
  {
    kind: 'SIGILL',
    severity: 'critical',
    title: 'Illegal instruction',
    meaning: 'The processor was told to execute something that is no instruction of it.',
    advice:
      'When it is ud2, the compiler put it where the program must not come; else see whether the program was built for this processor.',
    causes: [
      'a function that should return a value and does not',
      'code behind __builtin_unreachable() that was reached, or a check of -fsanitize-trap',
      'a program built with -march=native on another machine',
      'a call through a pointer that leads into data',
    ],
    fixes: ['return in every branch', 'build for the oldest processor that has to run it'],
    options: ['vgrun build --with undefined', core],
    headlines: ['illegal instruction', 'sigill'],
  },
  {
    kind: 'SIGABRT',
    severity: 'critical',
    title: 'The program aborted itself',
    meaning:
      'The program, or a library for it, called abort(): an assertion did not hold, an exception found nobody, or malloc saw that its heap is damaged.',
    advice:
      'Look at what called abort(): the message on stderr and the first frame of yours tell which check it was.',
    causes: [
      'an assert() that does not hold',
      'an exception that nobody catches, or one that leaves a noexcept function',
      'a heap that was damaged earlier: `free(): invalid pointer`, `corrupted size vs. prev_size`',
      'a buffer on the stack that was written over: `*** stack smashing detected ***`',
    ],
    fixes: ['mend what the check tells of', 'for a damaged heap find the first bad write'],
    options: [memcheck, sanitizer, core],
    headlines: ['aborted', 'sigabrt'],
  },
  {
    kind: 'SIGTRAP',
    severity: 'error',
    title: 'Trace or breakpoint trap',
    meaning: 'The program executed a breakpoint instruction that no debugger had put there.',
    advice: 'Look for __builtin_trap(), __debugbreak() or a check of a library at the first frame of yours.',
    causes: [
      '__builtin_trap() on some processors',
      'a check of a library that stops for a debugger (G_DEBUG=fatal-warnings)',
    ],
    fixes: ['mend what the check tells of'],
    options: [core],
    headlines: ['trace/breakpoint trap', 'sigtrap'],
  },
  {
    kind: 'SIGSYS',
    severity: 'critical',
    title: 'Bad system call',
    meaning: 'The program made a system call that a seccomp filter forbids.',
    advice:
      'Allow the system call in the filter, or do without it; `ausyscall NUMBER` and <asm/unistd.h> have the name of a number.',
    causes: ['a sandbox whose filter does not know a newer libc', 'a container with a strict profile'],
    fixes: ['add the call to the filter', 'use a filter that answers ENOSYS'],
    options: [core],
    headlines: ['bad system call', 'sigsys'],
  },
  {
    kind: 'SIGPIPE',
    severity: 'error',
    title: 'Write to a closed pipe or connection',
    meaning: 'The program wrote to a pipe or socket whose other end is closed, and does not handle that.',
    advice: 'Ignore SIGPIPE and check what write() returns, or send with MSG_NOSIGNAL.',
    causes: ['a client that went away', 'a program behind a pipe that ended first, as `head` does'],
    fixes: ['signal(SIGPIPE, SIG_IGN)', 'MSG_NOSIGNAL'],
    options: [core],
    headlines: ['broken pipe', 'sigpipe'],
  },
  {
    kind: 'SIGKILL',
    severity: 'error',
    title: 'Killed',
    meaning: 'Somebody, or the kernel for want of memory, killed the program; it could do nothing about it.',
    advice: 'Look in the log of the kernel for `Out of memory`, and at limits of the container or service.',
    causes: ['no memory was left', 'a limit of a container', 'a supervisor whose patience ended'],
    fixes: ['use less memory', 'raise the limit'],
    options: ['vgrun --tool=massif ./prog shows what the memory is for'],
    headlines: ['killed', 'sigkill'],
  },
  ...(
    [
      ['SIGTERM', 'Asked to end', 'Somebody asked the program to end, and it does not handle that.'],
      ['SIGINT', 'Interrupted', 'The program was interrupted from its terminal, and does not handle that.'],
      [
        'SIGQUIT',
        'Quit from the terminal',
        'The program was made to end with a core file from its terminal, or by a supervisor that found it hanging.',
      ],
      [
        'SIGHUP',
        'Its terminal went away',
        'The terminal or session of the program ended, and it does not handle that.',
      ],
      [
        'SIGALRM',
        'An alarm went off',
        'A timer of alarm() or setitimer() ran out, and the program does not handle its signal.',
      ],
      [
        'SIGUSR1',
        'A signal that nobody handles',
        'The program got a signal of the user before it had a handler for it, or after it lost it.',
      ],
      [
        'SIGUSR2',
        'A signal that nobody handles',
        'The program got a signal of the user before it had a handler for it, or after it lost it.',
      ],
    ] as const
  ).map(
    ([kind, title, meaning]): Entry => ({
      kind,
      severity: 'error',
      title,
      meaning,
      advice: 'See who sent it, and what the threads were at: that it did not end by itself may be a hang.',
      causes: ['a time limit of a supervisor, a test or a service', 'a person who did not want to wait'],
      fixes: ['end by yourself in time', 'handle the signal, and end as you should'],
      options: ['vgrun stacks PID while it hangs'],
      headlines: [kind.toLowerCase()],
    }),
  ),
  {
    kind: 'SIGXCPU',
    severity: 'error',
    title: 'Limit of processor time exceeded',
    meaning: 'The program used more processor time than its limit (setrlimit(2), RLIMIT_CPU) allows.',
    advice: 'See in which loop of yours it stands; if it is at work as it should, raise the limit.',
    causes: ['a loop without an end', 'more work than the limit has room for'],
    fixes: ['mend the condition of the loop', 'ulimit -t'],
    options: ['vgrun --tool=callgrind ./prog'],
    headlines: ['cpu time limit exceeded', 'sigxcpu'],
  },
  {
    kind: 'SIGXFSZ',
    severity: 'error',
    title: 'Limit of file size exceeded',
    meaning: 'The program wrote more into a file than its limit (setrlimit(2), RLIMIT_FSIZE) allows.',
    advice: 'See which file it is, and raise the limit or write less.',
    causes: ['a log that grows without an end', 'a limit that was meant for another program'],
    fixes: ['rotate the log', 'ulimit -f'],
    options: [core],
    headlines: ['file size limit exceeded', 'sigxfsz'],
  },
  {
    kind: 'Deadlock',
    severity: 'critical',
    title: 'Deadlock',
    meaning:
      'These threads wait for each other, or for what nobody will ever release: none of them can go on.',
    advice: 'See which locks each of them holds, and release these before what it waits for.',
    causes: [
      'two locks taken in different orders',
      'a lock that is held while a callback or another thread is waited for',
      'a mutex that a thread takes twice, or a lock that it reads and then wants to write under',
      'a way out of a function, or the end of a thread, that does not unlock',
      'a fork in a program with threads: the child has the lock, and not the thread that would release it',
    ],
    fixes: [
      'one order for all locks',
      'std::scoped_lock(a, b), which also unlocks on every way out',
      'release the lock before you call out or join a thread',
      'PTHREAD_MUTEX_ERRORCHECK while you search: a second lock then fails with EDEADLK',
    ],
    falsePositives: [
      'a mutex that is used as a semaphore: unlocked by a thread that did not lock it, which pthread_mutex_unlock(3p) leaves undefined',
      'a thread in pthread_join that another one cancels (pthread_cancel(3p))',
    ],
    options: ['vgrun --tool=helgrind ./prog tells of locks in different orders before it comes to this'],
    headlines: ['threads wait for each other', 'deadlock'],
  },
];

/** Kinds of what a debugger shows; a core file and samples of a process show the same things. */
export const crashKinds: readonly Kind[] = entries.map(
  (entry): Kind => ({ falsePositives: [], options: [], ...entry, tool: 'gdb' }),
);
