"""Owns the sampler: holds the threads of a process all at once, for as short as can be, copies
registers and stacks, writes them as small cores.

ptrace(2) with PTRACE_SEIZE: unlike an attach, it sends no signal, and a tracee goes on when whoever
traced it is gone, however that happened. Each sample is taken by a thread of its own, because the
kernel lets go of all tracees of a thread that ends, also of those that did not stop in time and
cannot be detached. Nothing is unwound here: that is done from the core, when the process runs
again.

Runs in gdb's Python and in that of the system. Configuration: the JSON file that the variable
VGRUN_GDB names, or the first argument:
  {"pid": 1, "directory": "/abs/run", "samples": 5, "intervalMs": 200, "maxPauseMs": 100,
   "parent": 2}
"parent" is who started it: when that one is gone, nobody wants the answer, and nothing is held.
Answers in DIRECTORY/samples.jsonl, one JSON object a line: {"type":"sample", …} for each,
{"type":"error","errno":1} when there is nothing to look at, {"type":"end"} at the end.
"""

import bisect
import ctypes
import gc
import itertools
import json
import mmap
import os
import signal
import struct
import sys
import threading
import time

# Neither gdb nor an isolated Python looks beside the file that it runs; nothing is written there.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import minicore  # noqa: E402
from minicore import STACK_LIMIT  # noqa: E402

PTRACE_DETACH = 17
PTRACE_GETREGSET = 0x4204
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
NT_PRSTATUS = 1
WALL = 0x40000000  # __WALL: threads are no children of the usual kind
PR_SET_PDEATHSIG = 1
PR_SET_TIMERSLACK = 29
ESRCH = 3
EINTR = 4

# Threads that are created while the others are being stopped are found by looking again.
ROUNDS = 50
# Of the time for which a process may be held, how much may be spent on waiting for threads to stop.
WAITING_SHARE = 0.75
# Looks at a thread that runs and is told to stop, before the processor is given away: on another
# processor it stops within microseconds.
SPINS = 40
# Seconds after which who waits for a thread looks whether the time is up, and whether it still
# lives.
WATCH = 0.01
# How many threads, at least, are stopped last: those that run, or else have switched most often.
WORKERS = 1
# Bytes before and behind a futex: a mutex, a condition variable or the thread that is joined.
AROUND_FUTEX = 512
# Bytes of struct pthread.
AROUND_BASE = 1024
# Bytes of a stack that most threads need less than.
LIKELY_STACK = 16 * 1024
# Bytes for elf_gregset_t: more than any machine needs.
SLOT = 512
IOV_MAX = 1024


# Does not give the interpreter's lock away: every call counts while a process is held.
hot = ctypes.PyDLL(None, use_errno=True)
hot.ptrace.restype = ctypes.c_long
hot.ptrace.argtypes = [ctypes.c_long] * 4
hot.waitpid.restype = ctypes.c_int
hot.waitpid.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
hot.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
hot.process_vm_readv.restype = ctypes.c_ssize_t
hot.process_vm_readv.argtypes = [
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_ulong,
]

# What waitpid says, and where.
STATUS = ctypes.c_int()
STATUS_AT = ctypes.addressof(STATUS)


