"""Describes a process that stands still under gdb, field for field as src/model/stop.ts has it.

`describe_stop` is what others call. Nothing here continues, changes or kills the process. Everything read
from it is bounded in size, number and time: what is in it may be damaged, or made by somebody hostile.
"""

import os
import struct
import time

import gdb

MAX_VALUE = 4096
MAX_VARIABLES = 64
MAX_FRAMES = 250
# Of a deep stack: so many from the inside, and the rest of MAX_FRAMES from the outside.
FIRST_FRAMES = 200
# A stack that is deeper is not walked to its outer end: each frame costs gdb about a kilobyte.
MAX_WALKED = 50_000
MAX_THREADS = 1024
MAX_MODULES = 4096
# All values of one stop together, in characters: a line of the log has at most 8 MiB.
MAX_VALUES = 2 * 1024 * 1024
# Seconds of one stop. After that frames and variables are left out.
MAX_SECONDS = 20.0
MAX_PATH = 4096

# sigaction(2), si_code; the numbers of Linux.
ANY_CODES = {
    0: "SI_USER",
    0x80: "SI_KERNEL",
    -1: "SI_QUEUE",
    -2: "SI_TIMER",
    -3: "SI_MESGQ",
    -4: "SI_ASYNCIO",
    -5: "SI_SIGIO",
    -6: "SI_TKILL",
}
CODES = {
    "SIGILL": "ILL_ILLOPC ILL_ILLOPN ILL_ILLADR ILL_ILLTRP ILL_PRVOPC ILL_PRVREG ILL_COPROC ILL_BADSTK",
    "SIGFPE": "FPE_INTDIV FPE_INTOVF FPE_FLTDIV FPE_FLTOVF FPE_FLTUND FPE_FLTRES FPE_FLTINV FPE_FLTSUB",
    "SIGSEGV": "SEGV_MAPERR SEGV_ACCERR SEGV_BNDERR SEGV_PKUERR",
    "SIGBUS": "BUS_ADRALN BUS_ADRERR BUS_OBJERR BUS_MCEERR_AR BUS_MCEERR_AO",
    "SIGTRAP": "TRAP_BRKPT TRAP_TRACE TRAP_BRANCH TRAP_HWBKPT",
}


class Budget:
    """What one stop may still cost."""

    def __init__(self, seconds=MAX_SECONDS, characters=MAX_VALUES):
        self.deadline = time.monotonic() + seconds
        self.characters = characters

    def is_spent(self):
        return self.characters <= 0 or time.monotonic() > self.deadline


class Mappings:
    """The mapped files of a process, from /proc/PID/maps (proc_pid_maps(5)), and their ELF headers, from its memory."""

    def __init__(self, pid):
        self.ranges = []
        self.segments = {}
        try:
            with open(f"/proc/{pid}/maps", "rb") as maps:
                text = maps.read(64 * 1024 * 1024)
        except OSError:
            return
        for line in text.splitlines():
            fields = line.split(None, 5)
            if len(fields) < 6 or not fields[5].startswith(b"/"):
                continue
            try:
                start, _, end = fields[0].partition(b"-")
                entry = (int(start, 16), int(end, 16), int(fields[2], 16), b"x" in fields[1])
            except ValueError:
                continue
            # The kernel writes a line feed in a name as \012.
            path = os.fsdecode(fields[5].replace(b"\\012", b"\n"))[:MAX_PATH]
            self.ranges.append((*entry, path))

    def at(self, address):
        for start, end, offset, _, path in self.ranges:
            if start <= address < end:
                return start, offset, path
        return None

    def modules(self):
        """Name, start and end of each mapped file that has code."""
        found = {}
        for start, end, _, executable, path in self.ranges:
            first, last, code = found.get(path, (start, end, False))
            found[path] = (min(first, start), max(last, end), code or executable)
        return [(path, start, end) for path, (start, end, code) in found.items() if code][:MAX_MODULES]

    def link_address(self, address, inferior):
        """The address that the linker gave to what is at this one; None when the file cannot tell."""
        place = self.at(address)
        if place is None:
            return None
        start, offset, path = place
        if path not in self.segments:
            self.segments[path] = self.read_segments(path, inferior)
        position = address - start + offset
        for file_offset, virtual, size in self.segments[path]:
            if file_offset <= position < file_offset + size:
                return virtual + position - file_offset
        return None

    def read_segments(self, path, inferior):
        """PT_LOAD of elf(5). From memory: the file may have been replaced since."""
        base = next((start for start, _, offset, _, name in self.ranges if name == path and offset == 0), None)
        if base is None:
            return []
        try:
            header = bytes(inferior.read_memory(base, 64))
            if header[:4] != b"\x7fELF" or header[5] != 1:
                return []
            wide = header[4] == 2
            start = struct.unpack_from("<Q", header, 32)[0] if wide else struct.unpack_from("<I", header, 28)[0]
            size, count = struct.unpack_from("<HH", header, 54 if wide else 42)
            least = 56 if wide else 32
            if size < least or count > 512 or start > 65536:
                return []
            table = bytes(inferior.read_memory(base + start, size * count))
        except (gdb.error, gdb.MemoryError, struct.error):
            return []
        found = []
        for index in range(count):
            if wide:
                kind, _, offset, virtual, _, length = struct.unpack_from("<IIQQQQ", table, index * size)
            else:
                kind, offset, virtual, _, length = struct.unpack_from("<IIIII", table, index * size)
            if kind == 1:
                # Whole pages are mapped, also where the segment begins within one.
                slack = offset % 4096
                found.append((offset - slack, virtual - slack, length + slack + 4096))
        return found


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
        name = thread.name
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


