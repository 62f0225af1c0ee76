"""Faults for which a process has a handler: a handler that raises its signal again would hide what happened first.

Of each thread the last one is remembered: its signal and its registers. That is cheap, for programs that handle
faults in normal work. The frames are those beyond the handler's, which are still there when it raises a signal.
"""

from collections import OrderedDict
from signal import SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP

import gdb

from machine import describe_disassembly, read_registers
from siginfo import describe_signal, signal_bytes

# Others come from elsewhere, and a handler for them is no answer to a fault.
FAULTS = (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP)
MAX_REMEMBERED = 1024


class FirstFault:
    """A fault of the selected thread, which is to get its signal."""

    def __init__(self, pid, lwp):
        self.lwp = lwp
        frame = gdb.newest_frame()
        self.ip = hex(frame.pc())
        self.registers = read_registers(frame)
        self.signal = describe_signal(pid)
        self.siginfo = signal_bytes()

    def in_core(self, threads):
        """Registers of threads, see thread_registers(), with those of the fault, first."""
        own = [(lwp, self.registers, name) for lwp, _, name in threads if lwp == self.lwp]
        return own + [thread for thread in threads if thread[0] != self.lwp]


class FirstFaults:
    def __init__(self):
        # By pid and lwp, in the order in which they came.
        self.remembered = OrderedDict()

    def remember(self, pid, number):
        if number not in FAULTS:
            return
        _, lwp, _ = gdb.selected_thread().ptid
        try:
            fault = FirstFault(pid, lwp or pid)
        except (gdb.error, gdb.MemoryError):
            return
        if fault.signal is None:
            return
        key = (pid, fault.lwp)
        self.remembered.pop(key, None)
        self.remembered[key] = fault
        if len(self.remembered) > MAX_REMEMBERED:
            self.remembered.popitem(last=False)

    def forget(self, pid):
        for key in [key for key in self.remembered if key[0] == pid]:
            del self.remembered[key]

    def apply(self, pid, stop):
        """Makes a stop for a signal that the process sent to itself one for the fault that it handles; returns that fault.

        It is the same one only when its thread still stands in the handler, or again at the same instruction. None: the
        stop stays what it is.
        """
        if stop["signal"].get("sender", {}).get("pid") != pid:
            return None
        for thread in sorted(stop["threads"], key=lambda each: not each.get("isCurrent", False)):
            fault = self.remembered.get((pid, thread["lwp"]))
            at = None if fault is None else place_of(fault, thread["frames"])
            if at is None or (at == 0 and fault.signal["number"] == SIGABRT):
                continue
            rewrite(stop, thread, fault, at)
            return fault
        return None


def place_of(fault, frames):
    """Index of the frame that the signal interrupted."""
    for index, frame in enumerate(frames):
        isBehindHandler = index > 0 and frames[index - 1].get("isSignalHandler", False)
        if frame["ip"] == fault.ip and (index == 0 or isBehindHandler):
            return index
    return None


def rewrite(stop, thread, fault, at):
    last, first = stop["signal"]["name"], fault.signal["name"]
    # The frame before the trampoline's.
    handler = thread["frames"][at - 2].get("function") if at >= 2 else None
    handled = "It was handled" if handler is None else f"{handler.partition('(')[0][:256]}() handled it"
    again = f"raised {first} again" if last == first else f"raised {last}"
    stop["what"] = f"{handled}, and then the process {again}: what is shown is the first fault."
    stop["signal"] = fault.signal
    disassembly = describe_disassembly(frame_at(thread, at))
    stop.pop("disassembly", None)
    if disassembly is not None:
        stop["disassembly"] = disassembly
    for each in stop["threads"]:
        each.pop("isCurrent", None)
        each.pop("registers", None)
    thread["isCurrent"] = True
    thread["registers"] = [{"name": name, "value": hex(value)} for name, value in fault.registers.items()]
    thread["frames"] = [{**thread["frames"][at], "found": "innermost"}, *thread["frames"][at + 1 :]]
    if "omitted" in thread:
        thread["omitted"] = {**thread["omitted"], "after": max(0, thread["omitted"]["after"] - at)}
    stop["threads"].remove(thread)
    stop["threads"].insert(0, thread)


def frame_at(thread, index):
    """gdb's frame of one that was described; the selected thread stays selected."""
    current = gdb.selected_thread()
    try:
        for each in gdb.selected_inferior().threads():
            if each.num == thread["number"]:
                each.switch()
        frame = gdb.newest_frame()
        for _ in range(index):
            frame = frame.older()
        return frame
    finally:
        current.switch()
