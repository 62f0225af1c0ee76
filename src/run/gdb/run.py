"""Runs a program and its children under gdb to their ends, and writes what happened into a stop log.

What to do stands in the JSON file that $VGRUN_GDB names; src/run/gdb/launch.ts writes it. At its end gdb itself ends
as the program did. Nothing is read from where the program stands, and gdb asks nobody.
"""

import json
import os
import re
import resource
import signal
import sys
import threading
import time

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import stop as stops
from log import StopLog
from printers import load_printers
from probes import Probe
from process_group import join_group

# Those whose default action ends a process (signal(7)), by gdb's names; SIGKILL stops nobody.
FATAL = (
    "SIGHUP SIGINT SIGQUIT SIGILL SIGABRT SIGFPE SIGBUS SIGSEGV SIGSYS SIGPIPE SIGALRM SIGTERM SIGUSR1 SIGUSR2 "
    "SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGIO SIGPWR SIG34-64"
)
# They would stop it, and do not under gdb.
STOPPING = ("SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU")
# What reaches gdb together with the program, or before vgrun asks the program to end: gdb stays.
NOT_FOR_GDB = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE")


def settings(wish):
    for command in (
        "set confirm off",
        "set pagination off",
        "set width 0",
        "set height 0",
        "set history save off",
        "set auto-load off",
        "set auto-load libthread-db on",
        "set libthread-db-search-path $sdir",
        f"set debuginfod enabled {'on' if wish['debuginfod'] else 'off'}",
        "set index-cache enabled off",
        "set style enabled off",
        "set print pretty off",
        "set print thread-events off",
        "set print inferior-events off",
        "set print asm-demangle on",
        "set max-value-size 1048576",
        "set max-completions 0",
        "set breakpoint pending on",
        "set disable-randomization off",
        "set startup-with-shell on",
        "set follow-fork-mode parent",
        "set follow-exec-mode same",
        f"set detach-on-fork {'on' if wish['follow'] == 'parent' else 'off'}",
        f"set schedule-multiple {'off' if wish['follow'] == 'parent' else 'on'}",
        "handle all nostop noprint pass",
        "handle SIGINT nostop noprint pass",
        # gdb would give the program the SIGTRAP of each breakpoint.
        "handle SIGTRAP stop print nopass",
    ):
        attempt(command)
    for name in STOPPING:
        attempt(f"handle {name} stop print pass")
    for name in FATAL.split():
        first, _, last = name.partition("-")
        names = [first] if last == "" else [f"SIG{number}" for number in range(int(first[3:]), int(last) + 1)]
        for each in names:
            attempt(f"handle {each} stop print pass")


def attempt(command):
    """A setting that this gdb does not have is none that it needs."""
    try:
        gdb.execute(command, to_string=True)
    except gdb.error as error:
        print(f"{command}: {error}")


# So long nobody holds a process while it is meant to run.
STUCK_SECONDS = 10


