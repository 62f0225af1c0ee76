"""What gdb knows of the processes that it holds, and does not say in so many words."""

import gdb


def vfork_is_underway():
    """Whether a process waits in vfork(2) for its child to execute something or to end.

    Nothing but a fatal signal wakes it until then, so gdb 13 waits without end when it is to stop all threads. The
    child works in the memory of its parent, and gdb gives it the parent's program space meanwhile
    (follow_fork_inferior in infrun.c).
    """
    spaces = [inferior.progspace for inferior in gdb.inferiors() if inferior.pid > 0]
    return any(space in spaces[:index] for index, space in enumerate(spaces))
