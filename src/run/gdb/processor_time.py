"""Owns what keeps the time short for which a process is held: whose turn it is on the processors,
and how long is waited for a thread.
"""

import os
import signal
import threading

from proc import stat_fields
from tracing import threads_of

# Seconds after which who waits for a thread looks whether the time is up, and whether it still
# lives.
WATCH = 0.01


def keep_off_its_processors(pid, allowed):
    """Leaves the processors on which a process works to it, where there are others: it would share
    one with this program, for milliseconds, which is longer than it is held."""
    busy = set()
    for lwp in threads_of(pid):
        stat = stat_fields(f"/proc/{pid}/task/{lwp}")
        if len(stat) > 36 and stat[0] == b"R":
            busy.add(int(stat[36]))
    try:
        os.sched_setaffinity(0, (allowed - busy) or allowed)
    except OSError:
        pass  # A processor that was taken away meanwhile.


class Hurry:
    """A process is held for as long as this thread waits for a processor: it goes first, where that
    is allowed. It must not turn in a loop then: who is waited for needs that processor."""

    def __enter__(self):
        self.before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        self.set(-20)

    def __exit__(self, *_):
        self.set(self.before)

    def set(self, priority):
        """Nothing happens where it is not allowed."""
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), priority)
        except OSError:
            pass


class Watch:
    """Ends a wait for a thread every now and then, by a signal that does nothing else. Only the
    thread that samples lets it in."""

    @staticmethod
    def prepare():
        """To be called in the main thread, before the others are made."""
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGALRM,))

    def __enter__(self):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGALRM,))
        # Again and again: one may come just before the wait.
        signal.setitimer(signal.ITIMER_REAL, WATCH, WATCH)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGALRM,))
