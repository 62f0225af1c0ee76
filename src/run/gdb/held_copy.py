"""Owns what is copied of a process while it is held: registers, stacks, and what its threads wait
for. The room is made before.
"""

import bisect
import ctypes
import itertools
import mmap
import struct

import minicore
from minicore import STACK_LIMIT
from tracing import NT_PRSTATUS, PTRACE_GETREGSET, hot

# Bytes before and behind a futex: a mutex, a condition variable or the thread that is joined.
AROUND_FUTEX = 512
# Bytes of struct pthread.
AROUND_BASE = 1024
# Bytes of a stack beyond STACK_LIMIT that are copied where its end is known, and of all stacks together.
DEEP_LIMIT = 4 * minicore.MIB
DEEP_TOTAL = 16 * minicore.MIB
# Bytes of a stack that most threads need less than.
LIKELY_STACK = 16 * 1024
# Bytes for elf_gregset_t: more than any machine needs.
SLOT = 512
IOV_MAX = 1024


class RegisterSlots:
    """Room for the registers of threads, made before they are stopped: a struct iovec and the bytes
    that it speaks of."""

    def __init__(self, count):
        self.buffer = ctypes.create_string_buffer(SLOT * count)
        base = ctypes.addressof(self.buffer)
        words = [word for index in range(count) for word in (base + SLOT * index, SLOT)]
        self.vectors = (ctypes.c_size_t * len(words))(*words)
        self.first = ctypes.addressof(self.vectors)
        self.count = count
        self.used = 0

    def read(self, lwp):
        """Where the registers of a stopped thread are now: (first byte, length); None when it is
        gone, or there is no room."""
        index = self.used
        if index == self.count or (
            hot.ptrace(PTRACE_GETREGSET, lwp, NT_PRSTATUS, self.first + 16 * index) != 0
        ):
            return None
        self.used += 1
        # The kernel has put in place of the length how much there is.
        return SLOT * index, self.vectors[2 * index + 1]


class Arena:
    """Where memory of the process is copied to, with the pages that are likely needed there
    already."""

    def __init__(self, likely):
        self.memory = mmap.mmap(-1, minicore.TOTAL_LIMIT)
        for offset in range(0, min(likely, minicore.TOTAL_LIMIT), minicore.PAGE):
            self.memory[offset] = 0
        self.anchor = ctypes.c_char.from_buffer(self.memory)
        self.base = ctypes.addressof(self.anchor)
        self.used = 0
        self.ranges = []  # (address, offset here, length)

    def found(self, pattern, at, end):
        """Where bytes are the next time between two offsets here, -1 when they are not. memmem(3):
        mmap.find compares at each byte in turn."""
        place = hot.memmem(self.base + at, end - at, pattern, len(pattern))
        return -1 if place is None else place - self.base

    def copy(self, pid, spans):
        """Copies [(address, length)] in as few calls as can be. What is not readable ends the span
        that it lies in."""
        index = 0
        while index < len(spans):
            batch = spans[index : index + IOV_MAX]
            wanted = sum(length for _, length in batch)
            if self.used + wanted > minicore.TOTAL_LIMIT:
                return
            local = struct.pack("QQ", self.base + self.used, wanted)
            remote = struct.pack(f"{2 * len(batch)}Q", *itertools.chain.from_iterable(batch))
            copied = hot.process_vm_readv(pid, local, 1, remote, len(batch), 0)
            left = max(0, copied)
            for address, length in batch:
                index += 1
                here = min(left, length)
                if here > 0:
                    self.ranges.append((address, self.used, here))
                    self.used += here
                    left -= here
                if here < length:
                    break

    def taken(self):
        """[(address, bytes)]"""
        return [(at, self.memory[start : start + length]) for at, start, length in self.ranges]


