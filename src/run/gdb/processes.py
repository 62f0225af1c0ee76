"""The processes of a run: which there are, what they execute, and how they ended. Writes that into the stop log."""

from proc import arguments, identity, link, parent_of
from siginfo import signal_name


class Processes:
    def __init__(self, wish, log):
        self.wish = wish
        self.log = log
        self.first = None
        # How the first process ended: ("code", 0) or ("signal", 11).
        self.status = None
        # By pid: what it is, see identity().
        self.known = {}
        # How often gdb told something of one.
        self.told = 0

    def meet(self, pid, how):
        if pid in self.known:
            return
        if self.first is None:
            # It still is the shell in front of the program.
            self.first = pid
            self.known[pid] = None
            self.note({"pid": pid, "argv": self.wish["argv"], "program": self.wish["program"], "how": "start"})
            return
        self.known[pid] = identity(pid)
        self.note_of(pid, how)

    def is_left_out(self, pid):
        """Whether nobody wants to know what happens to it."""
        return self.wish["follow"] == "child" and pid == self.first

    def note_of(self, pid, how):
        entry = {"pid": pid}
        parent = parent_of(pid)
        if parent is not None and pid != self.first:
            entry["ppid"] = parent
        program = link(f"/proc/{pid}/exe")
        self.note({**entry, "argv": arguments(pid), **({"program": program} if program else {}), "how": how})

    def note(self, entry):
        self.told += 1
        self.log.write({"type": "process", **entry})

    def begin(self, pid):
        """The shell in front of the program became the program."""
        self.known[pid] = identity(pid)

    def look_for_exec(self, pid):
        """Whether it executes another program than before."""
        now = identity(pid)
        if now is None or now == self.known[pid]:
            return False
        self.known[pid] = now
        self.note_of(pid, "exec")
        return True

    def ended(self, pid, end):
        entry = {"type": "exit", "pid": pid}
        if end[0] == "code":
            entry["code"] = end[1]
        else:
            entry.update({"signal": end[1], "name": signal_name(end[1])})
        self.log.write(entry)
        self.told += 1
        self.known.pop(pid, None)
        if pid == self.first:
            self.status = end

    def ended_unseen(self, pid):
        self.log.problem(
            "end-not-seen",
            "incomplete",
            f"how process {pid} ended is not known: it was killed while gdb stopped other processes",
            pid=pid,
        )
        self.known.pop(pid, None)
        if pid == self.first:
            self.status = ("code", 125)

    def let_go(self, pid):
        self.log.write({"type": "exit", "pid": pid, "detached": True})
        self.known.pop(pid, None)
