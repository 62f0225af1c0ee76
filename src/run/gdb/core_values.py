"""Reads the variables of the frames of a core file that gdb has opened; the frames themselves are vgrun's own.

The file that VGRUN_GDB names says what is wanted: {"output": path, "lwps": [numbers, the first one first],
"frames": how many of a thread, "seconds": for all of them}. The output is one JSON object: for each lwp its
frames, each {"ip", "function"?, "variables"}. Of threads that stand at the same place with the same callers, as
those of a pool do, only the first is read.
"""

import json
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from printers import load_printers  # noqa: E402
from values import MAX_VALUE, Budget, describe_variables  # noqa: E402

LONGEST_OUTPUT = 6 * 1024 * 1024


def frames_of(thread, most, budget):
    thread.switch()
    found = []
    frame = gdb.newest_frame()
    is_innermost = True
    while frame is not None and len(found) < most and not budget.is_spent():
        # What is in no file gdb cannot unwind: its callers may be where they seem to be, and their values elsewhere.
        if not is_innermost and not frame.name() and gdb.solib_name(frame.pc()) is None:
            break
        is_innermost = False
        variables = describe_variables(frame, budget)
        if variables is not None:
            described = {"ip": hex(frame.pc()), "variables": variables}
            name = frame.name()
            if name:
                described["function"] = name[: MAX_VALUE]
            found.append(described)
        frame = frame.older()
    return found


def place_of(thread, most):
    """Where the thread stands and how it came there."""
    thread.switch()
    found = []
    frame = gdb.newest_frame()
    while frame is not None and len(found) < most:
        found.append(frame.pc())
        frame = frame.older()
    return tuple(found)


def main():
    with open(os.environ["VGRUN_GDB"], encoding="utf-8") as file:
        wanted = json.load(file)
    load_printers()
    budget = Budget(seconds=wanted["seconds"], characters=LONGEST_OUTPUT)
    threads = {thread.ptid[1] or thread.ptid[0]: thread for thread in gdb.selected_inferior().threads()}
    found, places = {}, set()
    for lwp in wanted["lwps"]:
        if lwp not in threads or budget.is_spent():
            continue
        try:
            place = place_of(threads[lwp], wanted["frames"])
            if place in places:
                continue
            places.add(place)
            found[str(lwp)] = frames_of(threads[lwp], wanted["frames"], budget)
        except (gdb.error, gdb.MemoryError, RuntimeError):
            continue
    with open(wanted["output"], "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(found, file)


main()
