"""What gdb knows of the processes that it holds, and does not say in so many words."""

import time

import gdb

from proc import held_threads, identity

# A child of vfork(2) has little to do.
MAX_VFORK_SECONDS = 10


def vforks():
    """The pids of each child that works in the memory of its parent, which waits for it in vfork(2), and of the parent.

    gdb gives the child its parent's program space meanwhile (follow_fork_inferior in infrun.c).
    """
    found, parents = [], []
    for inferior in gdb.inferiors():
        if inferior.pid <= 0:
            continue
        parent = next((each for each in parents if each.progspace == inferior.progspace), None)
        if parent is not None:
            found.append((inferior.pid, parent.pid))
        parents.append(inferior)
    return found


def vfork_is_underway():
    """Whether a process waits in vfork(2) for its child to execute something or to end.

    Nothing but a fatal signal wakes it until then, so gdb 13 waits without end when it is to stop all threads.
    """
    return vforks() != []


def wait_for_vforks():
    """Waits until no process is in vfork(2) any more, before gdb stops all threads come what may."""
    end = time.monotonic() + MAX_VFORK_SECONDS
    for child, parent in vforks():
        # One that gdb holds waits for gdb.
        while is_same(child, parent) and not held_threads(child) and time.monotonic() < end:
            time.sleep(0.001)


def is_same(child, parent):
    """Whether the child has executed nothing yet and not ended."""
    executed = identity(child)
    return executed is not None and executed == identity(parent)
