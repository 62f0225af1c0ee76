"""Puts the program into gdb's own process group: that of the user's terminal, in which it would be without gdb.

gdb gives each program that it starts a group of its own (gdb_setpgid in inflow.c), with a terminal or without. The
program would then stop when it reads from the terminal, and Ctrl-C would not reach it. Only the program itself can
change that once it is executed: it is made to call setpgid(2) before its first instruction.
"""

import os
import re

import gdb

# By gdb's name of the architecture: the bytes of the instruction that calls the kernel, and how it is called.
CALLS = {
    "i386:x86-64": (b"\x0f\x05", "rip", {"rax": 109, "rdi": 0}, "rsi", "rax"),
    "i386": (b"\xcd\x80", "eip", {"eax": 57, "ebx": 0}, "ecx", "eax"),
    "aarch64": (b"\x01\x00\x00\xd4", "pc", {"x8": 154, "x0": 0}, "x1", "x0"),
}
# The loader and the C library have many such instructions.
MOST_SEARCHED = 16 * 1024 * 1024


def join_group(inferior):
    """In a process that has not run yet. False when it stays in a group of its own."""
    if os.getpgid(inferior.pid) == os.getpgrp():
        return True
    frame = gdb.newest_frame()
    call = CALLS.get(frame.architecture().name())
    if call is None:
        return False
    instruction, counter, fixed, group, result = call
    place = find(inferior, instruction)
    if place is None:
        return False
    wanted = {**fixed, group: os.getpgrp(), counter: place}
    kept = {name: int(frame.read_register(name)) & (2**64 - 1) for name in [*wanted, *CLOBBERED.get(result, ())]}
    try:
        write(wanted)
        gdb.execute("stepi", to_string=True)
        return os.getpgid(inferior.pid) == os.getpgrp()
    except (gdb.error, ProcessLookupError):
        return False
    finally:
        write(kept)


# `syscall` writes its return address and the flags there.
CLOBBERED = {"rax": ("rcx", "r11")}


def write(registers):
    for name, value in registers.items():
        gdb.execute(f"set var ${name} = {value}", to_string=True)


def find(inferior, instruction):
    """Where the instruction stands in code of the process."""
    with open(f"/proc/{inferior.pid}/maps", encoding="latin-1") as maps:
        lines = maps.read(1024 * 1024).splitlines()
    for line in lines:
        code = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \S+\s+/", line)
        if code is None:
            continue
        start, end = int(code[1], 16), int(code[2], 16)
        try:
            found = inferior.search_memory(start, min(end - start, MOST_SEARCHED), instruction)
        except gdb.error:
            continue
        if found is not None and (len(instruction) < 4 or found % 4 == 0):
            return found
    return None
