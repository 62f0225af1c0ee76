"""Writes a stop log: JSON, one object a line, at most 8 MiB each."""

import json
import re

MAX_LINE = 8 * 1024 * 1024


class StopLog:
    """A file that grows. Each line reaches it whole, before anything else happens to the process."""

    def __init__(self, path, tool, version):
        self.file = open(path, "ab", buffering=0)
        self.stops = 0
        self.write({"type": "log", "format": "vgrun-stops", "version": 1, "tool": tool, "toolVersion": version})

    def write(self, entry):
        # Only ASCII: what a program holds need not be text.
        line = json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n"
        if len(line) > MAX_LINE:
            line = json.dumps(shrink(entry), separators=(",", ":")).encode("ascii") + b"\n"
        if len(line) <= MAX_LINE:
            self.file.write(line)
            return
        self.problem("stop-too-large", "incomplete", "one stop was too large for the log and is left out")

    def next_stop(self):
        """The number of the next stop, from 1."""
        self.stops += 1
        return self.stops

    def problem(self, code, level, message, hint=None, pid=None):
        # What gdb says may be several lines.
        message = re.sub(r"\s*\n\s*", " ", message.strip())
        entry = {"type": "problem", "code": code, "level": level, "message": message}
        if hint is not None:
            entry["hint"] = hint
        if pid is not None:
            entry["pid"] = pid
        self.write(entry)

    def end(self):
        self.write({"type": "end"})
        self.file.close()


def shrink(entry):
    """A stop without the values of variables, which are most of it."""
    threads = [
        {
            **thread,
            "frames": [
                {name: value for name, value in frame.items() if name != "variables"}
                for frame in thread.get("frames", [])
            ],
        }
        for thread in entry.get("threads", [])
    ]
    return {**entry, "threads": threads}
