// The knowledge base: what the reports of ThreadSanitizer mean. Kinds: tsan_report.cpp of compiler-rt up to 18.
import type { Kind } from './kind.ts';

type Entry = Omit<Kind, 'tool' | 'falsePositives' | 'options'> & Partial<Kind>;

const history = 'TSAN_OPTIONS=history_size=7 when the other stack could not be restored';
const raceFalsePositives = [
  'libraries that were not built with ThreadSanitizer and synchronise by themselves',
  'atomic_thread_fence, which the runtime does not follow',
];

const entries: readonly Entry[] = [
  {
    kind: 'data-race',
    severity: 'error',
    title: 'Data race',
    meaning: 'Two threads use the same memory, at least one writes, and nothing puts the two in an order.',
    advice: 'Hold one and the same lock at both places, or make the variable atomic.',
    causes: [
      'a lock that is held at one of the places only',
      'a flag that is a plain variable',
      'an object that is given to a thread and used on',
      'lazy initialisation',
    ],
    fixes: ['lock both', 'std::atomic', 'join before you read', 'std::call_once'],
    falsePositives: raceFalsePositives,
    options: [history, 'TSAN_OPTIONS=second_deadlock_stack=1'],
    headlines: ['threadsanitizer: data race', 'data race (pid='],
  },
  {
    kind: 'data-race-on-vptr',
    severity: 'critical',
    title: 'Object used while it is destroyed',
    meaning:
      'A virtual call in one thread races with the constructor or destructor of the object in another: it may call a function of the base class, or none.',
    advice:
      'Let the thread end, or the callback be gone, before the destructor of the most derived class begins.',
    causes: [
      'a thread that is joined in the destructor of a base class',
      'an object that is published from its constructor',
    ],
    fixes: ['join in the most derived destructor', 'a separate start()'],
    options: [history],
    headlines: ['threadsanitizer: data race on vptr'],
  },
  {
    kind: 'race-on-external-object',
    severity: 'error',
    title: 'Race on an object of a library',
    meaning: 'Two threads use an object at once of which its library says that it must not be shared.',
    advice: 'Hold a lock around every use of the object, or give each thread its own.',
    causes: ['a collection that is changed by two threads'],
    fixes: ['a lock', 'a serial queue'],
    falsePositives: raceFalsePositives,
    options: [history],
    headlines: ['race on external object', 'swift access race'],
  },
  {
    kind: 'heap-use-after-free',
    severity: 'critical',
    title: 'Use after free in another thread',
    meaning: 'One thread freed a block that another still uses; it may come out either way.',
    advice:
      'Make sure that the users are done, by join or by a count of references, before the block is freed.',
    causes: ['a thread that outlives what it was given', 'an object that is deleted in a callback'],
    fixes: ['shared_ptr', 'join first'],
    falsePositives: ['reference counts in code that was not built with ThreadSanitizer'],
    options: [history],
    headlines: ['threadsanitizer: heap-use-after-free'],
  },
  {
    kind: 'lock-order-inversion',
    severity: 'error',
    title: 'Locks taken in two orders',
    meaning:
      'Two locks are taken in one order here and in the other there: two threads can wait for each other for ever.',
    advice: 'Decide on one order, or take both at once.',
    causes: [
      'calls into another module while a lock is held',
      'locking two objects as they come (swap, transfer)',
    ],
    fixes: ['std::scoped_lock of both', 'an order by address', 'call without the lock'],
    falsePositives: ['a third lock that is always held around both'],
    options: [
      'TSAN_OPTIONS=second_deadlock_stack=1 shows where the first lock was taken',
      'TSAN_OPTIONS=detect_deadlocks=0 switches it off',
    ],
    headlines: ['lock-order-inversion'],
  },
  {
    kind: 'thread-leak',
    severity: 'warning',
    title: 'Thread that nobody joined',
    meaning: 'A thread ended, and nobody joined or detached it: its stack and record stay.',
    advice: 'Join it, or detach it when nobody waits for it.',
    causes: ['an error path without join', 'threads that are started and forgotten'],
    fixes: ['pthread_join', 'pthread_detach', 'std::jthread'],
    options: ['TSAN_OPTIONS=report_thread_leaks=0 switches it off'],
    headlines: ['thread leak'],
  },
  {
    kind: 'destroy-of-locked',
    severity: 'error',
    title: 'Mutex destroyed while locked',
    meaning: 'A mutex is destroyed that some thread holds.',
    advice: 'Unlock it, and let its users end, before its owner goes.',
    causes: ['an object that is deleted under its own lock', 'a thread that is still at work'],
    fixes: ['unlock first', 'join first'],
    options: ['TSAN_OPTIONS=report_destroy_locked=0 switches it off'],
    headlines: ['destroy of a locked mutex'],
  },
  {
    kind: 'double-lock',
    severity: 'error',
    title: 'Mutex locked twice',
    meaning: 'A thread locks a mutex that it holds already, which waits for itself for ever.',
    advice: 'Split the function: one that locks, one that is called under the lock.',
    causes: ['a function that locks is called under the lock'],
    fixes: ['an inner function without the lock', 'a recursive mutex'],
    options: ['TSAN_OPTIONS=report_mutex_bugs=0 switches it off'],
    headlines: ['double lock of a mutex'],
  },
  {
    kind: 'unlock-of-unlocked',
    severity: 'error',
    title: 'Unlock without lock',
    meaning: 'A mutex is unlocked that is not locked, or by a thread that does not hold it.',
    advice: 'Unlock exactly once, in the thread that locked.',
    causes: ['an error path that unlocks twice', 'a lock that is handed to another thread'],
    fixes: ['lock_guard', 'a semaphore to hand over'],
    options: ['TSAN_OPTIONS=report_mutex_bugs=0 switches it off'],
    headlines: ['unlock of an unlocked mutex'],
  },
  {
    kind: 'invalid-mutex',
    severity: 'error',
    title: 'Mutex that is none',
    meaning: 'A mutex is used that was never initialised, or is destroyed.',
    advice: 'Look at the lifetime of the object that holds it.',
    causes: [
      'a static object that is used after its destructor at exit',
      'memory that was reused',
      'no pthread_mutex_init',
    ],
    fixes: ['initialise it', 'let it outlive its users'],
    options: ['TSAN_OPTIONS=report_mutex_bugs=0 switches it off'],
    headlines: ['use of an invalid mutex'],
  },
  ...(['read-lock-of-write-locked', 'read-unlock-of-write-locked'] as const).map(
    (kind): Entry => ({
      kind,
      severity: 'error',
      title:
        kind === 'read-lock-of-write-locked'
          ? 'Read lock under the write lock'
          : 'Write lock released as a read lock',
      meaning: 'The reading and the writing side of one reader-writer lock are mixed up by one thread.',
      advice: 'Release the side that was taken before the other is taken.',
      causes: ['a function that reads is called by one that writes', 'the wrong unlock'],
      fixes: ['an inner function without the lock', 'shared_lock and unique_lock'],
      options: ['TSAN_OPTIONS=report_mutex_bugs=0 switches it off'],
      headlines: [
        kind === 'read-lock-of-write-locked'
          ? 'read lock of a write locked mutex'
          : 'read unlock of a write locked mutex',
      ],
    }),
  ),
  {
    kind: 'mutex-held-in-wrong-context',
    severity: 'error',
    title: 'Mutex held where it must not be',
    meaning: 'A thread holds a mutex in a place that is declared to hold none.',
    advice: 'Unlock before the call.',
    causes: ['a callback that returns under a lock'],
    fixes: ['unlock first'],
    options: ['TSAN_OPTIONS=report_mutex_bugs=0 switches it off'],
    headlines: ['mutex held in the wrong context'],
  },
  {
    kind: 'signal-unsafe-call',
    severity: 'error',
    title: 'Unsafe call in a signal handler',
    meaning:
      'A signal handler calls what may not be called there, such as malloc: it can deadlock or damage the heap.',
    advice: 'Set a flag of type volatile sig_atomic_t, or write to a pipe, and do the work outside.',
    causes: ['printf, new or a lock in a handler'],
    fixes: ['a flag', 'signalfd or a self-pipe', 'functions of signal-safety(7) only'],
    options: ['TSAN_OPTIONS=report_signal_unsafe=0 switches it off'],
    headlines: ['signal-unsafe call'],
  },
  {
    kind: 'errno-in-signal',
    severity: 'warning',
    title: 'Signal handler changes errno',
    meaning: 'A handler leaves errno changed, so the code that it interrupted may see a wrong error.',
    advice: 'Save errno at the start of the handler, and put it back at its end.',
    causes: ['a system call in a handler'],
    fixes: ['save and restore errno'],
    falsePositives: ['handlers that never return'],
    options: ['TSAN_OPTIONS=report_signal_unsafe=0 switches it off'],
    headlines: ['signal handler spoils errno'],
  },
];

/** Races, lock order, and misuse of threads, locks and signals. */
export const threadKinds: readonly Kind[] = entries.map((entry) => ({
  tool: 'tsan',
  falsePositives: [],
  options: [],
  ...entry,
}));
