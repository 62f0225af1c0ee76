"""Makes a thread execute the instruction of a breakpoint at which it stands, with no signal before that.

A signal that arrives first makes gdb 13 come back to the breakpoint when the handler has returned: it asks the
breakpoint again in any case, and a signal that is caught makes it forget that it was there (handle_signal_stop and
process_event_stop_test in infrun.c). One hit would be several. And a timer that is faster than gdb would keep the
thread there for ever.
"""

import ctypes
import signal

import gdb

from settings import attempt
from tracing import hot

# linux/ptrace.h: which signals a thread blocks, as 64 bits.
PTRACE_GETSIGMASK = 0x420A
PTRACE_SETSIGMASK = 0x420B
SIZE = 8
# Signals that an instruction brings upon its thread. The kernel ends a process that blocks such a one (signal(7)).
OF_INSTRUCTIONS = ("SIGILL", "SIGTRAP", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGSYS")
MAX_THREADS = 4096
# Instructions that call the kernel: it may wait there for another thread, and it sees and changes the mask.
X86_CALLS = (b"\x0f\x05", b"\x0f\x34", b"\xcd\x80")


class Passing:
    """`is_underway`: a thread is executing its instruction, and its signals are not those of the program."""

    def __init__(self):
        self.is_underway = False
        # Of the thread that is passing, its own.
        self.masked = None
        # By lwp: where the thread stood when it last got a signal.
        self.interrupted = {}
        # The instruction that a thread was to execute brought a signal instead, and the program has a handler for it.
        self.has_failed = False
        # By lwp: where the thread has come back to such an instruction, and executes it once more.
        self.repeats = {}

    def signalled(self):
        """Before the selected thread gets a signal."""
        # Of the mask that it has now its handler makes the one to which it returns.
        self.restore()
        if len(self.interrupted) >= MAX_THREADS:
            self.interrupted.clear()
        self.interrupted[selected_lwp()] = gdb.newest_frame().pc()

    def handled(self):
        """Before the selected thread gets a signal for which there is a handler."""
        self.has_failed = self.is_underway

    def was_interrupted(self):
        """Whether the selected thread last got a signal where it stands: the next one may keep it there again."""
        return self.interrupted.pop(selected_lwp(), None) == gdb.newest_frame().pc()

    def is_repeat(self):
        """Whether the selected thread stands where it has been, with nothing executed but the handler of a signal."""
        return self.repeats.get(selected_lwp()) == place_of(gdb.newest_frame())

    def step(self, thread, pc):
        """Executes the instruction at `pc`. False when the thread does not stand there or must be continued as usual.

        All threads stand still, and only this one runs. What gdb sees meanwhile it tells as ever.
        """
        if not thread.is_valid():
            return False
        thread.switch()
        self.repeats.pop(selected_lwp(), None)
        if gdb.newest_frame().pc() != pc or calls_kernel(pc):
            return False
        attempt("set scheduler-locking on")
        self.is_underway, self.has_failed = True, False
        try:
            if not self.mask(selected_lwp()):
                return False
            gdb.execute("stepi", to_string=True)
            if self.has_failed and gdb.newest_frame().pc() == pc:
                # gdb stops before the signal, as the one that is caught, and then at the first instruction of the handler.
                gdb.execute("stepi", to_string=True)
                self.wait_for_return(pc)
            return True
        finally:
            self.restore()
            self.is_underway = False
            attempt("set scheduler-locking replay")

    def wait_for_return(self, pc):
        """From a handler, which may also jump away, so that the thread comes anew."""
        try:
            handler = gdb.newest_frame()
            frame = handler.older()
            if frame is None or frame.type() != gdb.SIGTRAMP_FRAME or frame.older().pc() != pc:
                return
            Return(handler, self.repeats, place_of(frame.older()))
        except (gdb.error, AttributeError, ValueError) as error:
            print(f"handler of a signal: {error}")

    def mask(self, lwp):
        before = ctypes.create_string_buffer(SIZE)
        if hot.ptrace(PTRACE_GETSIGMASK, lwp, SIZE, ctypes.addressof(before)) != 0:
            return False
        everything = ctypes.create_string_buffer(BLOCKED.to_bytes(SIZE, "little"), SIZE)
        self.masked = (lwp, before)
        if hot.ptrace(PTRACE_SETSIGMASK, lwp, SIZE, ctypes.addressof(everything)) != 0:
            self.masked = None
            return False
        return True

    def restore(self):
        masked, self.masked = self.masked, None
        if masked is not None:
            lwp, before = masked
            # It may have ended.
            hot.ptrace(PTRACE_SETSIGMASK, lwp, SIZE, ctypes.addressof(before))


class Return(gdb.FinishBreakpoint):
    """Notes that a handler of a signal returns to a place."""

    def __init__(self, handler, repeats, place):
        super().__init__(handler, internal=True)
        self.repeats = repeats
        self.place = place

    def stop(self):
        try:
            # The handler may have changed where it returns to.
            if place_of(gdb.newest_frame().older()) == self.place:
                self.repeats[selected_lwp()] = self.place
        except (gdb.error, AttributeError) as error:
            print(f"return of a handler: {error}")
        gdb.post_event(lambda: self.is_valid() and self.delete())
        return False


def place_of(frame):
    return (frame.pc(), int(frame.read_register("sp")))


def selected_lwp():
    pid, lwp, _ = gdb.selected_thread().ptid
    return lwp or pid


def bits(names):
    return sum(1 << (getattr(signal, name) - 1) for name in names)


BLOCKED = (1 << 64) - 1 - bits(OF_INSTRUCTIONS)


def calls_kernel(pc):
    """Whether the instruction is a call of the kernel, or of a processor for which that is not known here."""
    name = gdb.newest_frame().architecture().name()
    code = gdb.selected_inferior().read_memory(pc, 4 if name == "aarch64" else 2).tobytes()
    if name == "aarch64":
        # svc #0 (A64, C6.2: 1101 0100 000 imm16 00001)
        return int.from_bytes(code, "little") & 0xFFE0001F == 0xD4000001
    return not name.startswith("i386") or code in X86_CALLS
