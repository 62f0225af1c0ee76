"""Signals that may end a process: what is known at each is kept until it is known whether it did."""

import os
import re
import signal

import gdb

from printers import load_printers
from settings import STOPPING
from siginfo import signal_bytes
from stop import describe_stop, thread_registers


class Crashes:
    def __init__(self, wish, log, times):
        self.wish = wish
        self.log = log
        self.times = times
        # By pid: a signal that kills it unless something happens, the stop, and its core.
        self.pending = {}
        self.paused_by = set()

    def signalled(self, name, inferior, is_left_out):
        pid = inferior.pid
        # Another one came, so the process lives.
        self.settle(pid, died=False)
        # SIG0: gdb was asked to look up, for the end of the waiting.
        if name in STOPPING and not is_handled(pid):
            self.note_pause(name, pid)
            return
        if name in ("0", "SIG0") or is_left_out or is_handled(pid):
            return
        load_printers()
        described = describe_stop(0, "signal", ms=self.times.ms(), signal=True)
        if "signal" not in described:
            return
        self.pending[pid] = {"stop": described, "core": self.write_core(inferior)}
        described["pausedMs"] = self.times.paused()

    def note_pause(self, name, pid):
        """A process that gdb holds does not stop for it: that it went on is the one difference, and said once."""
        if (name, pid) in self.paused_by:
            return
        self.paused_by.add((name, pid))
        self.log.problem(
            "went-on",
            "warning",
            f"process {pid} got {name}, which would stop it until somebody sends SIGCONT: under gdb it went on",
        )

    def ended(self, pid, end):
        provisional = self.pending.get(pid)
        if provisional is not None:
            self.settle(pid, died=end == ("signal", provisional["stop"]["signal"]["number"]))

    def settle(self, pid, died):
        provisional = self.pending.pop(pid, None)
        if provisional is None:
            return
        core = provisional["core"]
        if not died:
            if core is not None:
                discard(core)
            return
        described = provisional["stop"]
        described["number"] = self.log.next_stop()
        if core is not None:
            name = f"gdb-{described['number']}.core"
            os.replace(core, os.path.join(self.wish["directory"], name))
            described["core"] = name
        self.log.write({"type": "stop", **described})

    def write_core(self, inferior):
        """A small core file of this moment; None when there is nothing that writes one."""
        path = os.path.join(self.wish["directory"], f"gdb-pid-{inferior.pid}.core.new")
        try:
            import minicore
        except ImportError:
            return None
        try:
            threads = thread_registers(inferior)
            minicore.write_core(path, inferior.pid, threads, siginfo=signal_bytes())
            return path
        except Exception as error:
            print(f"core of {inferior.pid}: {error}")
            discard(path)
            return None

    def finish(self):
        for pid in list(self.pending):
            self.settle(pid, died=False)


def discard(path):
    try:
        os.remove(path)
    except OSError:
        pass


def is_handled(pid):
    """Whether the process has a handler for the signal at which it stands (proc_pid_status(5), SigCgt)."""
    try:
        number = int(gdb.parse_and_eval("$_siginfo.si_signo"))
        with open(f"/proc/{pid}/status", encoding="latin-1") as status:
            caught = int(re.search(r"^SigCgt:\s*([0-9a-f]+)", status.read(65536), re.MULTILINE)[1], 16)
        return caught >> (number - 1) & 1 == 1
    except (gdb.error, OSError, TypeError, ValueError):
        return False


def is_own_trap():
    """Whether the program brought the SIGTRAP itself: by kill(2) and the like, or by a breakpoint instruction."""
    try:
        info = gdb.parse_and_eval("$_siginfo")
        return int(info["si_signo"]) == signal.SIGTRAP and int(info["si_code"]) in (0, -1, -6, 0x80)
    except (gdb.error, gdb.MemoryError):
        return False
