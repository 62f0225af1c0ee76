"""Owns small ELF cores: a process that stands still, written as core(5) and elf(5) have it, with
chosen pieces of its memory.

What the kernel's core has and this one has not: memory that nobody asked for. Every mapping is
named all the same (PT_LOAD with a file size of 0), so that a reader can tell a wild pointer from
one whose target was left out. Runs in gdb's Python and outside of it.
"""

import os
import struct

PAGE = 4096
KIB = 1024
MIB = 1024 * 1024

NT_PRSTATUS = 1
NT_PRPSINFO = 3
NT_AUXV = 6
NT_FILE = 0x46494C45
NT_SIGINFO = 0x53494749
# Of owner "vgrun": u32 lwp, then the bytes of the thread's name (core(5) has no place for them).
VGRUN_THREAD_NAME = 1

PT_LOAD = 1
PT_NOTE = 4
PN_XNUM = 0xFFFF

# Below the stack pointer lie up to 128 bytes that a function may use without moving it (System V
# ABI for x86-64, 3.2.2).
RED_ZONE = 128
STACK_LIMIT = 256 * KIB
TOTAL_LIMIT = 64 * MIB
VDSO_LIMIT = 64 * KIB
# Files whose first page is read.
HEADER_LIMIT = 4096


class Machine:
    """What differs between the machines: the word, and how elf_prstatus and elf_prpsinfo are laid
    out (linux/elfcore.h)."""

    def __init__(self, name, number, word, registers, stack, program):
        self.name = name
        self.number = number  # e_machine
        self.word = word  # bytes
        self.registers = registers  # in the order of elf_gregset_t
        self.stack = stack
        self.program = program


X86_64 = Machine(
    "x86-64",
    62,
    8,
    (
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
        "fs_base gs_base ds es fs gs"
    ).split(),
    "rsp",
    "rip",
)
I386 = Machine(
    "i386",
    3,
    4,
    "ebx ecx edx esi edi ebp eax ds es fs gs orig_eax eip cs eflags esp ss".split(),
    "esp",
    "eip",
)
AARCH64 = Machine(
    "aarch64",
    183,
    8,
    [f"x{number}" for number in range(31)] + ["sp", "pc", "cpsr"],
    "sp",
    "pc",
)
MACHINES = (X86_64, I386, AARCH64)


class Mapping:
    """A line of /proc/PID/maps. `path` is bytes, empty for memory without a name."""

    __slots__ = ("start", "end", "flags", "offset", "inode", "path")

    def __init__(self, start, end, flags, offset, inode, path):
        self.start = start
        self.end = end
        self.flags = flags
        self.offset = offset
        self.inode = inode
        self.path = path


def living_thread(pid):
    """A thread by whose number /proc tells of the process: /proc/PID is empty when the first one
    has ended and others live (pthread_exit in main)."""
    if read_file(f"/proc/{pid}/auxv"):
        return pid
    try:
        lwps = sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return pid
    return next((lwp for lwp in lwps if read_file(f"/proc/{lwp}/auxv")), pid)


def read_maps(pid):
    """The mappings of a process, sorted by address. Raises OSError when it is gone or may not be
    looked at."""
    mappings = []
    with open(f"/proc/{pid}/maps", "rb") as file:
        for line in file:
            # 7f3c-7f3d r-xp 00028000 fe:00 1234      /usr/lib/x86_64-linux-gnu/libc.so.6
            words = line.rstrip(b"\n").split(None, 5)
            if len(words) < 5:
                continue
            start, end = (int(word, 16) for word in words[0].split(b"-"))
            # p_flags: 4 read, 2 write, 1 execute
            flags = sum(bit for bit, sign in ((4, b"r"), (2, b"w"), (1, b"x")) if sign in words[1])
            path = words[5].replace(b"\\012", b"\n") if len(words) > 5 else b""
            mappings.append(Mapping(start, end, flags, int(words[2], 16), int(words[4]), path))
    return mappings


def mapping_of(mappings, address):
    """The mapping that an address lies in, or None."""
    low, high = 0, len(mappings)
    while low < high:
        middle = (low + high) // 2
        if mappings[middle].end <= address:
            low = middle + 1
        else:
            high = middle
    if low < len(mappings) and mappings[low].start <= address:
        return mappings[low]
    return None


def machine_of(registers):
    """The machine that a dictionary of registers is of. Raises ValueError for another one."""
    for machine in MACHINES:
        if machine.program in registers and machine.stack in registers:
            return machine
    raise ValueError("registers of an unknown machine")


def read_spans(pid, spans):
    """[(address, bytes)] from /proc/PID/mem: what cannot be read is missing."""
    ranges = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in spans:
            data = read_memory(memory.fileno(), start, end - start)
            if data:
                ranges.append((start, data))
    return ranges


