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

import ctypes
import gc
import json
import os
import signal
import sys
import threading
import time

# Neither gdb nor an isolated Python looks beside the file that it runs; nothing is written there.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import minicore  # noqa: E402
from held_copy import (  # noqa: E402
    AROUND_FUTEX,
    LIKELY_STACK,
    Arena,
    RegisterSlots,
    StackMap,
    machine_and_registers,
)
from processor_time import Hurry, Watch, keep_off_its_processors  # noqa: E402
from signal_frames import SignalFrames  # noqa: E402
from thread_facts import thread_facts  # noqa: E402
from tracing import (  # noqa: E402
    EINTR,
    ESRCH,
    PR_SET_PDEATHSIG,
    PR_SET_TIMERSLACK,
    PTRACE_DETACH,
    PTRACE_INTERRUPT,
    PTRACE_SEIZE,
    STATUS,
    STATUS_AT,
    WALL,
    has_ended,
    hot,
    thread_count,
    threads_of,
)

# Threads that are created while the others are being stopped are found by looking again.
ROUNDS = 50
# Of the time for which a process may be held, how much may be spent on waiting for threads to stop.
WAITING_SHARE = 0.75
# Looks at a thread that runs and is told to stop, before the processor is given away: on another
# processor it stops within microseconds.
SPINS = 40
# How many threads, at least, are stopped last: those that run, or else have switched most often.
WORKERS = 1


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
        # A signal that is caught is blocked: that is so in its handler.
        self.in_handler = {entry["lwp"] for entry in facts if entry.get("inHandler")}
        # They are no threads to look at.
        self.ended = {entry["lwp"] for entry in facts if entry.get("state") in ("Z", "X")}
        self.folder = None  # Descriptor of /proc/PID/task.
        self.stacks = None
        self.slots = None
        self.arena = None
        self.registers = {}  # lwp → where they are in `slots`
        self.wanted = []  # (lwp, spans of its stack that are to be copied)
        self.elsewhere = []  # (lwp, address of what is copied of its stack, which is another one)
        self.seized = set()
        self.stopped = {}  # lwp → signal that is to be delivered when it goes on
        self.stop_signal = None  # What had stopped the process before (signal(7), job control).
        self.refused = {}  # lwp → errno of PTRACE_SEIZE
        self.begun = None
        self.paused_ns = 0
        self.pending = set()
        self.not_copied = []
        # No thread is left that was not looked at.
        self.is_whole = False

    def run(self):
        """Seizes, stops, copies, detaches; to be called in a thread that ends then."""
        try:
            hot.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
            self.folder = os.open(f"/proc/{self.pid}/task", os.O_RDONLY | os.O_DIRECTORY)
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
            if self.folder is not None:
                os.close(self.folder)

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
                self.is_whole = thread_count(self.folder) == len(self.stopped) + gone
                if self.is_whole or self.is_late():
                    break
                # Created while the others were being stopped.
                fresh = [lwp for lwp in threads_of(self.pid) if lwp not in self.activity]
                if not fresh:
                    break
                for lwp in fresh:
                    self.activity[lwp] = (True, 0)
                    self.seize(lwp)
                self.stop([lwp for lwp in fresh if lwp in self.seized])
            self.copy([(at, 2 * AROUND_FUTEX) for at in self.stacks.waited_for])
            if self.elsewhere:
                self.copy_interrupted()
        finally:
            for lwp in reversed(self.stopped):
                hot.ptrace(PTRACE_DETACH, lwp, 0, self.stopped[lwp])
            # One that was to be given a signal may have stood since it was seized.
            if any(self.stopped.values()):
                self.begun = seized_at
            if self.stopped:
                self.paused_ns = time.monotonic_ns() - self.begun
            if not self.is_whole:
                self.note_unseen()

    def note_unseen(self):
        """The time was up before all threads were found: those that are there now did not stop."""
        known = self.ended | set(self.stopped) | set(self.refused)
        unseen = (lwp for lwp in threads_of(self.pid) if lwp not in known)
        self.pending.update(lwp for lwp in unseen if not has_ended(self.pid, lwp))

    def reader(self):
        """The thread by which memory is read: the first one of the process may have ended."""
        return next(iter(self.stopped), self.pid)

    def copy(self, others=()):
        """The stacks that are not copied yet, and other spans."""
        spans = [*others]
        if self.is_over():
            self.not_copied += [lwp for lwp, _ in self.wanted]
        else:
            spans += [span for _, wanted in self.wanted for span in wanted]
        self.arena.copy(self.reader(), spans)
        self.wanted = []

    def copy_interrupted(self):
        """The stacks that handlers have left for an alternate one (sigaltstack(2)): where they are
        is on that one, which is copied by now."""
        copied = {address: (at, length) for address, at, length in self.arena.ranges}
        for lwp, address in self.elsewhere:
            if address not in copied:
                continue
            pointer = SignalFrames.interrupted(self.arena, address, *copied[address])
            if pointer is not None:
                self.wanted.append((lwp, [self.stacks.stack_at(pointer)]))
        if self.wanted:
            self.copy()

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
            # The processor is theirs now. Who was told last stops last, as a rule: one wake for all
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
        # in the upper half, there is none: the signal is that which had stopped the process.
        number = (status >> 8) & 0xFF
        self.stopped[lwp] = 0 if status >> 16 else number
        if status >> 16 and number != signal.SIGTRAP:
            self.stop_signal = number
        place = self.slots.read(lwp)
        if place is not None:
            self.registers[lwp] = place
            spans, is_usual = self.stacks.spans_of(self.slots.buffer, *place)
            self.wanted.append((lwp, spans))
            if spans and (not is_usual or lwp in self.in_handler):
                self.elsewhere.append((lwp, spans[-1][0]))
        return True

    def registers_of(self, lwp):
        """Bytes of elf_gregset_t."""
        start, length = self.registers[lwp]
        return self.slots.buffer[start : start + length]


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
    if sample.stop_signal is not None:
        line["stopSignal"] = signal.Signals(sample.stop_signal).name
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
    allowed = os.sched_getaffinity(0)
    for number in range(1, configuration["samples"] + 1):
        due = started + (number - 1) * configuration["intervalMs"] * 1_000_000
        time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
        keep_off_its_processors(pid, allowed)
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
