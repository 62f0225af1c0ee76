"""Signals that may end a process: what is known at each is kept until it is known whether it did."""

import os

import gdb

from first_faults import FirstFaults
from inferiors import vfork_is_underway
from printers import load_printers
from proc import signal_action
from settings import STOPPING, stop_for_fatal_signals
from siginfo import signal_bytes
from stop import describe_stop, thread_registers


class Crashes:
    def __init__(self, wish, log, times, processes, passing):
        self.wish = wish
        self.log = log
        self.times = times
        self.processes = processes
        self.passing = passing
        # By pid: a signal that kills it unless something happens, the stop, and its core.
        self.pending = {}
        self.paused_by = set()
        self.first_faults = FirstFaults()

    def start(self):
        stop_for_fatal_signals(self.stops_for_signal)

    def stops_for_signal(self):
        """Whether all threads are to be stopped for the signal that the selected one is to get."""
        self.passing.signalled()
        inferior = gdb.selected_inferior()
        pid = inferior.pid
        if self.processes.is_left_out(pid):
            return False
        number = int(gdb.parse_and_eval("$_siginfo.si_signo"))
        action = signal_action(pid, number)
        if action == "handled":
            self.passing.handled()
            self.first_faults.remember(pid, number)
        if action != "default":
            return False
        if vfork_is_underway():
            # gdb would wait for a process to stop that cannot.
            self.times.stopped()
            self.keep(inferior)
            return False
        return True

    def signalled(self, name, inferior):
        """At a signal for which all threads were stopped."""
        pid = inferior.pid
        if name not in STOPPING:
            if self.stops_for_signal():
                self.keep(inferior)
            return
        number = gdb.parse_and_eval("$_siginfo.si_signo")
        if signal_action(pid, int(number)) == "default":
            self.note_pause(name, pid)

    def keep(self, inferior):
        """Writes down what the process is at a signal that will end it, unless something else does."""
        pid = inferior.pid
        # Another one came, so the process lives.
        self.settle(pid, died=False)
        load_printers()
        described = describe_stop(0, "signal", ms=self.times.ms(), signal=True)
        if "signal" not in described:
            return
        number = described["signal"]["number"]
        first = self.first_faults.apply(pid, described)
        self.pending[pid] = {"stop": described, "number": number, "core": self.write_core(inferior, first)}
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

    def deadly(self, pid):
        """How a process that is gone ended, as far as the last signal that it was to get tells."""
        provisional = self.pending.get(pid)
        return None if provisional is None else ("signal", provisional["number"])

    def ended(self, pid, end):
        provisional = self.pending.get(pid)
        if provisional is not None:
            self.settle(pid, died=end == ("signal", provisional["number"]))
        self.first_faults.forget(pid)

    def executed(self, pid):
        self.settle(pid, died=False)
        self.first_faults.forget(pid)

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

    def write_core(self, inferior, first):
        """A small core file of this moment, with the registers of the first fault; None when it cannot be written."""
        path = os.path.join(self.wish["directory"], f"gdb-pid-{inferior.pid}.core.new")
        try:
            import minicore
            from crash_memory import crash_ranges
        except ImportError:
            return None
        try:
            threads = thread_registers(inferior)
            siginfo = signal_bytes()
            if first is not None:
                threads, siginfo = first.in_core(threads), first.siginfo
            ranges = crash_ranges(inferior.pid, threads, siginfo)
            minicore.write_core(path, inferior.pid, threads, ranges=ranges, siginfo=siginfo)
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
