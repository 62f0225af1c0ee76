"""Owns the sampler: holds all threads of a process for as short as can be, copies registers and stacks, writes them as small cores.

ptrace(2) with PTRACE_SEIZE: unlike an attach, it sends no signal, and a tracee goes on when whoever traced it is gone, however that
happened. Each sample is taken by a thread of its own, because the kernel lets go of all tracees of a thread that ends, also of those
that did not stop in time and cannot be detached. Nothing is unwound here: that is done from the core, when the process runs again.

Runs in gdb's Python and in that of the system. Configuration: the JSON file that the variable VGRUN_GDB names, or the first argument:
  {"pid": 1, "directory": "/abs/run", "samples": 5, "intervalMs": 200, "maxPauseMs": 100}
Answers in DIRECTORY/samples.jsonl, one JSON object a line: {"type":"sample", …} for each, {"type":"error","errno":1} when there is
nothing to look at, {"type":"end"} at the end.
"""

import ctypes
import gc
import json
import os
import struct
import sys
import threading
import time

PTRACE_DETACH = 17
PTRACE_GETREGSET = 0x4204
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
NT_PRSTATUS = 1
WALL = 0x40000000  # __WALL: threads are no children of the usual kind
WNOHANG = 1
PR_SET_TIMERSLACK = 29
EPERM = 1
ESRCH = 3

# Threads that are created while the others are being stopped are found by looking again.
ROUNDS = 50
# Bytes before and behind a futex: a mutex, a condition variable or the thread that is joined.
AROUND_FUTEX = 512
LEAST_STACK = 16 * 1024
# futex(2), and the 32-bit word's first argument: machine → (number of the call, register of the call, register of the address)
FUTEX_CALLS = {
    "x86-64": (202, "orig_rax", "rdi"),
    "i386": (240, "orig_eax", "ebx"),
    "aarch64": (98, "x8", "x0"),
}
# Bytes of elf_gregset_t.
REGISTER_SETS = {216: "x86-64", 68: "i386", 272: "aarch64"}


class Iovec(ctypes.Structure):
    """struct iovec."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.waitpid.restype = ctypes.c_int
libc.waitpid.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.c_int]


def threads_of(pid):
    """The lwps that there are now."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except (FileNotFoundError, ProcessLookupError):
        return []


