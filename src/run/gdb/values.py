"""Describes the variables of a frame, and what a description of a stop may cost: size, number and time."""

import time

import gdb

MAX_VALUE = 4096
MAX_VARIABLES = 64
# All values of one stop together, in characters: a line of the log has at most 8 MiB.
MAX_VALUES = 2 * 1024 * 1024
# Seconds of one stop. After that frames and variables are left out.
MAX_SECONDS = 20.0


class Budget:
    """What one stop may still cost."""

    def __init__(self, seconds=MAX_SECONDS, characters=MAX_VALUES):
        self.deadline = time.monotonic() + seconds
        self.characters = characters

    def is_spent(self):
        return self.characters <= 0 or time.monotonic() > self.deadline


def describe_variables(frame, budget, mappings=None):
    """Arguments first, then locals, of the innermost block outwards; None without debug information."""
    try:
        block = frame.block()
    except (RuntimeError, gdb.error):
        return None
    if block.function is None and block.superblock is None:
        return None
    arguments, local, seen = [], [], set()
    try:
        # Pretty printers look types up where gdb stands.
        frame.select()
        while block is not None and not block.is_global and not block.is_static:
            for symbol in block:
                if not (symbol.is_argument or symbol.is_variable) or symbol.name in seen:
                    continue
                if len(seen) >= MAX_VARIABLES or budget.is_spent():
                    break
                seen.add(symbol.name)
                described = describe_variable(frame, symbol, block, budget, mappings)
                (arguments if symbol.is_argument else local).append(described)
            if block.function is not None:
                break
            block = block.superblock
    except (gdb.error, gdb.MemoryError, RuntimeError):
        pass
    return arguments + local


def describe_variable(frame, symbol, block, budget, mappings=None):
    described = {"name": (symbol.print_name or symbol.name)[:256]}
    try:
        value = frame.read_var(symbol, block)
        if mappings is not None and value.address is not None:
            address = int(value.address) & ((1 << 64) - 1)
            if mappings.is_closed(address, value.type.sizeof):
                raise gdb.MemoryError(f"No access to memory at address {hex(address)}")
        described["value"] = value_text(value)
    except Exception as error:  # A pretty printer over damaged memory may raise anything.
        described["value"] = f"<{shorten(str(error), 200)}>"
    try:
        if symbol.type is not None:
            described["type"] = str(symbol.type)[:256]
    except (gdb.error, RuntimeError):
        pass
    if symbol.is_argument:
        described["isArgument"] = True
    budget.characters -= len(described["value"]) + 512
    return described


def value_text(value, limit=MAX_VALUE):
    """A value as gdb prints it, at most `limit` characters; `…` at its end says that there is more."""
    cut = ""
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_ARRAY and kind.sizeof > 65536 and value.address is not None:
        element = kind.target()
        # Not fetched as a whole: it may have gigabytes.
        if 0 < element.sizeof <= 65536:
            some = element.array(min(199, kind.sizeof // element.sizeof - 1))
            value = value.address.cast(some.pointer()).dereference()
            cut = "…"
    text = value.format_string(
        max_elements=200, repeat_threshold=10, max_depth=6, symbols=True, address=True, static_members=False
    )
    return shorten(text + cut, limit)


def shorten(text, limit):
    return text if len(text) <= limit else text[: limit - 1] + "…"
