"""Runs a program and its children under gdb to their ends, and writes what happened into a stop log.

What to do stands in the JSON file that $VGRUN_GDB names; src/run/gdb/launch.ts writes it. At its end gdb itself ends
as the program did. Nothing is read from where the program stands, and gdb asks nobody.
"""

import json
import os
import re
import signal
import sys
import time

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from background import in_gdb
from calls import Calls
from crashes import Crashes
from inferiors import vfork_is_underway, wait_for_vforks
from log import StopLog
from passing import Passing
from printers import load_printers
from proc import end_of, thread_states
from probes import Probe
from process_group import join_group
from processes import Processes
from program import end_as, executable, quoted, speakable, wrapper
from settings import attempt, catch, leave_thread_library, settings
from siginfo import is_own_trap
from stop import describe_stop
from times import Times
from watchdog import Watchdog

# What reaches gdb together with the program, or before vgrun asks the program to end: gdb stays.
NOT_FOR_GDB = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE")
# So long what is killed may need for it.
SECONDS_TO_DIE = 1
# So long the last hits of a breakpoint that is gone may take to be heard.
QUIET_SECONDS = 0.2


class Session:
    def __init__(self, wish):
        self.wish = wish
        version = re.match(r"\d+(?:\.\d+)*", gdb.VERSION)
        self.log = StopLog(wish["log"], "gdb", version[0] if version else gdb.VERSION)
        self.times = Times(wish["startedAt"])
        self.calls = Calls()
        self.passing = Passing()
        self.processes = Processes(wish, self.log)
        self.probes = [
            Probe(index + 1, probe, self.log, self.calls, self.passing, self.processes, self.hit_in_passing)
            for index, probe in enumerate(wish["probes"])
        ]
        self.crashes = Crashes(wish, self.log, self.times, self.processes, self.passing)
        self.watchdog = Watchdog(self.processes, self.log, self.give_up)
        self.events = []
        self.waiting_since = None
        # The SIGTRAP at which it stands is the program's own, and not that of a breakpoint.
        self.passes_trap = False
        # The thread that stands at a probe, and where: it is to go past it alone.
        self.at_probe = None

    def run(self):
        gdb.events.stop.connect(self.stopped)
        gdb.events.exited.connect(self.exited)
        gdb.events.new_thread.connect(self.new_thread)
        gdb.events.new_objfile.connect(lambda _: self.look_for_places())
        attempt(f"file {quoted(speakable(executable(self.wish['program'])))}")
        try:
            catch("exec", "stops_for_exec", self.executed)
        except gdb.error as error:
            print(f"catch exec: {error}")
        self.crashes.start()
        for probe in self.probes:
            probe.set()
        gdb.execute(f"set exec-wrapper {wrapper(self.wish)}")
        try:
            gdb.execute("starti", to_string=True)
            self.begin()
            for probe in self.probes:
                probe.enable()
        except gdb.error as error:
            self.not_started(error)
        self.watchdog.start()
        while True:
            try:
                self.handle_events()
                if not self.choose_process():
                    break
                self.go_on()
            except gdb.error:
                if not self.bury() and not self.refuse_places():
                    raise

    def go_on(self):
        self.watchdog.is_running = True
        try:
            at_probe, self.at_probe = self.at_probe, None
            if at_probe is None or not self.passing.step(*at_probe):
                self.let_run()
        finally:
            self.watchdog.is_running = False

    def let_run(self):
        passes_trap, self.passes_trap = self.passes_trap, False
        if passes_trap:
            attempt("handle SIGTRAP stop print pass")
        try:
            gdb.execute("continue", to_string=True)
        except gdb.error as error:
            if not self.events:
                raise
            print(f"continue: {error}")
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
        self.processes.begin(inferior.pid)
        self.events.clear()

    def not_started(self, error):
        """The shell or env(1) ended in the place of the program."""
        self.log.problem("program-not-started", "incomplete", f"gdb could not start the program: {error}")
        code, number = gdb.convenience_variable("_exitcode"), gdb.convenience_variable("_exitsignal")
        if self.processes.status is None and number is not None:
            self.processes.status = ("signal", int(number))
        elif self.processes.status is None and code is not None:
            self.processes.status = ("code", int(code) & 0xFF)

    # ---- what gdb tells

    def stopped(self, event):
        if self.calls.is_running:
            # The process stands where it stood.
            return
        if not self.events:
            self.times.stopped()
        self.events.append(event)

    def new_thread(self, event):
        """Of each process the first thread tells that it is there."""
        inferior = event.inferior if hasattr(event, "inferior") else None
        for each in [inferior] if inferior is not None else gdb.inferiors():
            if each.pid > 0:
                self.processes.meet(each.pid, "fork")
                if each.pid != self.processes.first:
                    leave_thread_library()

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
        self.ended(pid, end)

    def ended(self, pid, end):
        # It may be so short that gdb told of nothing before.
        self.processes.meet(pid, "fork")
        self.crashes.ended(pid, end)
        self.processes.ended(pid, end)
        # gdb stops all threads when a process has ended.
        wait_for_vforks()

    def bury(self):
        """Whether something had killed a process that stood still: gdb 13 cannot go on then, and is made to forget it."""
        found = False
        until = time.monotonic() + SECONDS_TO_DIE
        for inferior in [each for each in gdb.inferiors() if each.pid > 0]:
            pid = inferior.pid
            end = end_of(pid, until - time.monotonic())
            if end is None and thread_states(pid):
                continue
            # There is nothing left to kill.
            attempt(f"kill inferiors {inferior.num}")
            if inferior.pid > 0:
                continue
            found = True
            # gdb may have waited for it already while it stopped others, and does not say how it ended then.
            end = end or self.crashes.deadly(pid)
            if end is not None:
                self.ended(pid, end)
                continue
            self.crashes.settle(pid, died=False)
            self.processes.ended_unseen(pid)
        return found

    def refuse_places(self):
        """Whether there is a place at which gdb cannot set its breakpoint, which is no probe any more then."""
        return any([probe.refuse_unreadable() for probe in self.probes])

    def executed(self):
        """Whether all threads are to be stopped where the selected process executes something else.

        gdb 13 does not go on with the other threads of a caller of vfork(2) before they were all stopped once more.
        """
        self.look_at(gdb.selected_inferior().pid)
        return not vfork_is_underway()

    def look_at(self, pid):
        self.processes.meet(pid, "fork")
        if self.processes.look_for_exec(pid):
            self.crashes.executed(pid)

    def look_for_places(self):
        for probe in self.probes:
            probe.look()

    # ---- on to the next event

    def choose_process(self):
        """Selects a process that can go on; False when there is none that is to be waited for."""
        live = [inferior for inferior in gdb.inferiors() if inferior.pid > 0]
        if not live:
            return False
        if self.processes.status is not None:
            now = time.monotonic()
            if self.waiting_since is None:
                self.waiting_since = now
                self.end_waiting_in(self.wish["wait"] / 1000)
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

    def end_waiting_in(self, seconds):
        """Lets go of what still runs then. Nothing is stopped for it: gdb's `interrupt` sends SIGINT to the program."""

        def end():
            if self.calls.is_running or self.passing.is_underway:
                # The function would go on in the program, with the end of the call missing.
                self.end_waiting_in(0.1)
                return
            # gdb sends SIGCONT to a thread of which it has something else to hear when it lets it go.
            for probe in self.probes:
                probe.remove()
            in_gdb(QUIET_SECONDS, let_go)

        def let_go():
            self.let_go([inferior for inferior in gdb.inferiors() if inferior.pid > 0])
            self.finish()
            # gdb would go on waiting for the processes that it no longer has.
            end_as(self.processes.status)

        in_gdb(seconds, end)

    def let_go(self, live):
        # Children first: one that waits in vfork(2) cannot be let go before its child is.
        for inferior in sorted(live, key=lambda each: each.num, reverse=True):
            pid = inferior.pid
            self.crashes.settle(pid, died=False)
            attempt(f"detach inferiors {inferior.num}")
            self.processes.let_go(pid)
        self.log.problem(
            "process-outlives",
            "incomplete",
            f"{len(live)} of the processes outlived the first one: they go on without gdb, and what becomes of them is not seen",
            "wait for them with --wait=TIME",
        )

    def handle_events(self):
        events, self.events[:] = list(self.events), []
        for event in events:
            inferior = gdb.selected_inferior()
            pid = inferior.pid
            if pid <= 0:
                continue
            self.look_at(pid)
            if isinstance(event, gdb.SignalEvent):
                self.crashes.signalled(event.stop_signal, inferior)
            elif isinstance(event, gdb.BreakpointEvent):
                self.hit(event, inferior)
            elif is_own_trap():
                # gdb has no SignalEvent for it.
                self.passes_trap = True
                self.crashes.signalled("SIGTRAP", inferior)

    def hit(self, event, inferior):
        if any(probe.is_at(event.breakpoints) for probe in self.probes):
            self.at_probe = (gdb.selected_thread(), gdb.newest_frame().pc())
        for probe in self.probes:
            if probe.is_at(event.breakpoints) and probe.take_hit():
                self.tell_hit(probe)
            if inferior.pid <= 0:
                return

    def hit_in_passing(self, probe):
        """A hit for which the other threads are not stopped."""
        self.times.stopped()
        self.tell_hit(probe)

    def tell_hit(self, probe):
        """Writes down what the selected thread is at a hit."""
        load_printers()
        # Before an expression is evaluated: a function that it calls may end the process.
        entry = describe_stop(
            self.log.next_stop(),
            "probe",
            ms=self.times.ms(),
            threads="current",
            backtrace=probe.wish["backtrace"],
            variables=probe.wish["backtrace"],
            registers=False,
            disassembly=False,
            modules=False,
        )
        entry["probe"] = probe.describe()
        entry["pausedMs"] = self.times.paused()
        self.log.write({"type": "stop", **entry})
        probe.retire_if_spent()

    def give_up(self):
        """From the watchdog's thread: gdb will not come back from what it does."""
        self.log.end()
        os._exit(125)

    def finish(self):
        self.crashes.finish()
        for probe in self.probes:
            probe.finish()
        self.log.end()


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
    end_as(session.processes.status)


main()