class Sample:
    """One look at a process. `take` is the only thing that happens while it stands still."""

    def __init__(self, pid, max_pause_ns, facts):
        self.pid = pid
        # Those that do the least are stopped first and go on last: whoever works is held for the shortest time.
        self.activity = {
            entry["lwp"]: (
                entry.get("state") == "R",
                entry.get("voluntary", 0) + entry.get("involuntary", 0),
            )
            for entry in facts
        }
        self.max_pause_ns = max_pause_ns
        self.mappings = []
        self.registers = {}  # lwp → bytes of elf_gregset_t
        self.ranges = []
        self.seized = set()
        self.stopped = {}  # lwp → signal that is to be delivered when it goes on
        self.refused = None  # errno of PTRACE_SEIZE
        self.begun = None
        self.paused_ns = 0
        self.not_stopped = []
        self.not_copied = []

    def run(self):
        """Seizes, stops, copies, detaches; to be called in a thread that ends then."""
        memory = None
        try:
            memory = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
            libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
            self.mappings = minicore.read_maps(self.pid)
            for lwp in threads_of(self.pid):
                self.seize(lwp)
            if self.seized:
                gc.disable()
                self.take(memory)
        except OSError as error:
            self.refused = error.errno
        finally:
            gc.enable()
            if memory is not None:
                os.close(memory)

    def seize(self, lwp):
        """It goes on running. A thread that has ended meanwhile is none to look at."""
        if libc.ptrace(PTRACE_SEIZE, lwp, None, None) == 0:
            self.seized.add(lwp)
        elif ctypes.get_errno() != ESRCH:
            self.refused = self.refused or ctypes.get_errno()

    def take(self, memory):
        """The pause: from the first thread that is stopped to the last that goes on."""
        self.begun = time.monotonic_ns()
        try:
            self.stop_all()
            self.copy(memory)
        finally:
            for lwp in sorted(self.stopped, key=self.activity_of, reverse=True):
                libc.ptrace(PTRACE_DETACH, lwp, None, self.stopped[lwp])
            self.paused_ns = time.monotonic_ns() - self.begun

    def activity_of(self, lwp):
        """What threads are sorted by; of a new one nothing is known, so it counts as one that works."""
        return self.activity.get(lwp, (True, 0))

    def is_over(self):
        """Whether the time is up for which the process may be held."""
        return time.monotonic_ns() - self.begun > self.max_pause_ns

    def stop_all(self):
        """Stops all threads, also those that are created meanwhile."""
        pending = set()
        asked = set()
        status = ctypes.c_int()
        for _ in range(ROUNDS):
            for lwp in sorted(self.seized - asked, key=self.activity_of):
                asked.add(lwp)
                if libc.ptrace(PTRACE_INTERRUPT, lwp, None, None) == 0:
                    pending.add(lwp)
            while pending:
                lwp = libc.waitpid(-1, ctypes.byref(status), WALL | WNOHANG)
                if lwp > 0:
                    pending.discard(lwp)
                    self.note_stop(lwp, status.value)
                elif lwp < 0 or self.is_over():
                    break
                else:
                    time.sleep(0.00002)
            fresh = [lwp for lwp in threads_of(self.pid) if lwp not in asked]
            if not fresh or self.is_over():
                break
            for lwp in fresh:
                self.seize(lwp)
            if self.seized <= asked:
                break
        self.not_stopped = sorted(pending)

    def note_stop(self, lwp, status):
        """A thread that ended is gone. One that stopped to be given a signal must get it when it goes on."""
        if status & 0xFF != 0x7F:
            self.seized.discard(lwp)
            return
        # In the upper half: PTRACE_EVENT_STOP, where no signal is on its way.
        self.stopped[lwp] = 0 if status >> 16 else (status >> 8) & 0xFF

    def copy(self, memory):
        """Registers of all first: they are small, and without them a stack says nothing."""
        buffer = ctypes.create_string_buffer(1024)
        vector = Iovec()
        for lwp in self.stopped:
            vector.base = ctypes.addressof(buffer)
            vector.length = len(buffer)
            if libc.ptrace(PTRACE_GETREGSET, lwp, NT_PRSTATUS, ctypes.addressof(vector)) == 0:
                self.registers[lwp] = buffer.raw[: vector.length]
        limit = max(
            LEAST_STACK,
            min(minicore.STACK_LIMIT, minicore.TOTAL_LIMIT // max(1, len(self.registers))),
        )
        left = minicore.TOTAL_LIMIT
        for lwp, data in self.registers.items():
            if self.is_over() or left <= 0:
                self.not_copied.append(lwp)
                continue
            for address, length in spans_of(data, self.mappings, limit):
                found = minicore.read_memory(memory, address, length)
                left -= len(found)
                if found:
                    self.ranges.append((address, found))


def machine_and_registers(data):
    """The machine by the size of elf_gregset_t, and {register: value}; None for one that is not known."""
    name = REGISTER_SETS.get(len(data))
    machine = next((known for known in minicore.MACHINES if known.name == name), None)
    if machine is None:
        return None, {}
    letter = "Q" if machine.word == 8 else "I"
    values = struct.unpack_from(f"<{len(machine.registers)}{letter}", data)
    return machine, dict(zip(machine.registers, values))


def spans_of(data, mappings, limit):
    """[(address, length)]: what of a thread's memory is needed to unwind it, and what it waits for."""
    machine, registers = machine_and_registers(data)
    if machine is None:
        return []
    pointer = registers[machine.stack]
    mapping = minicore.mapping_of(mappings, pointer)
    start = max(0, pointer - minicore.RED_ZONE)
    # A stack may have grown, or been made, since the map was read: what is not mapped ends the reading.
    length = limit if mapping is None else min(limit, mapping.end - start)
    spans = [(start, length)]
    call, call_register, address_register = FUTEX_CALLS[machine.name]
    if registers[call_register] == call:
        address = registers[address_register]
        spans.append((max(0, address - AROUND_FUTEX), 2 * AROUND_FUTEX))
    # The thread's own struct pthread: its thread id tells which one a mutex or a join speaks of.
    base = registers.get("fs_base", 0)
    if base:
        spans.append((base, 1024))
    return spans


def thread_facts(pid, lwp):
    """What /proc says of a thread that runs: name, state, clock ticks, context switches, id in its own namespace."""
    facts = {"lwp": lwp}
    folder = f"/proc/{pid}/task/{lwp}"
    name = minicore.read_file(f"{folder}/comm").rstrip(b"\n")
    if name:
        facts["name"] = name.decode("utf-8", "replace")
    # The name in parentheses may hold any byte.
    stat = minicore.read_file(f"{folder}/stat").rpartition(b")")[2].split()
    if len(stat) > 12:
        facts["state"] = stat[0].decode("latin-1")
        facts["ticks"] = int(stat[11]) + int(stat[12])
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
            # As the kernel does it: thread ids are those of the namespace, because mutexes speak of them.
            threads.append((entry.get("inner", lwp), registers, entry.get("name")))
    line = {
        "type": "sample",
        "number": number,
        "ms": milliseconds,
        "pausedMs": round(sample.paused_ns / 1e6, 3),
        "threads": [known[lwp] for lwp in sorted(known, key=lambda lwp: (lwp != sample.pid, lwp))],
    }
    if sample.not_stopped:
        line["notStopped"] = sample.not_stopped
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
        sample = Sample(pid, configuration["maxPauseMs"] * 1_000_000, facts)
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


# gdb runs a file without telling it where it lies.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import minicore  # noqa: E402

main(sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else os.environ["VGRUN_GDB"])