def read_memory(descriptor, address, length):
    """Bytes at an address: fewer where the readable ones end."""
    try:
        return os.pread(descriptor, length, address)
    except (OSError, OverflowError, ValueError):
        return b""


def header_ranges(pid, mappings):
    """The first page of each mapped file, with its ELF header and, as a rule, its build-id; of
    [vdso], which has no file, all."""
    spans = []
    for mapping in mappings:
        if not mapping.flags & 4 or len(spans) == HEADER_LIMIT:
            continue
        if mapping.path == b"[vdso]":
            spans.append((mapping.start, min(mapping.end, mapping.start + VDSO_LIMIT)))
        # What is mapped from a device may do things when it is read.
        elif mapping.offset == 0 and mapping.inode != 0 and not mapping.path.startswith(b"/dev/"):
            spans.append((mapping.start, mapping.start + PAGE))
    return [(start, data) for start, data in read_spans(pid, spans) if data.startswith(b"\x7fELF")]


def write_core(path, pid, threads, *, ranges, siginfo=None, signal=None):
    """
    Writes a core of a live process that stands still, or stood still when the registers and ranges
    were read.

    threads: [(lwp, {register: value}, name or None)], the one that got the signal first; registers
    by gdb's names.
    ranges: [(address, bytes)] of its memory.
    siginfo: the bytes of siginfo_t. signal: its number, for NT_PRSTATUS.
    Raises OSError when the process is gone or the file cannot be written, ValueError for an unknown
    machine.
    """
    living = living_thread(pid)
    mappings = read_maps(living)
    if signal is None:
        signal = signal_of(siginfo)
    ranges = disjoint([*ranges, *header_ranges(living, mappings)])
    machine = machine_of(threads[0][1])
    notes = notes_of(machine, pid, living, threads, mappings, siginfo, signal)
    loads = loads_of(mappings, ranges)
    # 0600: memory may hold secrets.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        write_elf(file, machine, notes, loads)


def signal_of(siginfo):
    """The number of the signal that the bytes of a siginfo_t tell of; 0 without them."""
    return struct.unpack_from("<i", siginfo)[0] if siginfo and len(siginfo) >= 4 else 0


def disjoint(ranges):
    """Ranges sorted by address; of what two of them have, the first one's bytes count."""
    result = []
    end = 0
    for address, data in sorted(ranges, key=lambda entry: entry[0]):
        if address < end:
            data = data[end - address :]
            address = end
        if data:
            result.append((address, data))
            end = address + len(data)
    return result


def loads_of(mappings, ranges):
    """[(address, size in memory, p_flags, bytes)]: every mapping, cut where bytes of it begin and
    end."""
    loads = []
    at = 0
    for mapping in mappings:
        here = mapping.start
        while at < len(ranges) and ranges[at][0] + len(ranges[at][1]) <= here:
            at += 1
        index = at
        while index < len(ranges) and ranges[index][0] < mapping.end:
            address, data = ranges[index]
            start = max(address, here)
            end = min(address + len(data), mapping.end)
            if start > here:
                loads.append((here, start - here, mapping.flags, b""))
            if end > start:
                piece = data[start - address : end - address]
                loads.append((start, end - start, mapping.flags, piece))
                here = end
            index += 1
        if here < mapping.end:
            loads.append((here, mapping.end - here, mapping.flags, b""))
    return loads


def write_elf(file, machine, notes, loads):
    """Header, program headers, notes, memory. More program headers than 16 bits count are counted
    in section 0 (elf(5), PN_XNUM)."""
    is64 = machine.word == 8
    header_size, entry_size, section_size = (64, 56, 64) if is64 else (52, 32, 40)
    count = 1 + len(loads)
    many = count >= PN_XNUM
    section_at = header_size + entry_size * count
    notes_at = section_at + (section_size if many else 0)
    ident = b"\x7fELF" + bytes((2 if is64 else 1, 1, 1)) + bytes(9)
    file.write(
        struct.pack(
            "<16sHHIQQQIHHHHHH" if is64 else "<16sHHIIIIIHHHHHH",
            ident,
            4,  # ET_CORE
            machine.number,
            1,
            0,
            header_size,
            section_at if many else 0,
            0,
            header_size,
            entry_size,
            PN_XNUM if many else count,
            section_size if many else 0,
            1 if many else 0,
            0,
        )
    )
    file.write(program_header(is64, PT_NOTE, 0, notes_at, 0, len(notes), 0, 4))
    offset = notes_at + len(notes)
    for address, size, flags, data in loads:
        # Pieces need not begin at a page, so no alignment is claimed.
        file.write(program_header(is64, PT_LOAD, flags, offset, address, len(data), size, 1))
        offset += len(data)
    if many:
        form = "<IIQQQQIIQQ" if is64 else "<IIIIIIIIII"
        file.write(struct.pack(form, 0, 0, 0, 0, 0, 0, 0, count, 0, 0))
    file.write(notes)
    for _, _, _, data in loads:
        file.write(data)


