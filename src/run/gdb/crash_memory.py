"""Chooses which memory of a crashed process is worth keeping in its small core, and reads it."""

import struct
from signal import SIGABRT

from minicore import (
    KIB,
    MIB,
    PAGE,
    RED_ZONE,
    STACK_LIMIT,
    TOTAL_LIMIT,
    living_thread,
    machine_of,
    mapping_of,
    read_maps,
    read_memory,
    read_spans,
    signal_of,
)

HEAP_LIMIT = 16 * MIB
# Of one mapping, and of all of them.
DATA_LIMIT = MIB
ALL_DATA_LIMIT = 16 * MIB
# Bytes of the innermost frames and of an object in which pointers are followed, and pages that are
# reached so.
FRAMES_LIMIT = 8 * KIB
OBJECT_LIMIT = 160
POINTED_LIMIT = 512


def crash_ranges(pid, threads, siginfo):
    """[(address, bytes)] of a process that stands still at a signal; `threads` and `siginfo` as
    minicore.write_core has them. Raises OSError when the process is gone."""
    living = living_thread(pid)
    mappings = read_maps(living)
    signal = signal_of(siginfo)
    spans = chosen_spans(mappings, threads, signal)
    if signal == SIGABRT:
        spans = pointed_spans(living, mappings, threads[0][1]) + spans
    return read_spans(living, merged(spans))


def stack_span(mappings, pointer):
    """(start, end) of what a thread uses of its stack, in whole pages, at most STACK_LIMIT; None
    when the pointer is no stack."""
    mapping = mapping_of(mappings, pointer)
    if mapping is None or not mapping.flags & 4:
        return None
    start = max(mapping.start, (pointer - RED_ZONE) & -PAGE)
    return (start, min(mapping.end, start + STACK_LIMIT))


def chosen_spans(mappings, threads, signal):
    """What of a crashed process is worth keeping: stacks, the page around what each register points
    to, and the heap; of an abort also what else it has written to, because libraries that call
    abort() say there why."""
    spans = []
    pages = set()
    for _, registers, _ in threads:
        machine = machine_of(registers)
        span = stack_span(mappings, registers[machine.stack])
        if span is not None:
            spans.append(span)
        pages.update(value & -PAGE for value in registers.values())
    for page in sorted(pages):
        mapping = mapping_of(mappings, page)
        # One page before and one after: what lies there is shown with its neighbours.
        if mapping is not None and mapping.flags & 4:
            spans.append((max(mapping.start, page - PAGE), min(mapping.end, page + 2 * PAGE)))
    if signal == SIGABRT:
        spans += data_spans(mappings, threads)
    for mapping in mappings:
        if mapping.path == b"[heap]":
            spans.append((mapping.start, min(mapping.end, mapping.start + HEAP_LIMIT)))
    return spans


def data_spans(mappings, threads):
    """The start of each mapping that the process or its loader wrote to, without stacks and [heap]:
    data of modules, thread-local memory, heaps of other threads."""
    pointers = [registers[machine_of(registers).stack] for _, registers, _ in threads]
    stacks = [mapping_of(mappings, pointer) for pointer in pointers]
    skipped = {mapping.start for mapping in stacks if mapping is not None}
    spans = []
    left = ALL_DATA_LIMIT
    for mapping, following in zip(mappings, [*mappings[1:], None]):
        # The loader takes the right to write from a part of the data when it has relocated it.
        is_relocated = (
            mapping.inode != 0
            and following is not None
            and following.flags & 2
            and following.path == mapping.path
            and following.start == mapping.end
        )
        if mapping.flags & 4 == 0 or not (mapping.flags & 2 or is_relocated):
            continue
        # What is mapped from a device may do things when it is read.
        if mapping.start in skipped or mapping.path.startswith((b"[", b"/dev/")):
            continue
        size = min(mapping.end - mapping.start, DATA_LIMIT, left)
        if size > 0:
            spans.append((mapping.start, mapping.start + size))
            left -= size
    return spans


def pointed_spans(pid, mappings, registers):
    """The data to which the innermost frames of a thread point, and to which that data points: an
    exception and its text may lie anywhere in a large heap."""
    machine = machine_of(registers)
    stack = mapping_of(mappings, registers[machine.stack])
    if stack is None:
        return []
    letter = "Q" if machine.word == 8 else "I"
    pages = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:

        def words_at(address, length):
            data = read_memory(memory.fileno(), address, length)
            return struct.unpack_from(f"<{len(data) // machine.word}{letter}", data)

        words = words_at(registers[machine.stack], FRAMES_LIMIT)
        for _ in range(2):
            following = []
            for word in dict.fromkeys(words):
                mapping = mapping_of(mappings, word)
                if mapping is None or mapping is stack or mapping.flags & 6 != 6:
                    continue
                if mapping.path.startswith(b"/dev/") or len(pages) >= POINTED_LIMIT:
                    continue
                page = word & -PAGE
                pages.add((page, min(mapping.end, page + 2 * PAGE)))
                following += words_at(word, OBJECT_LIMIT)
            words = following
    return sorted(pages)


def merged(spans):
    """Spans sorted and without overlap, in all at most TOTAL_LIMIT bytes: the later ones are left
    out."""
    kept = []
    left = TOTAL_LIMIT
    for start, end in spans:
        if left <= 0:
            break
        end = min(end, start + left)
        if end > start:
            kept.append((start, end))
            left -= end - start
    result = []
    for start, end in sorted(kept):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result
