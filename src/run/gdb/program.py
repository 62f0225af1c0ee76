"""gdb in the place of the program: starts it as the user wrote it, and ends as it did."""

import os
import re
import resource
import signal
import sys


def wrapper(wish):
    """What the shell runs in place of the program that gdb names, which is behind the `#`.

    env(1) makes the environment anew: the shell may have taken variables away that have no name in its eyes. The
    words are in variables of the shell, where any byte can stand.
    """
    words = " ".join(f'"$V{index}"' for index in range(wish["words"]))
    given, out, error = wish["standard"]
    return f"/usr/bin/env -i -- {words} <&{given} >&{out} 2>&{error} {given}<&- {out}>&- {error}>&- #"


def executable(path):
    """What the kernel loads for a program: of a script its interpreter (execve(2))."""
    for _ in range(4):
        try:
            with open(path, "rb") as file:
                head = file.read(256)
        except OSError:
            return path
        if head[:2] != b"#!":
            return path
        words = head[2:].split(b"\n", 1)[0].split()
        if not words:
            return path
        path = os.fsdecode(words[0])
    return path


def speakable(path):
    """The path, or another one to the same file where bytes in it are no UTF-8: gdb.execute takes nothing else."""
    try:
        path.encode("utf-8")
        return path
    except UnicodeEncodeError:
        return f"/proc/self/fd/{os.open(path, os.O_RDONLY | os.O_CLOEXEC)}"


def quoted(path):
    """A file name for gdb's command line (gdb_buildargv): a backslash takes the meaning from any character."""
    return re.sub(r"([^\w./+-])", r"\\\1", path)


def end_as(status):
    """Ends gdb itself as the first process ended, without anything that gdb would do or say at its end."""
    sys.stdout.flush()
    if status is None:
        os._exit(125)
    kind, number = status
    if kind == "code":
        os._exit(number)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    # It was one that does not end a process after all.
    os._exit(128 + number)
