"""What of its files a process has mapped, and where: addresses to files, and to the addresses of the linker."""

import os
import struct

import gdb

MAX_MODULES = 4096
MAX_PATH = 4096


class Mappings:
    """The mapped files of a process, from /proc/PID/maps (proc_pid_maps(5)), and their ELF headers, from its memory."""

    def __init__(self, pid):
        self.ranges = []
        # Without any access, as below the stack of a thread. A debugger reads zeros there, which were never written.
        self.closed = []
        self.segments = {}
        try:
            with open(f"/proc/{pid}/maps", "rb") as maps:
                text = maps.read(64 * 1024 * 1024)
        except OSError:
            return
        for line in text.splitlines():
            fields = line.split(None, 5)
            is_closed = len(fields) > 1 and fields[1].startswith(b"---")
            if not is_closed and (len(fields) < 6 or not fields[5].startswith(b"/")):
                continue
            try:
                start, _, end = fields[0].partition(b"-")
                if is_closed:
                    self.closed.append((int(start, 16), int(end, 16)))
                if len(fields) < 6 or not fields[5].startswith(b"/"):
                    continue
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

    def is_closed(self, address, size):
        """Whether a part of this memory may neither be read nor written by the process."""
        return any(start < address + size and address < end for start, end in self.closed)

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


def describe_modules(mappings):
    build_ids = {}
    for objfile in gdb.objfiles():
        # gdb names them as the loader does, the kernel by their real paths.
        try:
            if objfile.is_valid() and objfile.build_id and objfile.filename and objfile.owner is None:
                build_ids[os.path.realpath(objfile.filename)] = objfile.build_id
        except UnicodeDecodeError:
            # gdb gives no name that is no UTF-8.
            continue
    described = []
    for path, start, end in mappings.modules():
        module = {"path": path, "start": hex(start), "end": hex(end)}
        if path in build_ids:
            module["buildId"] = build_ids[path]
        described.append(module)
    return described