def threads_of(pid):
    """The lwps that there are now."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except (FileNotFoundError, ProcessLookupError):
        return []


def has_ended(pid, lwp):
    """Whether nothing of a thread runs any more. The first one of a process stays as a zombie for
    as long as others live."""
    stat = minicore.read_file(f"/proc/{pid}/task/{lwp}/stat").rpartition(b")")[2].split()
    return not stat or stat[0] in (b"Z", b"X")


def thread_count(pid):
    """How many threads there are now: each is a folder, and a folder has a link for each one in it.
    """
    try:
        return os.stat(f"/proc/{pid}/task").st_nlink - 2
    except OSError:
        return 0


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


class RegisterSlots:
    """Room for the registers of threads, made before they are stopped: a struct iovec and the bytes
    that it speaks of."""

    def __init__(self, count):
        self.buffer = ctypes.create_string_buffer(SLOT * count)
        base = ctypes.addressof(self.buffer)
        words = [word for index in range(count) for word in (base + SLOT * index, SLOT)]
        self.vectors = (ctypes.c_size_t * len(words))(*words)
        self.first = ctypes.addressof(self.vectors)
        self.count = count
        self.used = 0

    def read(self, lwp):
        """Where the registers of a stopped thread are now: (first byte, length); None when it is
        gone, or there is no room."""
        index = self.used
        if index == self.count or (
            hot.ptrace(PTRACE_GETREGSET, lwp, NT_PRSTATUS, self.first + 16 * index) != 0
        ):
            return None
        self.used += 1
        # The kernel has put in place of the length how much there is.
        return SLOT * index, self.vectors[2 * index + 1]


class Arena:
    """Where memory of the process is copied to, with the pages that are likely needed there
    already."""

    def __init__(self, likely):
        self.memory = mmap.mmap(-1, minicore.TOTAL_LIMIT)
        for offset in range(0, min(likely, minicore.TOTAL_LIMIT), minicore.PAGE):
            self.memory[offset] = 0
        self.anchor = ctypes.c_char.from_buffer(self.memory)
        self.base = ctypes.addressof(self.anchor)
        self.used = 0
        self.ranges = []  # (address, offset here, length)

    def copy(self, pid, spans):
        """Copies [(address, length)] in as few calls as can be. What is not readable ends the span
        that it lies in."""
        index = 0
        while index < len(spans):
            batch = spans[index : index + IOV_MAX]
            wanted = sum(length for _, length in batch)
            if self.used + wanted > minicore.TOTAL_LIMIT:
                return
            local = struct.pack("QQ", self.base + self.used, wanted)
            remote = struct.pack(f"{2 * len(batch)}Q", *itertools.chain.from_iterable(batch))
            copied = hot.process_vm_readv(pid, local, 1, remote, len(batch), 0)
            left = max(0, copied)
            for address, length in batch:
                index += 1
                here = min(left, length)
                if here > 0:
                    self.ranges.append((address, self.used, here))
                    self.used += here
                    left -= here
                if here < length:
                    break

    def taken(self):
        """[(address, bytes)]"""
        return [(at, self.memory[start : start + length]) for at, start, length in self.ranges]


class Sample:
    """One look at a process. `take` is the only thing that happens while it stands still."""

    def __init__(self, pid, max_pause_ns, facts):
        self.pid = pid
        self.max_pause_ns = max_pause_ns
        # A new thread counts as one that works.
        self.activity = {
            entry["lwp"]: (
                entry.get("state") == "R",
                entry.get("voluntary", 0) + entry.get("involuntary", 0),
            )
            for entry in facts
        }
        # They are no threads to look at.
        self.ended = {entry["lwp"] for entry in facts if entry.get("state") in ("Z", "X")}
        self.stacks = None
        self.slots = None
        self.arena = None
        self.registers = {}  # lwp → where they are in `slots`
        self.wanted = []  # (lwp, spans of its stack that are to be copied)
        self.seized = set()
        self.stopped = {}  # lwp → signal that is to be delivered when it goes on
        self.refused = {}  # lwp → errno of PTRACE_SEIZE
        self.begun = None
        self.paused_ns = 0
        self.pending = set()
        self.not_copied = []

    def run(self):
        """Seizes, stops, copies, detaches; to be called in a thread that ends then."""
        try:
            hot.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
            self.stacks = StackMap(minicore.read_maps(minicore.living_thread(self.pid)))
            lwps = [lwp for lwp in threads_of(self.pid) if lwp not in self.ended]
            # Threads may be created meanwhile.
            self.slots = RegisterSlots(2 * len(lwps) + 64)
            self.arena = Arena(len(lwps) * LIKELY_STACK)
            gc.disable()
            with Watch(), Hurry():
                self.take(lwps)
        except OSError as error:
            self.refused[self.pid] = error.errno
        finally:
            gc.enable()

    def seize(self, lwp):
        """It goes on running, but a signal holds it from now on. A thread that has ended meanwhile
        is none to look at."""
        if hot.ptrace(PTRACE_SEIZE, lwp, 0, 0) == 0:
            self.seized.add(lwp)
            return
        errno = ctypes.get_errno()
        if errno == ESRCH or has_ended(self.pid, lwp):
            self.ended.add(lwp)
        else:
            self.refused[lwp] = errno

    def take(self, lwps):
        """
        The pause: from the first thread that is stopped to the last that goes on. Threads that
        sleep are stopped first and go on last, and their stacks are copied before the others are
        stopped, so that who works is held for the shortest time. What they wait for may change
        until then: it is copied when all stand still.
        """
        seized_at = time.monotonic_ns()
        for lwp in lwps:
            self.seize(lwp)
        order = sorted(self.seized, key=self.activity_of)
        working = sum(1 for lwp in order if self.activity_of(lwp)[0])
        last = max(0, len(order) - max(working, WORKERS))
        self.begun = time.monotonic_ns()
        try:
            self.stop(order[:last])
            self.copy()
            self.stop(order[last:])
            for _ in range(ROUNDS):
                gone = len(self.ended) + len(self.refused)
                if self.is_late() or thread_count(self.pid) == len(self.stopped) + gone:
                    break
                # Created while the others were being stopped.
                fresh = [lwp for lwp in threads_of(self.pid) if lwp not in self.activity]
                if not fresh:
                    break
                for lwp in fresh:
                    self.activity[lwp] = (True, 0)
                    self.seize(lwp)
                self.stop([lwp for lwp in fresh if lwp in self.seized])
            self.copy()
            around = [(at, 2 * AROUND_FUTEX) for at in self.stacks.waited_for]
            self.arena.copy(self.reader(), around)
        finally:
            for lwp in reversed(self.stopped):
                hot.ptrace(PTRACE_DETACH, lwp, 0, self.stopped[lwp])
            # One that was to be given a signal may have stood since it was seized.
            if any(self.stopped.values()):
                self.begun = seized_at
            self.paused_ns = time.monotonic_ns() - self.begun

    def reader(self):
        """The thread by which memory is read: the first one of the process may have ended."""
        return next(iter(self.stopped), self.pid)

    def copy(self):
        """The stacks that are not copied yet."""
        if self.is_over():
            self.not_copied += [lwp for lwp, _ in self.wanted]
        elif self.wanted:
            spans = [span for _, spans in self.wanted for span in spans]
            self.arena.copy(self.reader(), spans)
        self.wanted = []

    def activity_of(self, lwp):
        """What threads are sorted by."""
        return self.activity.setdefault(lwp, (True, 0))

    def is_over(self):
        """Whether the time is up for which the process may be held."""
        return time.monotonic_ns() - self.begun > self.max_pause_ns

    def is_late(self):
        """Whether the rest of the time is needed to copy what stands still."""
        return time.monotonic_ns() - self.begun > self.max_pause_ns * WAITING_SHARE

    def stop(self, lwps):
        """Stops threads, and takes their registers when they stand."""
        waiting = [lwp for lwp in lwps if hot.ptrace(PTRACE_INTERRUPT, lwp, 0, 0) == 0]
        looks = SPINS if len(waiting) <= WORKERS else 1
        while waiting:
            waiting = [lwp for lwp in waiting if not self.has_stopped(lwp, WALL | os.WNOHANG)]
            looks -= 1
            if not waiting or looks > 0:
                continue
            # The processor is theirs now. Who was told last stops last, as a rule: one wake for all.
            if self.has_stopped(waiting[-1], WALL):
                waiting.pop()
            elif self.is_late():
                self.pending.update(waiting)
                return
            else:
                # A process whose first thread ends says nothing of that to who waits for it.
                ended = [lwp for lwp in waiting if has_ended(self.pid, lwp)]
                self.ended.update(ended)
                waiting = [lwp for lwp in waiting if lwp not in ended]

    def has_stopped(self, lwp, options):
        """Whether a thread is no longer waited for: it stands, and its registers are taken, or it
        has ended. Without WNOHANG it is waited for until it stops or the watch says something."""
        found = hot.waitpid(lwp, STATUS_AT, options)
        if found == 0:
            return False
        if found < 0:
            if ctypes.get_errno() == EINTR:
                return False
            self.ended.add(lwp)
            return True
        status = STATUS.value
        if status & 0xFF != 0x7F:
            self.ended.add(lwp)
            return True
        # One that stopped to be given a signal must get it when it goes on. Of PTRACE_EVENT_STOP,
        # in the upper half, there is none.
        self.stopped[lwp] = 0 if status >> 16 else (status >> 8) & 0xFF
        place = self.slots.read(lwp)
        if place is not None:
            self.registers[lwp] = place
            self.wanted.append((lwp, self.stacks.spans_of(self.slots.buffer, *place)))
        return True

    def registers_of(self, lwp):
        """Bytes of elf_gregset_t."""
        start, length = self.registers[lwp]
        return self.slots.buffer[start : start + length]


class Layout:
    """Where in elf_gregset_t the registers lie that are looked at while a process is held."""

    def __init__(self, machine, call, call_register, address_register):
        letter = "Q" if machine.word == 8 else "I"
        self.machine = machine
        self.format = struct.Struct(f"<{len(machine.registers)}{letter}")
        self.stack = machine.registers.index(machine.stack)
        self.call = call
        self.call_register = machine.registers.index(call_register)
        self.address = machine.registers.index(address_register)
        self.base = machine.registers.index("fs_base") if "fs_base" in machine.registers else None


# By the number of bytes of elf_gregset_t. With the number of futex(2), and the registers of a
# call's number and first argument.
LAYOUTS = {
    216: Layout(minicore.X86_64, 202, "orig_rax", "rdi"),
    68: Layout(minicore.I386, 240, "orig_eax", "ebx"),
    272: Layout(minicore.AARCH64, 98, "x8", "x0"),
}


class StackMap:
    """Where the stacks of a process end, and what its threads wait for."""

    def __init__(self, mappings):
        self.starts = [mapping.start for mapping in mappings]
        self.ends = [mapping.end for mapping in mappings]
        self.waited_for = set()

    def spans_of(self, buffer, at, size):
        """[(address, length)]: what of a thread's memory is needed to unwind it, and to tell what
        it waits for. Its registers are so many bytes of a buffer."""
        layout = LAYOUTS.get(size)
        if layout is None:
            return []
        values = layout.format.unpack_from(buffer, at)
        start = max(0, values[layout.stack] - minicore.RED_ZONE)
        index = bisect.bisect_right(self.starts, values[layout.stack]) - 1
        known = index >= 0 and values[layout.stack] < self.ends[index]
        # A stack may have grown, or been made, since the map was read: what is not mapped ends the
        # reading.
        end = start + STACK_LIMIT
        if known:
            end = min(end, self.ends[index])
        spans = []
        # struct pthread, at the end of most stacks: the id in it tells which thread a mutex or a
        # join speaks of.
        base = 0 if layout.base is None else values[layout.base]
        if start < base < end:
            end = min(end, base + AROUND_BASE)
        elif base != 0:
            spans.append((base, AROUND_BASE))
        spans.append((start, end - start))
        if values[layout.call_register] == layout.call:
            self.waited_for.add(max(0, values[layout.address] - AROUND_FUTEX))
        return spans


def machine_and_registers(data):
    """The machine, and {register: value}; None for one that is not known."""
    layout = LAYOUTS.get(len(data))
    if layout is None:
        return None, {}
    return layout.machine, dict(zip(layout.machine.registers, layout.format.unpack(data)))


def thread_facts(pid, lwp):
    """What /proc says of a thread that runs: name, state, processor time, context switches, id in
    its own namespace."""
    facts = {"lwp": lwp}
    folder = f"/proc/{pid}/task/{lwp}"
    name = minicore.read_file(f"{folder}/comm").rstrip(b"\n")
    if name:
        facts["name"] = name.decode("utf-8", "replace")
    # The name in parentheses may hold any byte.
    stat = minicore.read_file(f"{folder}/stat").rpartition(b")")[2].split()
    if len(stat) > 12:
        facts["state"] = stat[0].decode("latin-1")
        facts["cpuMs"] = (int(stat[11]) + int(stat[12])) * 1000 / os.sysconf("SC_CLK_TCK")
    # The same in nanoseconds, where the kernel counts them.
    schedule = minicore.read_file(f"{folder}/schedstat").split()
    if len(schedule) > 0:
        facts["cpuMs"] = int(schedule[0]) / 1e6
    for line in minicore.read_file(f"{folder}/status").split(b"\n"):
        key, _, value = line.partition(b":")
        if key == b"voluntary_ctxt_switches":
            facts["voluntary"] = int(value)
        elif key == b"nonvoluntary_ctxt_switches":
            facts["involuntary"] = int(value)
        elif key == b"NSpid" and len(value.split()) > 1:
            facts["inner"] = int(value.split()[-1])
    return facts


def write_sample(sample, facts, directory, number, milliseconds):
    """The core, and the line that speaks of it. Returns the line."""
    known = {entry["lwp"]: entry for entry in facts}
    lwps = sorted(sample.registers, key=lambda lwp: (lwp != sample.pid, lwp))
    threads = []
    for lwp in lwps:
        machine, registers = machine_and_registers(sample.registers_of(lwp))
        entry = known.setdefault(lwp, {"lwp": lwp})
        if machine is not None:
            # As the kernel does it: thread ids are those of the namespace, because mutexes speak of
            # them.
            threads.append((entry.get("inner", lwp), registers, entry.get("name")))
    line = {
        "type": "sample",
        "number": number,
        "ms": milliseconds,
        "pausedMs": round(sample.paused_ns / 1e6, 3),
        "threads": [known[lwp] for lwp in sorted(known, key=lambda lwp: (lwp != sample.pid, lwp))],
    }
    if sample.pending:
        line["notStopped"] = sorted(sample.pending)
    if sample.refused:
        line["refused"] = sorted(sample.refused)
    if sample.not_copied:
        line["notCopied"] = sample.not_copied
    if threads:
        line["core"] = f"sample-{number}.core"
        minicore.write_core(
            os.path.join(directory, line["core"]), sample.pid, threads, ranges=sample.arena.taken()
        )
    return line


def take_samples(configuration, answer):
    """All samples, one after another; `answer` is called with each line."""
    pid = configuration["pid"]
    started = time.monotonic_ns()
    for number in range(1, configuration["samples"] + 1):
        due = started + (number - 1) * configuration["intervalMs"] * 1_000_000
        time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
        # Before the pause: a thread that is held has another state.
        facts = [thread_facts(pid, lwp) for lwp in sorted(threads_of(pid))]
        sample = Sample(pid, configuration["maxPauseMs"] * 1_000_000, facts)
        milliseconds = round((time.monotonic_ns() - started) / 1e6, 3)
        thread = threading.Thread(target=sample.run)
        thread.start()
        thread.join()
        if not sample.seized and not sample.registers:
            errno = max(sample.refused.values(), default=ESRCH)
            answer({"type": "error", "number": number, "errno": errno})
            return
        try:
            line = write_sample(sample, facts, configuration["directory"], number, milliseconds)
        except OSError as error:
            # The maps of a process that has ended meanwhile are gone; a disk may be full.
            answer({"type": "error", "number": number, "errno": error.errno})
            return
        answer(line)


def main(path):
    """Reads the configuration and takes the samples."""
    hot.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    with open(path, encoding="utf-8") as file:
        configuration = json.load(file)
    # The kernel speaks only of a death that comes after it was asked.
    if os.getppid() != configuration["parent"]:
        return
    Watch.prepare()
    with open(
        os.path.join(configuration["directory"], "samples.jsonl"), "w", encoding="utf-8"
    ) as file:

        def answer(line):
            file.write(json.dumps(line) + "\n")
            file.flush()

        take_samples(configuration, answer)
        answer({"type": "end"})


main(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else os.environ["VGRUN_GDB"])
