"""Owns what /proc says of a thread (proc(5)) just before its process is held."""

import os

from minicore import read_file
from proc import stat_fields

# Children that are named of a thread that waits for one of them.
MOST_CHILDREN = 8


def thread_facts(pid, lwp):
    """Name, state, processor time, context switches, id in its own namespace, whether it may run a
    handler; of one that cannot be interrupted what it waits for in the kernel."""
    facts = {"lwp": lwp}
    folder = f"/proc/{pid}/task/{lwp}"
    name = read_file(f"{folder}/comm").rstrip(b"\n")
    if name:
        facts["name"] = name.decode("utf-8", "replace")
    stat = stat_fields(folder)
    if len(stat) > 12:
        facts["state"] = stat[0].decode("latin-1")
        facts["cpuMs"] = (int(stat[11]) + int(stat[12])) * 1000 / os.sysconf("SC_CLK_TCK")
    # The same in nanoseconds, where the kernel counts them.
    schedule = read_file(f"{folder}/schedstat").split()
    if len(schedule) > 0:
        facts["cpuMs"] = int(schedule[0]) / 1e6
    masks = {}
    for line in read_file(f"{folder}/status").split(b"\n"):
        key, _, value = line.partition(b":")
        if key == b"voluntary_ctxt_switches":
            facts["voluntary"] = int(value)
        elif key == b"nonvoluntary_ctxt_switches":
            facts["involuntary"] = int(value)
        elif key == b"NSpid" and len(value.split()) > 1:
            facts["inner"] = int(value.split()[-1])
        elif key in (b"SigBlk", b"SigCgt"):
            masks[key] = int(value, 16)
    # In its handler a signal is blocked (sigaction(2)); elsewhere few block one that they catch.
    if masks.get(b"SigBlk", 0) & masks.get(b"SigCgt", 0):
        facts["inHandler"] = True
    if facts.get("state") == "D":
        facts.update(kernel_wait(folder))
    return facts


def kernel_wait(folder):
    """What a thread does in the kernel, as far as that tells: the number of its system call, the
    function there that it waits in, and the processes that it has started."""
    facts = {}
    call = read_file(f"{folder}/syscall").split()
    if len(call) > 1 and call[0].isdigit():
        facts["systemCall"] = int(call[0])
    channel = read_file(f"{folder}/wchan").decode("latin-1")
    if channel not in ("", "0"):
        facts["waitChannel"] = channel
    children = read_file(f"{folder}/children").split()
    if children:
        facts["children"] = [int(child) for child in children[:MOST_CHILDREN]]
    return facts
