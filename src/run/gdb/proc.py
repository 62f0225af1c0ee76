"""What /proc tells of a process (proc(5)): which program it executes, who started it, whether it stands still."""

import os
import re
import time


def stat_fields(folder):
    """The fields of a `stat` from the state on; none when it is gone. The name before them may hold any byte (proc_pid_stat(5))."""
    try:
        with open(f"{folder}/stat", "rb") as file:
            return file.read(4096).rpartition(b")")[2].split()
    except OSError:
        return []


def identity(pid):
    """The file that a process executes, and where its stack begins: each exec makes another one (proc_pid_stat(5))."""
    program = link(f"/proc/{pid}/exe")
    if program is None:
        return None
    fields = stat_fields(f"/proc/{pid}")
    return (program, fields[25]) if len(fields) > 25 else None


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None


def arguments(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(1024 * 1024)
    except OSError:
        return []
    return [os.fsdecode(word) for word in words.split(b"\0")[:-1]][:4096]


def thread_name(thread):
    """Of a thread of gdb's. A name is any bytes, and gdb raises an error at those that are no UTF-8."""
    try:
        return thread.name
    except UnicodeDecodeError:
        pid, lwp, _ = thread.ptid
        try:
            with open(f"/proc/{pid}/task/{lwp or pid}/comm", "rb") as file:
                return os.fsdecode(file.read(64)).rstrip("\n")
        except OSError:
            return None


def parent_of(pid):
    try:
        return int(stat_fields(f"/proc/{pid}")[1])
    except (ValueError, IndexError):
        return None


def end_of(pid, seconds):
    """How a process ended that nobody has waited for yet: ("code", 0) or ("signal", 9); None when it lives, also after that time.

    One that is killed needs a moment for it. Its first thread alone may have ended.
    """
    until = time.monotonic() + seconds
    while not all(state in (b"Z", b"X") for state in thread_states(pid)):
        # All but those that are about to end stand still for their debugger.
        if time.monotonic() >= until:
            return None
        time.sleep(0.01)
    try:
        # As wait(2) has it.
        status = int(stat_fields(f"/proc/{pid}")[49])
    except (ValueError, IndexError):
        return None
    return ("signal", status & 0x7F) if status & 0x7F else ("code", status >> 8 & 0xFF)


def thread_states(pid):
    try:
        names = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found = [stat_fields(f"/proc/{pid}/task/{name}") for name in names]
    return [fields[0] for fields in found if fields]


def held_threads(pid):
    """The threads of a process that stand still for their debugger (proc_pid_stat(5), state t)."""
    return threads_in(pid, b"t")


def threads_in(pid, state):
    """The threads of a process in that state (proc_pid_stat(5)); none when it is gone."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            if stat_fields(f"/proc/{pid}/task/{thread}")[0] == state:
                found.append(thread)
    except (OSError, IndexError):
        return []
    return found


def held_in_vfork(pids):
    """Of those processes, children that are held while their parent waits for nothing but them, as in vfork(2)."""
    parents = {pid: parent_of(pid) for pid in pids}
    return {
        pid: parent
        for pid, parent in parents.items()
        if parent in parents and threads_in(parent, b"D") and held_threads(pid)
    }


def processor_time():
    """Ticks that gdb's first thread has used, which does all of its work (proc_pid_stat(5), utime and stime)."""
    return stat_fields(f"/proc/self/task/{os.getpid()}")[11:13]


def signal_action(pid, number):
    """What a process does with a signal: `default`, `handled` or `ignored` (proc_pid_status(5), SigCgt and SigIgn)."""
    try:
        with open(f"/proc/{pid}/status", encoding="latin-1") as file:
            status = file.read(65536)
    except OSError:
        return "default"
    for field, action in (("SigCgt", "handled"), ("SigIgn", "ignored")):
        mask = re.search(rf"^{field}:\s*([0-9a-f]+)", status, re.MULTILINE)
        if mask is not None and int(mask[1], 16) >> (number - 1) & 1 == 1:
            return action
    return "default"
