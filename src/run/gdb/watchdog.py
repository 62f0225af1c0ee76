"""Wakes gdb where it sleeps over what it was told, and ends processes that it holds and has forgotten."""

import os
import signal
import threading
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
# So long gdb has to hear that the processes were killed.
END_SECONDS = 5
# So often gdb is woken for a second after it told something, and from then on.
WAKE_SECONDS, QUIET_WAKE_SECONDS = 0.02, 1


class Watchdog:
    """`is_running`: gdb was told to let the processes run. `give_up`: ends gdb itself."""

    def __init__(self, processes, log, give_up):
        self.processes = processes
        self.log = log
        self.give_up = give_up
        self.is_running = False

    def start(self):
        start_thread(self.watch)
        start_thread(self.wake)

    def wake(self):
        """Has gdb look again at what it knows.

        gdb 13 takes one process at random, and when it knows nothing new of that one it asks the kernel. When all have
        ended or forked already, the kernel has nothing to tell, and gdb sleeps on although it knows of the others
        (do_target_wait in infrun.c).
        """
        told, quiet_since = self.processes.told, time.monotonic()
        while True:
            if told != self.processes.told:
                told, quiet_since = self.processes.told, time.monotonic()
            time.sleep(WAKE_SECONDS if time.monotonic() - quiet_since < 1 else QUIET_WAKE_SECONDS)
            if self.is_running and len(self.processes.known) > 1:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGCHLD)

    def watch(self):
        stuck, idle, vfork = Standstill(), Standstill(), Standstill()
        # When, and how much gdb had told by then.
        killed = None
        while True:
            time.sleep(1)
            if killed is not None and killed[1] != self.processes.told:
                killed = self.now()
            if killed is not None and time.monotonic() - killed[0] >= END_SECONDS:
                self.give_up()
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
                killed = killed or self.now()
                kill(pids)
                continue
            if stuck.seconds(held if self.is_running else set(), self.processes.told) >= STUCK_SECONDS:
                stuck = Standstill()
                killed = killed or self.now()
                self.tell("gdb stopped the processes and did not go on with them: they were killed")
                kill(pids)
            if idle.seconds(set() if self.is_running else held, processor_time()) >= IDLE_SECONDS:
                self.tell("gdb waited without end while it held the processes: it was ended, and they with it")
                kill(pids)
                self.give_up()

    def now(self):
        return time.monotonic(), self.processes.told

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
