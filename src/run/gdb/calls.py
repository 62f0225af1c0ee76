"""Bounds what an expression does to the program when it calls a function of it: such a function runs in the program."""

import functools
import os
import signal

import gdb

from background import start_timer
from inferiors import vfork_is_underway
from proc import signal_action
from settings import attempt

# So long a function may run.
MAX_SECONDS = 10
# What a thread brings upon itself. Others come from elsewhere, and are for the program.
FAULTS = ("SIGILL", "SIGABRT", "SIGFPE", "SIGBUS", "SIGSEGV", "SIGSYS")
# What stops a function that does not come back: no thread can block it, and a program goes on under gdb, should it
# come too late. gdb's own command `interrupt` sends SIGINT.
STOP_CALL = "SIGSTOP"


class CallFailed(Exception):
    """A function that an expression called did not return; the message says what it did instead."""


class CallNeeded(CallFailed):
    """An expression calls a function where none can be called."""


class Calls:
    """`run` evaluates something while only the selected thread may run, and no breakpoint stops it."""

    def __init__(self):
        self.is_running = False
        self.number = 0
        self.is_late = False
        self.fault = None
        self.lwp = 0
        gdb.events.stop.connect(self.stopped)

    def stopped(self, event):
        if self.is_running and isinstance(event, gdb.SignalEvent):
            self.fault = event.stop_signal

    def run(self, evaluate):
        """What `evaluate` returns, or raises.

        A function that gets a fatal signal, or does not come back, is taken back: the registers are those of before.
        What it wrote to memory stays. Raises CallFailed then, and when it ended the process.
        """
        if vfork_is_underway():
            # When the function returned, gdb would stop all threads.
            return self.run_without(evaluate)
        inferior = gdb.selected_inferior()
        pid = inferior.pid
        _, self.lwp, _ = gdb.selected_thread().ptid
        # A catchpoint or breakpoint in the function would keep gdb from taking it back.
        disabled = [each for each in gdb.breakpoints() if each.enabled]
        # One that the program handles is its own affair.
        stopping = [name for name in FAULTS if signal_action(pid, getattr(signal, name)) == "default"]
        for each in disabled:
            each.enabled = False
        if stopping:
            attempt(f"handle {' '.join(stopping)} stop print pass")
        attempt("set scheduler-locking on")
        self.number += 1
        self.is_running, self.is_late, self.fault = True, False, None
        timer = start_timer(MAX_SECONDS, functools.partial(self.ask_to_stop, self.number))
        try:
            return evaluate()
        except gdb.error as error:
            failed = self.why(inferior, pid, str(error))
            if failed is None:
                raise
            raise CallFailed(failed) from error
        finally:
            timer.cancel()
            self.is_running = False
            attempt("set scheduler-locking replay")
            if self.is_late:
                attempt(f"handle {STOP_CALL} stop print pass")
            if stopping:
                attempt(f"handle {' '.join(stopping)} nostop noprint pass")
            for each in disabled:
                if each.is_valid():
                    each.enabled = True

    def run_without(self, evaluate):
        """What `evaluate` returns, or raises. Raises CallNeeded when it would call a function."""
        attempt("set may-call-functions off")
        try:
            return evaluate()
        except gdb.error as error:
            if "may-call-functions" not in str(error):
                raise
            raise CallNeeded("no function can be called under gdb while a process is between vfork and exec") from error
        finally:
            attempt("set may-call-functions on")

    def ask_to_stop(self, number):
        """From the timer's thread; gdb does it in its own, while it waits for the function."""

        def stop():
            if self.is_running and self.number == number:
                self.is_late = True
                attempt(f"handle {STOP_CALL} stop print nopass")
                # Of the threads only this one runs, and takes it.
                os.kill(self.lwp, getattr(signal, STOP_CALL))

        gdb.post_event(stop)

    def why(self, inferior, pid, message):
        if inferior.pid != pid:
            return "the function that it calls ended the process"
        if self.is_late:
            return f"the function that it calls did not return within {MAX_SECONDS} s; the call was taken back"
        if "std::terminate" in message:
            return "the function that it calls threw an exception that it does not catch; the call was taken back"
        # gdb has no SignalEvent for a SIGTRAP.
        fault = self.fault or ("SIGTRAP" if "was signaled while in a function" in message else None)
        return None if fault is None else f"the function that it calls got {fault}; the call was taken back"