class Layout:
    """Where in elf_gregset_t the registers lie that are looked at while a process is held."""

    def __init__(self, machine, calls, call_register, address_register):
        letter = "Q" if machine.word == 8 else "I"
        self.machine = machine
        self.format = struct.Struct(f"<{len(machine.registers)}{letter}")
        self.stack = machine.registers.index(machine.stack)
        self.calls = calls
        self.call_register = machine.registers.index(call_register)
        self.address = machine.registers.index(address_register)
        self.base = machine.registers.index("fs_base") if "fs_base" in machine.registers else None


# By the number of bytes of elf_gregset_t. With the numbers of futex(2) and of restart_syscall(2), to
# which a wait with a timeout turns, and the registers of a call's number and first argument.
LAYOUTS = {
    216: Layout(minicore.X86_64, (202, 219), "orig_rax", "rdi"),
    68: Layout(minicore.I386, (240, 0), "orig_eax", "ebx"),
    272: Layout(minicore.AARCH64, (98, 128), "x8", "x0"),
}


class StackMap:
    """Where the stacks of a process end, and what its threads wait for."""

    def __init__(self, mappings):
        self.starts = [mapping.start for mapping in mappings]
        self.ends = [mapping.end for mapping in mappings]
        self.first_stack_end = next(
            (mapping.end for mapping in mappings if mapping.path == b"[stack]"), 0
        )
        self.waited_for = set()
        self.deep_left = DEEP_TOTAL

    def mapping_end(self, pointer):
        """Where the mapping ends that a pointer points into; None for none that is known."""
        index = bisect.bisect_right(self.starts, pointer) - 1
        return self.ends[index] if index >= 0 and pointer < self.ends[index] else None

    def span_at(self, pointer, mapping_end):
        """(first byte, end) of what is copied of the stack that a pointer points into."""
        start = max(0, pointer - minicore.RED_ZONE)
        # A stack may have grown, or been made, since the map was read: what is not mapped ends the
        # reading.
        end = start + STACK_LIMIT
        return start, end if mapping_end is None else min(end, mapping_end)

    def stack_at(self, pointer):
        """(address, length) of another stack of a thread than the one that it stands on."""
        start, end = self.span_at(pointer, self.mapping_end(pointer))
        return start, end - start

    def spans_of(self, buffer, at, size):
        """
        What of a thread's memory is needed to unwind it, and to tell what it waits for:
        [(address, length)], the last one its stack. And whether that is the stack that it began
        on: the first thread's has a name, the others have their struct pthread at the end. Where
        nobody could tell what an alternate stack was left for, it counts as that. The registers of
        the thread are so many bytes of a buffer.
        """
        layout = LAYOUTS.get(size)
        if layout is None:
            return [], True
        values = layout.format.unpack_from(buffer, at)
        mapping_end = self.mapping_end(values[layout.stack])
        start, end = self.span_at(values[layout.stack], mapping_end)
        spans = []
        is_usual = True
        # struct pthread: the id in it tells which thread a mutex or a join speaks of.
        base = 0 if layout.base is None else values[layout.base]
        if start < base < end:
            end = min(end, base + AROUND_BASE)
        elif base != 0:
            spans.append((base, AROUND_BASE))
            is_usual = mapping_end is not None and (
                mapping_end == self.first_stack_end or start < base < mapping_end
            )
        if is_usual and base != 0:
            is_first = mapping_end is not None and mapping_end == self.first_stack_end
            own_end = mapping_end if is_first else base + AROUND_BASE
            more = max(0, min(own_end - end, DEEP_LIMIT, self.deep_left))
            self.deep_left -= more
            end += more
        spans.append((start, end - start))
        if values[layout.call_register] in layout.calls:
            self.waited_for.add(max(0, values[layout.address] - AROUND_FUTEX))
        return spans, is_usual


def machine_and_registers(data):
    """The machine, and {register: value}; None for one that is not known."""
    layout = LAYOUTS.get(len(data))
    if layout is None:
        return None, {}
    return layout.machine, dict(zip(layout.machine.registers, layout.format.unpack(data)))
