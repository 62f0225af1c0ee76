"""Ends processes that gdb holds and has forgotten: it can lose a thread that calls vfork(2) among others."""

import os
import signal
import time

from background import start_thread
from proc import held_in_vfork, held_threads, processor_time

# So long nobody holds a thread while its process is meant to run, ...
STUCK_SECONDS = 10
# ... and so long gdb does not stand still itself between two goes, unless it waits for what will not come. A server
# that has symbols may be slow.
IDLE_SECONDS = 120
# gdb stands still itself, and waits for a caller of vfork(2) that waits for a child which gdb holds.
VFORK_SECONDS = 3


class Watchdog:
    """`is_running`: gdb was told to let the processes run. `give_up`: ends gdb itself."""

    def __init__(self, processes, log, give_up):
        self.processes = processes
        self.log = log
        self.give_up = give_up
        self.is_running = False

    def start(self):
        start_thread(self.watch)

    def watch(self):
        stuck, idle, vfork = Standstill(), Standstill(), Standstill()
        while True:
            time.sleep(1)
            pids = list(self.processes.known)
            held = {thread for pid in pids for thread in held_threads(pid)}
            waiting = held_in_vfork(pids) if self.is_running else {}
            if vfork.seconds(set(waiting), processor_time()) >= VFORK_SECONDS:
                vfork, stuck = Standstill(), Standstill()
                child, parent = next(iter(waiting.items()))
                self.tell(
                    f"process {parent} waits in vfork(2) until process {child} executes something, which gdb stopped for "
                    "what another process did: gdb waits for both, and the processes were killed"
                )
                kill(pids)
                continue
            if stuck.seconds(held if self.is_running else set()) >= STUCK_SECONDS:
                stuck = Standstill()
                self.tell("gdb stopped the processes and did not go on with them: they were killed")
                kill(pids)
            if idle.seconds(set() if self.is_running else held, processor_time()) >= IDLE_SECONDS:
                self.tell("gdb waited without end while it held the processes: it was ended, and they with it")
                kill(pids)
                self.give_up()

    def tell(self, message):
        self.log.problem(
            "gdb-stuck",
            "incomplete",
            message,
            "run it with --follow=parent, which leaves the children alone",
        )


class Standstill:
    """For how long some thread was held at each look, and `still` stayed the same."""

    def __init__(self):
        self.always = set()
        self.still = None
        self.since = time.monotonic()

    def seconds(self, held, still=None):
        now = time.monotonic()
        left = self.always & held
        if not left or still != self.still:
            self.always, self.still, self.since = held, still, now
            return 0
        self.always = left
        return now - self.since


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
