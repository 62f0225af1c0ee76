"""Owns the sampler: holds the threads of a process for as short as can be, one after another or all
together, copies registers and stacks, writes them as small cores.

ptrace(2) with PTRACE_SEIZE: unlike an attach, it sends no signal, and a tracee goes on when whoever
traced it is gone, however that happened. Each sample is taken by a thread of its own, because the
kernel lets go of all tracees of a thread that ends, also of those that did not stop in time and
cannot be detached. Nothing is unwound here: that is done from the core, when the process runs
again.

Runs in gdb's Python and in that of the system. Configuration: the JSON file that the variable
VGRUN_GDB names, or the first argument:
  {"pid": 1, "directory": "/abs/run", "samples": 5, "intervalMs": 200, "maxPauseMs": 100,
   "together": false}
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

# Threads that are created while the others are being stopped are found by looking again.
ROUNDS = 50
# Of the time for which a process may be held, how much may be spent on waiting for threads to stop.
WAITING_SHARE = 0.75
# How long a single thread is waited for, which goes on running until it stops.
PATIENCE_NS = 1_000_000_000
# How often it is looked whether threads are back in their calls, 10 ms apart.
SETTLE_ROUNDS = 20
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


# Neither gives the interpreter's lock away nor keeps errno: every call counts while a process is
# held.
hot = ctypes.PyDLL(None)
hot.ptrace.restype = ctypes.c_long
hot.ptrace.argtypes = [ctypes.c_long] * 4
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long] * 4
libc.process_vm_readv.restype = ctypes.c_ssize_t
libc.process_vm_readv.argtypes = [
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_ulong,
]


def threads_of(pid):
    """The lwps that there are now."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except (FileNotFoundError, ProcessLookupError):
        return []


def calls_of(pid, lwps):
    """{lwp: what proc_pid_syscall(5) says}: call, arguments and stack pointer of those that wait in
    the kernel. Empty where the kernel does not tell."""
    calls = {}
    for lwp in lwps:
        line = minicore.read_file(f"/proc/{pid}/task/{lwp}/syscall").strip()
        if line and line != b"running":
            calls[lwp] = line
    return calls


def thread_count(pid):
    """How many threads there are now: each is a folder, and a folder has a link for each one in it.
    """
    try:
        return os.stat(f"/proc/{pid}/task").st_nlink - 2
    except OSError:
        return 0