class Session:
    def __init__(self, wish):
        self.wish = wish
        version = re.match(r"\d+(?:\.\d+)*", gdb.VERSION)
        self.log = StopLog(wish["log"], "gdb", version[0] if version else gdb.VERSION)
        self.probes = [Probe(index + 1, probe, self.log) for index, probe in enumerate(wish["probes"])]
        self.events = []
        self.stops = 0
        self.first = None
        # How the first process ended: ("code", 0) or ("signal", 11).
        self.status = None
        # By pid: what it is, see identity().
        self.known = {}
        # By pid: a signal that kills it unless something happens, the stop, and its core.
        self.pending = {}
        self.paused_by = set()
        self.waiting_since = None
        self.stopped_at = time.monotonic()
        # The SIGTRAP at which it stands is the program's own, and not that of a breakpoint.
        self.passes_trap = False
        self.is_running = False

    def run(self):
        gdb.events.stop.connect(self.stopped)
        gdb.events.exited.connect(self.exited)
        gdb.events.new_thread.connect(self.new_thread)
        gdb.events.new_objfile.connect(lambda _: self.look_for_places())
        attempt(f"file {quoted(executable(self.wish['program']))}")
        attempt("catch exec")
        for probe in self.probes:
            probe.set()
        gdb.execute(f"set exec-wrapper {wrapper(self.wish)}")
        try:
            gdb.execute("starti", to_string=True)
            self.begin()
        except gdb.error as error:
            self.not_started(error)
        threading.Thread(target=self.watch, daemon=True).start()
        while True:
            self.handle_events()
            if not self.choose_process():
                break
            self.go_on()

    def go_on(self):
        self.is_running = True
        passes_trap, self.passes_trap = self.passes_trap, False
        if passes_trap:
            attempt("handle SIGTRAP stop print pass")
        try:
            gdb.execute("continue", to_string=True)
        except gdb.error as error:
            if not self.events:
                raise
            print(f"continue: {error}")
        self.is_running = False
        if passes_trap:
            attempt("handle SIGTRAP stop print nopass")

    def begin(self):
        """At the first instruction of the program."""
        inferior = gdb.selected_inferior()
        if inferior.pid <= 0:
            return
        if not join_group(inferior):
            self.log.problem(
                "own-process-group",
                "warning",
                "the program has a process group of its own: it stops when it reads from the terminal",
            )
        self.known[inferior.pid] = identity(inferior.pid)
        self.events.clear()

    def not_started(self, error):
        """The shell or env(1) ended in the place of the program."""
        self.log.problem("program-not-started", "incomplete", f"gdb could not start the program: {error}")
        code, number = gdb.convenience_variable("_exitcode"), gdb.convenience_variable("_exitsignal")
        if self.status is None and number is not None:
            self.status = ("signal", int(number))
        elif self.status is None and code is not None:
            self.status = ("code", int(code) & 0xFF)

    def stopped(self, event):
        if not self.events:
            self.stopped_at = time.monotonic()
        self.events.append(event)

    # ---- processes

    def new_thread(self, event):
        """Of each process the first thread tells that it is there."""
        inferior = event.inferior if hasattr(event, "inferior") else None
        for each in [inferior] if inferior is not None else gdb.inferiors():
            if each.pid > 0 and each.pid not in self.known:
                self.meet(each, "fork")

    def meet(self, inferior, how):
        pid = inferior.pid
        if self.first is None:
            # It still is the shell in front of the program.
            self.first = pid
            self.known[pid] = None
            self.note({"pid": pid, "argv": self.wish["argv"], "program": self.wish["program"], "how": "start"})
            return
        self.known[pid] = identity(pid)
        self.note_of(pid, how)

    def note_of(self, pid, how):
        entry = {"pid": pid}
        parent = parent_of(pid)
        if parent is not None and pid != self.first:
            entry["ppid"] = parent
        program = link(f"/proc/{pid}/exe")
        self.note({**entry, "argv": arguments(pid), **({"program": program} if program else {}), "how": how})

    def note(self, entry):
        self.log.write({"type": "process", **entry})

    def look_for_exec(self, pid):
        now = identity(pid)
        before = self.known[pid]
        if now is None or now == before:
            return
        self.known[pid] = now
        self.pending.pop(pid, None)
        self.note_of(pid, "exec")

    def exited(self, event):
        pid = event.inferior.pid
        if pid <= 0:
            return
        if hasattr(event, "exit_code"):
            end = ("code", int(event.exit_code) & 0xFF)
        else:
            number = gdb.convenience_variable("_exitsignal")
            gdb.set_convenience_variable("_exitsignal", None)
            if number is None:
                # Let go or killed by gdb, which is said where it is done.
                return
            end = ("signal", int(number))
        if pid not in self.known:
            # So short that gdb told of nothing before.
            self.meet(event.inferior, "fork")
        self.ended(pid, end)

    def ended(self, pid, end):
        provisional = self.pending.pop(pid, None)
        if provisional is not None:
            self.settle(provisional, died=end == ("signal", provisional["stop"]["signal"]["number"]))
        entry = {"type": "exit", "pid": pid}
        if end[0] == "code":
            entry["code"] = end[1]
        else:
            entry.update({"signal": end[1], "name": stops.signal_name(end[1])})
        self.log.write(entry)
        self.known.pop(pid, None)
        if pid == self.first:
            self.status = end

    def choose_process(self):
        """Selects a process that can go on; False when there is none that is to be waited for."""
        live = [inferior for inferior in gdb.inferiors() if inferior.pid > 0]
        if not live:
            return False
        if self.status is not None:
            now = time.monotonic()
            if self.waiting_since is None:
                self.waiting_since = now
                timer = threading.Timer(self.wish["wait"] / 1000, self.interrupt)
                timer.daemon = True
                timer.start()
            if now - self.waiting_since >= self.wish["wait"] / 1000:
                self.let_go(live)
                return False
        selected = gdb.selected_inferior()
        if selected.pid <= 0 or gdb.selected_thread() is None:
            # Not by the command `inferior`, which reads registers: it may have been killed meanwhile.
            threads = [thread for inferior in live for thread in inferior.threads()]
            if not threads:
                return False
            threads[0].switch()
        return True

    def watch(self):
        """Ends processes that gdb holds and has forgotten: it can lose a thread that calls vfork(2) among others."""
        looks, always = 0, set()
        while True:
            time.sleep(STUCK_SECONDS / 10)
            pids = list(self.known)
            held = {thread for pid in pids for thread in held_threads(pid)} if self.is_running else set()
            always = held if looks == 0 else always & held
            looks = looks + 1 if always else 0
            if looks < 10:
                continue
            looks = 0
            self.log.problem(
                "gdb-stuck",
                "incomplete",
                "gdb stopped the processes and did not go on with them: they were killed",
                "run it with --follow=parent, which leaves the children alone",
            )
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def interrupt(self):
        gdb.post_event(lambda: attempt("interrupt"))

    def let_go(self, live):
        for inferior in live:
            pid = inferior.pid
            self.pending.pop(pid, None)
            attempt(f"detach inferiors {inferior.num}")
            self.log.write({"type": "exit", "pid": pid, "detached": True})
            self.known.pop(pid, None)
        self.log.problem(
            "process-outlives",
            "incomplete",
            f"{len(live)} of the processes outlived the first one: they go on without gdb, and what becomes of them is not seen",
            "wait for them with --wait=TIME",
        )

    # ---- stops

    def handle_events(self):
        events, self.events[:] = list(self.events), []
        for event in events:
            inferior = gdb.selected_inferior()
            if inferior.pid <= 0:
                continue
            if inferior.pid not in self.known:
                self.meet(inferior, "fork")
            self.look_for_exec(inferior.pid)
            if isinstance(event, gdb.SignalEvent):
                self.signalled(event.stop_signal, inferior)
            elif isinstance(event, gdb.BreakpointEvent):
                self.hit(event, inferior)
            elif is_own_trap():
                # gdb has no SignalEvent for it.
                self.passes_trap = True
                self.signalled("SIGTRAP", inferior)

    def signalled(self, name, inferior):
        pid = inferior.pid
        # Another one came, so the process lives.
        previous = self.pending.pop(pid, None)
        if previous is not None:
            self.settle(previous, died=False)
        # SIG0: gdb was asked to look up, for the end of the waiting.
        if name in STOPPING and not self.is_handled(pid):
            self.note_pause(name, pid)
            return
        if name in ("0", "SIG0") or self.is_handled(pid) or self.is_left_out(pid):
            return
        load_printers()
        described = stops.describe_stop(0, "signal", ms=self.ms(), signal=True)
        if "signal" not in described:
            return
        self.pending[pid] = {"stop": described, "core": self.write_core(inferior)}
        described["pausedMs"] = self.paused()

    def note_pause(self, name, pid):
        """A process that gdb holds does not stop for it: that it went on is the one difference, and said once."""
        if (name, pid) in self.paused_by:
            return
        self.paused_by.add((name, pid))
        self.log.problem(
            "went-on",
            "warning",
            f"process {pid} got {name}, which would stop it until somebody sends SIGCONT: under gdb it went on",
        )

    def is_left_out(self, pid):
        return self.wish["follow"] == "child" and pid == self.first

    def is_handled(self, pid):
        """Whether the process has a handler for the signal at which it stands (proc_pid_status(5), SigCgt)."""
        try:
            number = int(gdb.parse_and_eval("$_siginfo.si_signo"))
            with open(f"/proc/{pid}/status", encoding="latin-1") as status:
                caught = int(re.search(r"^SigCgt:\s*([0-9a-f]+)", status.read(65536), re.MULTILINE)[1], 16)
            return caught >> (number - 1) & 1 == 1
        except (gdb.error, OSError, TypeError, ValueError):
            return False

    def settle(self, provisional, died):
        core = provisional["core"]
        if not died:
            if core is not None:
                remove(core)
            return
        self.stops += 1
        described = provisional["stop"]
        described["number"] = self.stops
        if core is not None:
            name = f"gdb-{self.stops}.core"
            os.replace(core, os.path.join(self.wish["directory"], name))
            described["core"] = name
        self.log.write({"type": "stop", **described})

    def write_core(self, inferior):
        """A small core file of this moment; None when there is nothing that writes one."""
        path = os.path.join(self.wish["directory"], f"gdb-pid-{inferior.pid}.core.new")
        try:
            import minicore
        except ImportError:
            return None
        try:
            threads = stops.thread_registers(inferior)
            minicore.write_core(path, inferior.pid, threads, siginfo=stops.signal_bytes())
            return path
        except Exception as error:
            print(f"core of {inferior.pid}: {error}")
            remove(path)
            return None

    # ---- probes

    def look_for_places(self):
        for probe in self.probes:
            probe.look()

    def hit(self, event, inferior):
        if self.is_left_out(inferior.pid):
            return
        load_printers()
        for probe in self.probes:
            if not probe.is_set() or not any(each == probe.breakpoint for each in event.breakpoints):
                continue
            described = probe.hit(inferior.pid == self.first)
            if described is None:
                continue
            self.stops += 1
            entry = stops.describe_stop(
                self.stops,
                "probe",
                ms=self.ms(),
                threads="current",
                backtrace=probe.wish["backtrace"],
                variables=probe.wish["backtrace"],
                registers=False,
                disassembly=False,
                modules=False,
                probe=described,
            )
            entry["pausedMs"] = self.paused()
            self.log.write({"type": "stop", **entry})
            if probe.is_spent():
                self.log.problem(
                    "probe-limit",
                    "warning",
                    f"--break '{probe.wish['text']}' was hit {probe.hits} times and then taken away: later hits are not seen",
                    "see more of them with --max-hits=N, or fewer with a condition",
                )
                probe.remove()

    def ms(self):
        return time.time() * 1000 - self.wish["startedAt"]

    def paused(self):
        return round((time.monotonic() - self.stopped_at) * 1000, 1)

    def finish(self):
        for provisional in self.pending.values():
            self.settle(provisional, died=False)
        for probe in self.probes:
            probe.finish()
        self.log.end()


