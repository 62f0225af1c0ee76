"""Describes the machine's side of a thread: its registers and the instructions around the one at which it stands."""

import gdb

from frames import name_frame


def read_registers(frame):
    """The general registers of a frame as unsigned numbers, by gdb's names."""
    architecture = frame.architecture()
    found = {}
    for register in architecture.registers("general"):
        name = register.name
        # Vector masks: nobody looks for a pointer in them.
        if not name or (name[0] == "k" and name[1:].isdigit()):
            continue
        try:
            value = frame.read_register(name)
            found[name] = int(value) & ((1 << (8 * value.type.sizeof)) - 1)
        except (gdb.error, gdb.MemoryError, ValueError):
            continue
    # In another group, but a core has them.
    for name in ("fs_base", "gs_base", "orig_rax"):
        try:
            found.setdefault(name, int(frame.read_register(name)) & ((1 << 64) - 1))
        except (gdb.error, gdb.MemoryError, ValueError):
            continue
    return found


def describe_disassembly(frame=None, before=6, after=6):
    """The instruction at which a frame stands, the newest one if none is given, with its neighbours; None where there is no code."""
    try:
        frame = frame or gdb.newest_frame()
        pc = frame.pc()
        architecture = frame.architecture()
        following = architecture.disassemble(pc, count=after + 1)
    except (gdb.error, gdb.MemoryError):
        return None
    previous = []
    try:
        described = {}
        name_frame(frame, pc, described)
        offset = described.get("functionOffset", 0)
        # Instructions have different lengths: only from the start of the function on is it known where each begins.
        if 0 < offset <= 65536:
            decoded = architecture.disassemble(pc - offset, pc - 1)
            if decoded and decoded[-1]["addr"] + decoded[-1]["length"] == pc:
                previous = decoded[-before:]
    except (gdb.error, gdb.MemoryError):
        pass
    lines = [
        {"address": hex(line["addr"]), "text": " ".join(line["asm"].split())[:512]}
        for line in previous + following
    ]
    return {"lines": lines, "current": len(previous), "from": "memory"}
