"""Owns the calls with which threads are traced (ptrace(2), waitpid(2)), and which threads there
are.
"""

import ctypes
import os

from proc import stat_fields

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


# Does not give the interpreter's lock away: every call counts while a process is held.
hot = ctypes.PyDLL(None, use_errno=True)
hot.ptrace.restype = ctypes.c_long
hot.ptrace.argtypes = [ctypes.c_long] * 4
hot.waitpid.restype = ctypes.c_int
hot.waitpid.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
hot.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
hot.memmem.restype = ctypes.c_void_p
hot.memmem.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
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
    stat = stat_fields(f"/proc/{pid}/task/{lwp}")
    return not stat or stat[0] in (b"Z", b"X")


def thread_count(folder):
    """How many threads there are now, by a descriptor of /proc/PID/task: each is a folder, and a folder
    has a link for each one in it.
    """
    try:
        return os.fstat(folder).st_nlink - 2
    except OSError:
        return 0