def held_threads(pid):
    """The threads of a process that stand still for their debugger (proc_pid_stat(5), state t)."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
                if file.read(4096).rpartition(b")")[2].split()[0] == b"t":
                    found.append(thread)
    except (OSError, IndexError):
        return []
    return found


def is_own_trap():
    """Whether the program brought the SIGTRAP itself: by kill(2) and the like, or by a breakpoint instruction."""
    try:
        info = gdb.parse_and_eval("$_siginfo")
        return int(info["si_signo"]) == signal.SIGTRAP and int(info["si_code"]) in (0, -1, -6, 0x80)
    except (gdb.error, gdb.MemoryError):
        return False


def wrapper(wish):
    """What the shell runs in place of the program that gdb names, which is behind the `#`.

    env(1) makes the environment anew: the shell may have taken variables away that have no name in its eyes. The
    words are in variables of the shell, where any byte can stand.
    """
    words = " ".join(f'"$V{index}"' for index in range(wish["words"]))
    given, out, error = wish["standard"]
    return f"/usr/bin/env -i -- {words} <&{given} >&{out} 2>&{error} {given}<&- {out}>&- {error}>&- #"


def executable(path):
    """What the kernel loads for a program: of a script its interpreter (execve(2))."""
    for _ in range(4):
        try:
            with open(path, "rb") as file:
                head = file.read(256)
        except OSError:
            return path
        if head[:2] != b"#!":
            return path
        words = head[2:].split(b"\n", 1)[0].split()
        if not words:
            return path
        path = os.fsdecode(words[0])
    return path


def quoted(path):
    """A file name for gdb's command line (gdb_buildargv): a backslash takes the meaning from any character."""
    return re.sub(r"([^\w./+-])", r"\\\1", path)