def hurry():
    """A process is held for as long as this thread waits for a processor: it goes first, where that
    is allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -20)
    except OSError:
        pass


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
        """The registers of a stopped thread as bytes of elf_gregset_t; None when it is gone."""
        if self.used == self.count:
            return RegisterSlots(1).read(lwp)
        index = self.used
        if hot.ptrace(PTRACE_GETREGSET, lwp, NT_PRSTATUS, self.first + 16 * index) != 0:
            return None
        self.used += 1
        start = SLOT * index
        # The kernel has put in place of the length how much there is.
        return self.buffer[start : start + self.vectors[2 * index + 1]]


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
            copied = libc.process_vm_readv(pid, local, 1, remote, len(batch), 0)
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

    def __init__(self, pid, max_pause_ns, facts, together):
        self.pid = pid
        self.together = together
        # Threads of which it is not known that they stayed in their call of the kernel while the
        # others were looked at.
        self.moved = []
        self.max_pause_ns = max_pause_ns
        # A new thread counts as one that works.
        self.activity = {
            entry["lwp"]: (
                entry.get("state") == "R",
                entry.get("voluntary", 0) + entry.get("involuntary", 0),
            )
            for entry in facts
        }
        self.stacks = None
        self.registers = {}  # lwp → bytes of elf_gregset_t
        self.wanted = []  # (lwp, spans of its stack that are to be copied)
        self.ranges = []
        self.seized = set()
        self.stopped = {}  # lwp → signal that is to be delivered when it goes on
        self.refused = None  # errno of PTRACE_SEIZE
        self.begun = None
        self.paused_ns = 0
        self.pending = set()
        self.not_copied = []

    def run(self):
        """Seizes, stops, copies, detaches; to be called in a thread that ends then."""
        try:
            libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
            hurry()
            self.stacks = StackMap(minicore.read_maps(self.pid))
            for lwp in threads_of(self.pid):
                self.seize(lwp)
            if self.seized:
                slots = RegisterSlots(len(self.seized) + 8)
                arena = Arena(len(self.seized) * LIKELY_STACK)
                calls = {} if self.together else calls_of(self.pid, self.seized)
                gc.disable()
                if self.together or not calls:
                    # Without them nobody could tell whether waits belong together.
                    self.together = True
                    self.take(slots, arena)
                else:
                    self.take_each(slots, arena)
                    self.moved = self.moved_from(calls)
                self.ranges = arena.taken()
        except OSError as error:
            self.refused = error.errno
        finally:
            gc.enable()

    def seize(self, lwp):
        """It goes on running. A thread that has ended meanwhile is none to look at."""
        if libc.ptrace(PTRACE_SEIZE, lwp, 0, 0) == 0:
            self.seized.add(lwp)
        elif ctypes.get_errno() != ESRCH:
            self.refused = self.refused or ctypes.get_errno()

    def take(self, slots, arena):
        """
        The pause: from the first thread that is stopped to the last that goes on. Threads that
        sleep are stopped first and go on last, and their stacks are copied before the others are
        stopped, so that who works is held for the shortest time. What they wait for may change
        until then: it is copied when all stand still.
        """
        order = sorted(self.seized, key=self.activity_of)
        working = sum(1 for lwp in order if self.activity_of(lwp)[0])
        last = max(0, len(order) - max(working, WORKERS))
        self.begun = time.monotonic_ns()
        try:
            self.stop(order[:last], slots)
            self.copy(arena)
            self.stop(order[last:], slots)
            for _ in range(ROUNDS):
                if self.is_late() or thread_count(self.pid) == len(self.stopped):
                    break
                # Created while the others were being stopped.
                fresh = [lwp for lwp in threads_of(self.pid) if lwp not in self.activity]
                if not fresh:
                    break
                for lwp in fresh:
                    self.activity[lwp] = (True, 0)
                    self.seize(lwp)
                self.stop([lwp for lwp in fresh if lwp in self.seized], slots)
            self.copy(arena)
            arena.copy(self.pid, [(at, 2 * AROUND_FUTEX) for at in self.stacks.waited_for])
        finally:
            for lwp in reversed(self.stopped):
                hot.ptrace(PTRACE_DETACH, lwp, 0, self.stopped[lwp])
            self.paused_ns = time.monotonic_ns() - self.begun

    def take_each(self, slots, arena):
        """Each thread is held by itself, while what is its own is copied."""
        for lwp in sorted(self.seized, key=self.activity_of):
            self.hold(lwp, slots, arena)
        for _ in range(ROUNDS):
            fresh = [lwp for lwp in threads_of(self.pid) if lwp not in self.activity]
            if not fresh:
                break
            for lwp in fresh:
                self.activity[lwp] = (True, 0)
                self.seize(lwp)
                if lwp in self.seized:
                    self.hold(lwp, slots, arena)

    def moved_from(self, calls):
        """The threads that are not back in the calls in which they were before: a stop ends a wait for
        a moment, and the thread needs a processor to go on with it."""
        for _ in range(SETTLE_ROUNDS):
            again = calls_of(self.pid, self.seized)
            moved = [lwp for lwp in sorted(self.seized) if calls.get(lwp) != again.get(lwp)]
            if not any(lwp in calls for lwp in moved):
                break
            time.sleep(0.01)
        return [lwp for lwp in sorted(self.seized) if lwp not in calls or lwp in moved]

    def hold(self, lwp, slots, arena):
        """One thread, from its stop to its going on."""
        self.begun = time.monotonic_ns()
        try:
            self.stop((lwp,), slots)
            self.copy(arena)
            if self.stacks.waited_for:
                arena.copy(self.pid, [(at, 2 * AROUND_FUTEX) for at in self.stacks.waited_for])
                self.stacks.waited_for.clear()
        finally:
            if lwp in self.stopped:
                hot.ptrace(PTRACE_DETACH, lwp, 0, self.stopped[lwp])
            self.paused_ns = max(self.paused_ns, time.monotonic_ns() - self.begun)

    def copy(self, arena):
        """The stacks that are not copied yet."""
        if self.is_over():
            self.not_copied += [lwp for lwp, _ in self.wanted]
        else:
            arena.copy(self.pid, [span for _, spans in self.wanted for span in spans])
        self.wanted = []

    def activity_of(self, lwp):
        """What threads are sorted by."""
        return self.activity.setdefault(lwp, (True, 0))

    def is_over(self):
        """Whether the time is up for which the process may be held."""
        return time.monotonic_ns() - self.begun > self.max_pause_ns

    def is_late(self):
        """Whether the rest of the time is needed to copy what stands still."""
        if not self.together:
            # Nobody stands still until this one does.
            return time.monotonic_ns() - self.begun > max(self.max_pause_ns, PATIENCE_NS)
        return time.monotonic_ns() - self.begun > self.max_pause_ns * WAITING_SHARE

    def stop(self, lwps, slots):
        """Stops threads, and takes their registers as soon as each of them stands."""
        waiting = [lwp for lwp in lwps if hot.ptrace(PTRACE_INTERRUPT, lwp, 0, 0) == 0]
        passes = 0
        while waiting:
            passes += 1
            running = []
            for lwp in waiting:
                try:
                    found, status = os.waitpid(lwp, WALL | os.WNOHANG)
                except ChildProcessError:
                    continue
                if found == 0:
                    running.append(lwp)
                # Anything else than stopped: it has ended.
                elif status & 0xFF == 0x7F:
                    # One that stopped to be given a signal must get it when it goes on. Of
                    # PTRACE_EVENT_STOP, in the upper half, there is none.
                    self.stopped[lwp] = 0 if status >> 16 else (status >> 8) & 0xFF
                    data = slots.read(lwp)
                    if data is not None:
                        self.registers[lwp] = data
                        self.wanted.append((lwp, self.stacks.spans_of(data)))
            waiting = running
            if waiting and self.is_late():
                self.pending.update(waiting)
                return
            # A sleep takes longer than what is waited for, unless a thread is in the middle of a
            # long call of the kernel. But where only one thread is waited for, the others need the
            # processor, and this one is the first to get it back.
            if waiting and passes < 100 and self.together:
                os.sched_yield()
            elif waiting:
                time.sleep(0.00002 if passes < 100 else 0.00005)


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

    def spans_of(self, data):
        """[(address, length)]: what of a thread's memory is needed to unwind it, and to tell what
        it waits for."""
        layout = LAYOUTS.get(len(data))
        if layout is None:
            return []
        values = layout.format.unpack(data)
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
        machine, registers = machine_and_registers(sample.registers[lwp])
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
    if not sample.together:
        line["each"] = True
        line["moved"] = sample.moved
    if sample.pending:
        line["notStopped"] = sorted(sample.pending)
    if sample.not_copied:
        line["notCopied"] = sample.not_copied
    if threads:
        line["core"] = f"sample-{number}.core"
        minicore.write_core(
            os.path.join(directory, line["core"]), sample.pid, threads, ranges=sample.ranges
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
        sample = Sample(pid, configuration["maxPauseMs"] * 1_000_000, facts, configuration["together"])
        milliseconds = round((time.monotonic_ns() - started) / 1e6, 3)
        thread = threading.Thread(target=sample.run)
        thread.start()
        thread.join()
        if not sample.seized and not sample.registers:
            answer({"type": "error", "number": number, "errno": sample.refused or ESRCH})
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
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    with open(path, encoding="utf-8") as file:
        configuration = json.load(file)
    with open(
        os.path.join(configuration["directory"], "samples.jsonl"), "w", encoding="utf-8"
    ) as file:

        def answer(line):
            file.write(json.dumps(line) + "\n")
            file.flush()

        take_samples(configuration, answer)
        answer({"type": "end"})


main(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else os.environ["VGRUN_GDB"])
