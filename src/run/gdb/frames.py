"""Describes the frames of a thread: where each stands, how its function is called, how far it may be trusted."""

import time

import gdb

from mappings import MAX_PATH
from values import MAX_VALUE, describe_variables

MAX_FRAMES = 250
# Of a deep stack: so many from the inside, and the rest of MAX_FRAMES from the outside.
FIRST_FRAMES = 200
# A stack that is deeper is not walked to its outer end: each frame costs gdb about a kilobyte.
MAX_WALKED = 50_000


def describe_frames(newest, mappings, budget, variables):
    first, last, walked = [], [], 0
    frame, doubt, end = newest, None, "unknown"
    failed = False
    try:
        while frame is not None:
            if walked < FIRST_FRAMES:
                described = describe_frame(frame, walked, mappings, budget, variables)
                doubt = judge(described, doubt, first)
                first.append(described)
            else:
                last.append((walked, frame))
                if len(last) > MAX_FRAMES - FIRST_FRAMES:
                    last.pop(0)
            walked += 1
            if walked > MAX_WALKED or time.monotonic() > budget.deadline:
                last = []
                end = "limit"
                break
            older = frame.older()
            if older is None:
                end = stack_end(frame)
            frame = older
    except (gdb.error, gdb.MemoryError):
        failed = True
    described = [describe_frame(frame, at, mappings, budget, variables) for at, frame in last]
    for frame in described:
        doubt = judge(frame, doubt, first)
        first.append(frame)
    answer = {"frames": first, "end": "unreadable" if failed else end}
    omitted = walked - len(first)
    if omitted > 0 and described:
        answer["omitted"] = {"after": FIRST_FRAMES, "count": omitted}
    return answer


def stack_end(frame):
    reason = frame.unwind_stop_reason()
    if reason == gdb.FRAME_UNWIND_NO_REASON or reason == gdb.FRAME_UNWIND_OUTERMOST:
        return "whole"
    if reason in (gdb.FRAME_UNWIND_INNER_ID, gdb.FRAME_UNWIND_SAME_ID):
        return "damaged"
    if reason in (gdb.FRAME_UNWIND_MEMORY_ERROR, gdb.FRAME_UNWIND_UNAVAILABLE):
        return "unreadable"
    if reason == getattr(gdb, "FRAME_UNWIND_NULL_ID", None):
        return "whole"
    return "unknown"


def judge(frame, doubt, before):
    """Sets how far the frame may be trusted; returns the reason to doubt the frames that follow."""
    if doubt is not None:
        frame["trust"], frame["doubt"] = "doubtful", doubt
        return doubt
    if before and "object" not in frame and "function" not in frame:
        frame["trust"] = "doubtful"
        frame["doubt"] = "This address is in no module: it may be no return address."
        return "A frame before it is in no module: from there on the stack may be another one's."
    if len(before) == 1 and "object" not in before[0] and "function" not in before[0]:
        frame["trust"] = "likely"
        frame["doubt"] = "It is the word on top of the stack when a call went to an address without code."
    return None


def describe_frame(frame, index, mappings, budget, variables):
    """A StopFrame with its trust as if all before it were right."""
    described = {"found": "innermost" if index == 0 else "unwound", "trust": "sure"}
    pc = frame.pc()
    described["ip"] = hex(pc)
    # A return address may be that of the next function: gdb looks these up one byte before.
    inside = pc - 1 if index > 0 and pc > 0 and frame.type() != gdb.SIGTRAMP_FRAME else pc
    newer = frame.newer() if index > 0 else None
    if newer is not None and newer.type() == gdb.SIGTRAMP_FRAME:
        inside = pc
    place = mappings.at(inside)
    if place is not None:
        described["object"] = place[2]
        # As in what is read from a core: of a caller the last byte of its call.
        offset = mappings.link_address(inside, gdb.selected_inferior())
        if offset is not None:
            described["offset"] = hex(offset)
    # The trampoline of a handler is no function that anybody called, whatever symbol is there.
    if frame.type() != gdb.SIGTRAMP_FRAME:
        name_frame(frame, pc, described)
    if frame.type() == gdb.INLINE_FRAME:
        described["isInlined"] = True
    if frame.type() == gdb.SIGTRAMP_FRAME:
        described["isSignalHandler"] = True
    try:
        sal = frame.find_sal()
        if sal.symtab is not None and sal.line > 0:
            path = sal.symtab.fullname() or sal.symtab.filename
            directory, _, file = path[:MAX_PATH].rpartition("/")
            described.update({"file": file, "line": sal.line})
            if directory:
                described["directory"] = directory
    except (gdb.error, gdb.MemoryError, UnicodeDecodeError):
        # gdb gives no name that is no UTF-8.
        pass
    if variables and not budget.is_spent():
        found = describe_variables(frame, budget, mappings)
        if found is not None:
            described["variables"] = found
    return described


def name_frame(frame, pc, described):
    try:
        function = frame.function()
        if function is not None:
            described["function"] = (function.print_name or function.name)[:MAX_VALUE]
            described["named"] = "debug information"
            block = frame.block()
            # Each look-up makes another object of the same symbol.
            while block is not None and (block.function is None or block.function.name != function.name):
                block = block.superblock
            start = block.start if block is not None else None
            if start is not None and start <= pc:
                described["functionOffset"] = pc - start
            return
        name = frame.name()
        if name:
            described["function"] = name[:MAX_VALUE]
            described["named"] = "symbol table"
            offset = symbol_offset(pc)
            if offset is not None:
                described["functionOffset"] = offset
    except (gdb.error, gdb.MemoryError, RuntimeError, UnicodeDecodeError):
        pass


def symbol_offset(pc):
    """gdb tells the start of a function without debug information only in `0x1139 <main+4>`."""
    text = gdb.Value(pc).cast(gdb.lookup_type("char").pointer().pointer()).format_string(symbols=True)
    before, plus, digits = text.rpartition("+")
    if plus and digits.endswith(">") and digits[:-1].isdigit() and "<" in before:
        return int(digits[:-1])
    return 0 if text.endswith(">") else None
