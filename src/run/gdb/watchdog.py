"""Ends processes that gdb holds and has forgotten: it can lose a thread that calls vfork(2) among others."""

import os
import signal
import threading
import time

from proc import held_threads

# So long nobody holds a process while it is meant to run.
STUCK_SECONDS = 10


class Watchdog:
    """`is_running`: gdb was told to let the processes run."""

    def __init__(self, processes, log):
        self.processes = processes
        self.log = log
        self.is_running = False

    def start(self):
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        looks, always = 0, set()
        while True:
            time.sleep(STUCK_SECONDS / 10)
            pids = list(self.processes.known)
            held = {thread for pid in pids for thread in held_threads(pid)} if self.is_running else set()
            always = held if looks == 0 else always & held
            looks = looks + 1 if always else 0
            if looks < 10:
                continue
            looks = 0
            self.log.problem(
                "gdb-stuck",
                "incomplete",
                "gdb stopped the processes and did not go on with them: they were killed",
                "run it with --follow=parent, which leaves the children alone",
            )
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