def identity(pid):
    """The file that a process executes, and where its stack begins: each exec makes another one (proc_pid_stat(5))."""
    program = link(f"/proc/{pid}/exe")
    if program is None:
        return None
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return program, file.read(4096).rpartition(b")")[2].split()[25]
    except (OSError, IndexError):
        return None


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None


def remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def arguments(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(1024 * 1024)
    except OSError:
        return []
    return [os.fsdecode(word) for word in words.split(b"\0")[:-1]][:4096]


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read(4096).rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def end_as(status):
    """Ends gdb itself as the first process ended, without anything that gdb would do or say at its end."""
    sys.stdout.flush()
    if status is None:
        os._exit(125)
    kind, number = status
    if kind == "code":
        os._exit(number)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    # It was one that does not end a process after all.
    os._exit(128 + number)


def main():
    with open(os.environ["VGRUN_GDB"], encoding="utf-8") as file:
        wish = json.load(file)
    for name in NOT_FOR_GDB:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    settings(wish)
    session = Session(wish)
    try:
        session.run()
    except Exception as error:
        session.log.problem("gdb-failed", "incomplete", f"gdb ended early: {error}")
        import traceback

        traceback.print_exc()
        attempt("kill inferiors " + " ".join(str(each.num) for each in gdb.inferiors() if each.pid > 0))
    session.finish()
    end_as(session.status)


main()