def program_header(is64, kind, flags, offset, address, file_size, memory_size, alignment):
    """Elf64_Phdr or Elf32_Phdr."""
    if is64:
        return struct.pack(
            "<IIQQQQQQ", kind, flags, offset, address, 0, file_size, memory_size, alignment
        )
    return struct.pack(
        "<IIIIIIII", kind, offset, address, 0, file_size, memory_size, flags, alignment
    )


def note(owner, kind, data):
    """Elf64_Nhdr and Elf32_Nhdr are the same; name and descriptor are padded to 4 bytes."""
    name = owner + b"\0"
    return (
        struct.pack("<III", len(name), len(data), kind)
        + name
        + bytes(-len(name) % 4)
        + data
        + bytes(-len(data) % 4)
    )


def notes_of(machine, pid, living, threads, mappings, siginfo, signal):
    """All notes, in the order in which the kernel writes them; what is of a thread follows its
    NT_PRSTATUS."""
    status = read_status(pid)
    parts = []
    for index, (lwp, registers, _) in enumerate(threads):
        current = signal if index == 0 else 0
        parts.append(note(b"CORE", NT_PRSTATUS, prstatus(machine, lwp, status, registers, current)))
        if index > 0:
            continue
        parts.append(note(b"CORE", NT_PRPSINFO, prpsinfo(machine, pid, living, status)))
        if siginfo:
            parts.append(note(b"CORE", NT_SIGINFO, bytes(siginfo)))
        auxv = read_file(f"/proc/{living}/auxv")
        if auxv:
            parts.append(note(b"CORE", NT_AUXV, auxv))
        parts.append(note(b"CORE", NT_FILE, file_note(machine, mappings)))
    for lwp, _, name in threads:
        if name is not None:
            data = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
            parts.append(note(b"vgrun", VGRUN_THREAD_NAME, struct.pack("<I", lwp) + data))
    return b"".join(parts)


def read_file(path):
    """The bytes of a file in /proc; none when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def read_status(pid):
    """{ppid, uid, gid} of a process, 0 where /proc does not tell."""
    found = {"ppid": 0, "uid": 0, "gid": 0}
    for line in read_file(f"/proc/{pid}/status").split(b"\n"):
        words = line.split()
        key = words[0].rstrip(b":").decode("latin-1").lower() if len(words) > 1 else ""
        if key in found:
            found[key] = int(words[1])
    return found


def prstatus(machine, lwp, status, registers, signal):
    """elf_prstatus (linux/elfcore.h): signal, ids and registers; times are 0."""
    mask = (1 << (8 * machine.word)) - 1
    letter = "Q" if machine.word == 8 else "I"
    head = struct.pack("<iiihxx", signal, 0, 0, signal) + bytes(2 * machine.word)
    ids = struct.pack("<iiii", lwp, status["ppid"], 0, 0)
    times = bytes(8 * machine.word)
    values = [registers.get(name, 0) & mask for name in machine.registers]
    tail = bytes(machine.word)  # pr_fpvalid, and the padding behind it
    return head + ids + times + struct.pack(f"<{len(values)}{letter}", *values) + tail


def prpsinfo(machine, pid, living, status):
    """elf_prpsinfo (linux/elfcore.h): the name and the start of the command line."""
    name = read_file(f"/proc/{pid}/comm").rstrip(b"\n")[:15]
    words = read_file(f"/proc/{living}/cmdline").rstrip(b"\0").replace(b"\0", b" ")[:79]
    if machine.word == 8:
        head = struct.pack("<4BxxxxQII", 0, ord("R"), 0, 0, 0, status["uid"], status["gid"])
    else:
        uid, gid = status["uid"] & 0xFFFF, status["gid"] & 0xFFFF
        head = struct.pack("<4BIHH", 0, ord("R"), 0, 0, 0, uid, gid)
    return head + struct.pack("<iiii16s80s", pid, status["ppid"], 0, 0, name, words)


def file_note(machine, mappings):
    """NT_FILE: count, page size, (start, end, offset in pages) of each file's mapping, then their
    names (core(5))."""
    files = [mapping for mapping in mappings if mapping.inode != 0 and mapping.path]
    letter = "Q" if machine.word == 8 else "I"
    mask = (1 << (8 * machine.word)) - 1
    words = [len(files), PAGE]
    for mapping in files:
        words += [mapping.start, mapping.end, (mapping.offset // PAGE) & mask]
    return struct.pack(f"<{len(words)}{letter}", *words) + b"".join(
        mapping.path.replace(b"\0", b"") + b"\0" for mapping in files
    )
