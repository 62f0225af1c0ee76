"""Describes a process that stands still under gdb, field for field as src/model/stop.ts has it.

`describe_stop` is what others call. Nothing here continues, changes or kills the process. Everything read
from it is bounded in size, number and time: what is in it may be damaged, or made by somebody hostile.
"""

import gdb

from frames import describe_frame, describe_frames
from machine import describe_disassembly, read_registers
from mappings import Mappings, describe_modules
from proc import thread_name
from siginfo import describe_signal
from values import Budget

MAX_THREADS = 1024


def describe_stop(
    number,
    cause,
    *,
    pid=None,
    ms=None,
    signal=False,
    threads="all",
    backtrace=True,
    variables=True,
    registers=True,
    disassembly=True,
    modules=True,
    budget=None,
    **more,
):
    """A Stop of the selected inferior, whose selected thread is the one that stopped first.

    `pid` is that of a process which gdb reaches through somebody who tells it none.

    `threads` is "all" or "current". `signal` says whether $_siginfo of the selected thread is why it stopped.
    `more` is added as it is (`probe`, `what`, `core`).
    """
    budget = budget or Budget()
    inferior = gdb.selected_inferior()
    current = gdb.selected_thread()
    pid = pid or inferior.pid
    mappings = Mappings(pid)
    stop = {"number": number, "cause": cause, "pid": pid}
    if ms is not None:
        stop["ms"] = round(ms)
    if signal:
        found = describe_signal(pid)
        if found is not None:
            stop["signal"] = found
    if disassembly:
        lines = describe_disassembly()
        if lines is not None:
            stop["disassembly"] = lines
    described = []
    # The one that stopped first has the first call on what a stop may cost.
    others = [] if threads == "current" else sorted(inferior.threads(), key=lambda thread: thread.num)
    for thread in [current] + [other for other in others if other.num != current.num][: MAX_THREADS - 1]:
        described.append(
            describe_thread(
                thread,
                mappings,
                budget,
                is_current=thread.num == current.num,
                backtrace=backtrace,
                variables=variables,
                registers=registers and thread.num == current.num,
            )
        )
    if current is not None and current.is_valid():
        current.switch()
    stop["threads"] = described
    if modules:
        stop["modules"] = describe_modules(mappings)
    stop.update(more)
    return stop


def describe_thread(thread, mappings, budget, *, is_current, backtrace=True, variables=True, registers=False):
    """A StopThread; selects the thread."""
    described = {"number": thread.num, "lwp": thread.ptid[1] or thread.ptid[0]}
    try:
        name = thread_name(thread)
    except gdb.error:
        name = None
    if name:
        described["name"] = name[:256]
    if is_current:
        described["isCurrent"] = True
    described["frames"] = []
    described["end"] = "unknown"
    try:
        thread.switch()
        newest = gdb.newest_frame()
        if backtrace:
            described.update(describe_frames(newest, mappings, budget, variables))
        else:
            described["frames"] = [describe_frame(newest, 0, mappings, budget, False)]
            described["end"] = "limit"
        newest = gdb.newest_frame()
        newest.select()
        if registers:
            described["registers"] = [
                {"name": name, "value": hex(value)} for name, value in read_registers(newest).items()
            ]
    except (gdb.error, gdb.MemoryError):
        # It is running, or it ended meanwhile.
        pass
    return described


def thread_registers(inferior):
    """Of each thread, the selected one first: its lwp, its registers by name, its name. The selected one stays so."""
    current = gdb.selected_thread()
    found = []
    number = current.num if current is not None else None
    for thread in sorted(inferior.threads(), key=lambda thread: (thread.num != number, thread.num))[:MAX_THREADS]:
        try:
            thread.switch()
            found.append((thread.ptid[1] or thread.ptid[0], read_registers(gdb.newest_frame()), thread_name(thread)))
        except (gdb.error, gdb.MemoryError):
            continue
    if current is not None and current.is_valid():
        current.switch()
    return found