def thread_registers(inferior):
    """Of each thread, the selected one first: its lwp, its registers by name, its name. The selected one stays so."""
    current = gdb.selected_thread()
    found = []
    number = current.num if current is not None else None
    for thread in sorted(inferior.threads(), key=lambda thread: (thread.num != number, thread.num))[:MAX_THREADS]:
        try:
            thread.switch()
            found.append((thread.ptid[1] or thread.ptid[0], read_registers(gdb.newest_frame()), thread.name))
        except (gdb.error, gdb.MemoryError):
            continue
    if current is not None and current.is_valid():
        current.switch()
    return found


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
        offset = mappings.link_address(pc, gdb.selected_inferior())
        if offset is not None:
            described["offset"] = hex(offset)
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
    except (gdb.error, gdb.MemoryError):
        pass
    if variables and not budget.is_spent():
        found = describe_variables(frame, budget)
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
    except (gdb.error, gdb.MemoryError, RuntimeError):
        pass


def symbol_offset(pc):
    """gdb tells the start of a function without debug information only in `0x1139 <main+4>`."""
    text = gdb.Value(pc).cast(gdb.lookup_type("char").pointer().pointer()).format_string(symbols=True)
    before, plus, digits = text.rpartition("+")
    if plus and digits.endswith(">") and digits[:-1].isdigit() and "<" in before:
        return int(digits[:-1])
    return 0 if text.endswith(">") else None


def describe_variables(frame, budget):
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
                described = describe_variable(frame, symbol, block, budget)
                (arguments if symbol.is_argument else local).append(described)
            if block.function is not None:
                break
            block = block.superblock
    except (gdb.error, gdb.MemoryError, RuntimeError):
        pass
    return arguments + local


def describe_variable(frame, symbol, block, budget):
    described = {"name": (symbol.print_name or symbol.name)[:256]}
    try:
        value = frame.read_var(symbol, block)
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


def describe_signal(pid):
    """StopSignal of the selected thread; None when it did not stop for a signal."""
    try:
        info = gdb.parse_and_eval("$_siginfo")
        number, code = int(info["si_signo"]), int(info["si_code"])
    except (gdb.error, gdb.MemoryError):
        return None
    if number <= 0:
        return None
    name = signal_name(number)
    described = {"number": number, "name": name, "code": code}
    code_name = code_text(name, code)
    if code_name is not None:
        described["codeName"] = code_name
    try:
        fields = info["_sifields"]
        # SI_KERNEL: the address is not told, and 0 would be taken for it.
        if name in CODES and 0 < code < 0x80:
            described["address"] = hex(int(fields["_sigfault"]["si_addr"]) & ((1 << 64) - 1))
        elif code in (0, -1, -6):
            sender = int(fields["_kill"]["si_pid"])
            described["sender"] = {
                "pid": sender,
                "uid": int(fields["_kill"]["si_uid"]) & 0xFFFFFFFF,
                **who(sender, pid),
            }
    except (gdb.error, gdb.MemoryError):
        pass
    return described


def signal_bytes():
    """siginfo_t of the selected thread as it lies in memory, without what is not told; None when there is none."""
    try:
        info = gdb.parse_and_eval("$_siginfo")
        head = [int(info[name]) for name in ("si_signo", "si_errno", "si_code")]
        rest = info["_sifields"]["_pad"]
        first, last = rest.type.range()
        words = [int(rest[index]) for index in range(first, last + 1)]
        # The fields begin at the next multiple of the size of a pointer.
        gap = [0] if gdb.lookup_type("char").pointer().sizeof == 8 else []
        return struct.pack(f"<{len(head + gap + words)}i", *head, *gap, *words)
    except (gdb.error, gdb.MemoryError, struct.error):
        return None


def signal_name(number):
    import signal as signals

    try:
        return signals.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - 34}" if 34 < number <= 64 else f"signal {number}"


def code_text(name, code):
    if code in ANY_CODES:
        return ANY_CODES[code]
    names = CODES.get(name, "").split()
    return names[code - 1] if 0 < code <= len(names) else None


def who(sender, pid):
    """What sent the signal, as far as it can still be seen."""
    if sender == pid:
        return {"who": "itself"}
    if sender == 0:
        return {"who": "the kernel"}
    try:
        with open(f"/proc/{sender}/comm", "rb") as file:
            name = os.fsdecode(file.read(64)).rstrip("\n")
            return {"who": name} if name else {}
    except OSError:
        return {}


def describe_disassembly(before=6, after=6):
    """The instruction at which the selected thread stands, with its neighbours; None where there is no code."""
    try:
        frame = gdb.newest_frame()
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


def describe_modules(mappings):
    build_ids = {}
    for objfile in gdb.objfiles():
        # gdb names them as the loader does, the kernel by their real paths.
        if objfile.is_valid() and objfile.build_id and objfile.filename and objfile.owner is None:
            build_ids[os.path.realpath(objfile.filename)] = objfile.build_id
    described = []
    for path, start, end in mappings.modules():
        module = {"path": path, "start": hex(start), "end": hex(end)}
        if path in build_ids:
            module["buildId"] = build_ids[path]
        described.append(module)
    return described
