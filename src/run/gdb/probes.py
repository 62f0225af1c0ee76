"""Probes: breakpoints of the user's at which values are written down, and the program goes on."""

import re

import gdb

from calls import CallFailed, CallNeeded
from inferiors import vfork_is_underway
from passing import calls_kernel
from proc import thread_name
from values import MAX_VALUE, shorten, value_text

# `f(x)`, `(*f)(x)`, and not `$_streq(a, b)`, which is a function of gdb's.
CALL = re.compile(r"(?<![\w$])[A-Za-z_]\w*\s*\(|\)\s*\(")
# `$count++ > 5`: each time that it is evaluated it says something else.
CHANGE = re.compile(r"\+\+|--")


class Place(gdb.Breakpoint):
    """A breakpoint that takes a method `stop` later: gdb takes no condition of one that has it."""


class Probe:
    """One `--break`. Its fields are those of src/tools/gdb/probes.ts.

    `tell`: writes a hit down, with the thread selected that stands at it.
    """

    def __init__(self, number, wish, log, calls, passing, processes, tell):
        self.number = number
        self.wish = wish
        self.log = log
        self.calls = calls
        self.passing = passing
        self.processes = processes
        self.tell = tell
        self.hits = 0
        # By expression: what gdb says, as long as it could not be evaluated at any hit.
        self.failing = {}
        # By option and expression: at which hit it first did something else than what was asked, and what; how often.
        self.failed = {}
        self.found = False
        # Why there are no hits is told already.
        self.is_refused = False
        self.told_condition = False
        self.told_repeats = False
        # The condition calls a function of the program, for which all threads must stand still.
        self.calls_function = CALL.search(wish.get("condition") or "") is not None
        # The condition is evaluated when all threads stand still, once for each time that one comes here.
        self.is_asked_later = self.calls_function or CHANGE.search(wish.get("condition") or "") is not None
        # All threads are stopped because of a hit, or of what may be one.
        self.has_stopped = False
        self.breakpoint = None

    def set(self):
        """Sets the breakpoint; one in a library that is not loaded yet waits for it."""
        try:
            self.breakpoint = Place(self.wish["place"])
        except (gdb.error, RuntimeError) as error:
            self.log.problem(
                "probe-not-set",
                "incomplete",
                f"--break '{self.wish['text']}': {error}",
                "see the places that gdb knows: FILE:LINE, FUNCTION, *ADDRESS",
            )
            self.is_refused = True
            return
        self.breakpoint.silent = True
        # Before the program is loaded no address can be read.
        self.breakpoint.enabled = False
        self.look()
        condition = self.wish.get("condition")
        try:
            if condition is not None and not self.breakpoint.pending:
                # Only to hear what is wrong with it; of a place that is not known yet gdb would not say.
                self.breakpoint.condition = condition
                self.breakpoint.condition = None
        except (gdb.error, RuntimeError) as error:
            self.refuse(error)
            return
        self.breakpoint.stop = self.decide

    def enable(self):
        if self.is_set():
            self.breakpoint.enabled = True

    def refuse_unreadable(self):
        """Whether no breakpoint can be set at its place: gdb 13 says that when it goes on, and does not go on then."""
        if not self.is_set():
            return False
        for address in addresses_of(self.breakpoint):
            try:
                gdb.selected_inferior().read_memory(address, 1)
            except gdb.error as error:
                self.log.problem(
                    "probe-not-set",
                    "incomplete",
                    f"--break '{self.wish['text']}': no breakpoint can be set there: {error}",
                    "FUNCTION or FILE:LINE is found wherever the program was loaded; an *ADDRESS is not",
                )
                self.is_refused = True
                self.remove()
                return True
        return False

    def refuse(self, error):
        self.log.problem(
            "probe-condition",
            "incomplete",
            f"--break '{self.wish['text']}': the condition cannot be evaluated: {error}",
            "only names that are visible at the place can be used",
        )
        self.is_refused = True
        self.remove()

    def look(self):
        """Remembers that the place was found: a library may be unloaded before the end."""
        if self.is_set() and not self.breakpoint.pending:
            self.found = True

    def is_set(self):
        return self.breakpoint is not None and self.breakpoint.is_valid()

    def is_at(self, breakpoints):
        return self.is_set() and any(each == self.breakpoint for each in breakpoints)

    def remove(self):
        if self.is_set():
            self.breakpoint.delete()
        self.breakpoint = None

    def decide(self):
        """Whether all threads are to be stopped here: gdb's question at its breakpoint, while the others still run.

        gdb 13 would wait without end for one that waits in vfork(2): a hit is written down at once then.
        """
        self.has_stopped = False
        try:
            is_repeat = self.passing.is_repeat()
            was_interrupted = not is_repeat and self.passing.was_interrupted()
            stops_anyway = (is_repeat or was_interrupted) and not vfork_is_underway()
            if was_interrupted and calls_kernel(gdb.newest_frame().pc()):
                self.tell_repeats()
            if is_repeat or self.is_spent() or self.processes.is_left_out(gdb.selected_inferior().pid):
                return stops_anyway
            self.found = True
            gdb.newest_frame().select()
            if vfork_is_underway():
                if self.is_hit():
                    self.hits += 1
                    self.tell(self)
                return False
            self.has_stopped = self.is_asked_later or self.is_hit()
            # To evaluate it may have shown that it calls a function.
            self.has_stopped = self.has_stopped or self.is_asked_later
            return self.has_stopped or stops_anyway
        except Exception as error:  # Who stops too often loses time only.
            print(f"probe {self.number}: {error}")
            self.is_asked_later = True
            self.has_stopped = not vfork_is_underway()
        return self.has_stopped

    def tell_repeats(self):
        if not self.told_repeats:
            self.told_repeats = True
            self.log.problem(
                "probe-repeated",
                "incomplete",
                f"--break '{self.wish['text']}': a signal arrived at this call of the kernel: one execution of it may be "
                "several hits, each with its --set",
                "put the probe at an instruction before it or behind it",
            )

    def take_hit(self):
        """Whether the stop of all threads is a hit of this one; that of another at the same place is none."""
        has_stopped, self.has_stopped = self.has_stopped, False
        if not has_stopped or (self.is_asked_later and not self.is_hit()):
            return False
        # Not before: gdb asks its breakpoints at moments, too, at which it does not stop whatever they say.
        self.hits += 1
        return True

    def is_hit(self):
        """Whether the selected thread stands at a hit."""
        if not self.condition_holds():
            return False
        if self.wish.get("child") and gdb.selected_inferior().pid == self.processes.first:
            return False
        wanted = self.wish.get("thread")
        thread = gdb.selected_thread()
        if wanted is not None and wanted not in (thread_name(thread), str(thread.num)):
            return False
        return True

    def describe(self):
        """Evaluates in the innermost frame what is to be written down of a hit, and changes what is to be changed."""
        described = {"probe": self.number, "place": self.wish["text"], "hit": self.hits}
        described["values"] = [
            self.evaluated("--print", {"expression": each}, lambda each=each: text_of(each))
            for each in self.wish["prints"]
        ]
        if self.wish["sets"]:
            described["changes"] = [
                self.evaluated(
                    "--set",
                    {"expression": each["variable"], "value": each["value"]},
                    lambda each=each: assign(each),
                )
                for each in self.wish["sets"]
            ]
        return described

    def evaluated(self, option, described, evaluate):
        """`described` with the value, or with why there is none."""
        expression = described["expression"]
        asked = expression if option == "--print" else f"{expression}={described['value']}"
        if gdb.selected_inferior().pid <= 0:
            # The expression that ended it is told.
            return {**described, "error": "the process had ended"}
        try:
            # Describing the stop may have left another frame selected.
            gdb.newest_frame().select()
            described["value"] = self.calls.run(evaluate)
            self.failing[asked] = None
            return described
        except Exception as error:  # Pretty printers over damaged memory may raise anything.
            reason = described["error"] = shorten(str(error), 512)
            if option == "--set" or isinstance(error, CallFailed):
                first_hit, first_reason, times = self.failed.get((option, asked), (self.hits, reason, 0))
                self.failed[option, asked] = (first_hit, first_reason, times + 1)
            elif self.failing.get(asked, "") is not None:
                self.failing[asked] = reason
        return described

    def condition_holds(self):
        condition = self.wish.get("condition")
        if condition is None:
            return True
        evaluate = self.calls.run if self.calls_function else self.calls.run_without
        try:
            return evaluate(lambda: bool(gdb.parse_and_eval(condition)))
        except CallNeeded as error:
            reason = str(error)
            if not vfork_is_underway():
                # An operator of C++.
                self.calls_function = self.is_asked_later = True
                return False
        except (gdb.error, gdb.MemoryError, CallFailed) as error:
            reason = str(error)
        if not self.told_condition:
            self.told_condition = True
            self.log.problem(
                "probe-condition",
                "incomplete",
                f"--break '{self.wish['text']}': at a hit its condition could not be evaluated: {reason}",
                "such hits are not counted; only names that are visible at the place can be used",
            )
        return False

    def is_spent(self):
        return self.hits >= self.wish["maxHits"]

    def retire_if_spent(self):
        if not self.is_spent():
            return
        self.log.problem(
            "probe-limit",
            "warning",
            f"--break '{self.wish['text']}' was hit {times_of(self.hits)} and then taken away: later hits are not seen",
            "see more of them with --max-hits=N, or fewer with a condition",
        )
        # Not while gdb asks its breakpoints.
        gdb.post_event(self.remove)

    def finish(self):
        """Says at the end what a user would take for an answer."""
        for (option, asked), (first_hit, reason, times) in self.failed.items():
            more = "" if times == 1 else f", and failed at {times} hits in all"
            self.log.problem(
                "probe-value",
                "incomplete",
                f"{option} '{asked}' failed at hit {first_hit} of --break '{self.wish['text']}'{more}: {reason}",
                hint_for(option, reason),
            )
        for asked, error in self.failing.items():
            if error is not None:
                self.log.problem(
                    "probe-value",
                    "incomplete",
                    f"--print '{asked}' could not be evaluated at any hit of --break '{self.wish['text']}': {error}",
                    "only names that are visible at the place can be used; optimization takes variables away (build with -Og)",
                )
        if self.is_refused or self.told_condition:
            return
        if self.found:
            if self.hits == 0:
                self.log.problem("probe-not-hit", "warning", f"--break '{self.wish['text']}' was never hit{self.filters()}")
            return
        self.log.problem(
            "probe-place",
            "incomplete",
            f"--break '{self.wish['text']}': there was no such place in the program or a library that it loaded",
            "a file and line need debug information (-g); a function needs at least a symbol table",
        )

    def filters(self):
        """` with --thread=worker`: what else a hit needs."""
        thread = self.wish.get("thread")
        asked = [
            *(["a true condition"] if self.wish.get("condition") is not None else []),
            *([f"--thread={thread}"] if thread is not None else []),
            *(["--child"] if self.wish.get("child") else []),
        ]
        return f" with {' and '.join(asked)}" if asked else ": the place was not reached"


def addresses_of(breakpoint):
    described = gdb.execute(f"info breakpoints {breakpoint.number}", to_string=True)
    return [int(address, 16) for address in re.findall(r"\sy\s+(0x[0-9a-f]+)", described)]


def times_of(number):
    return "once" if number == 1 else f"{number} times"


def hint_for(option, reason):
    if "function that it calls" in reason:
        return "a function that an expression calls runs in the program, and what it wrote stays"
    if option == "--set":
        return "only what can be written at the place can be changed"
    return "leave out the call there"


def text_of(expression):
    formatted = re.fullmatch(r"(/[a-z]) ?(.*)", expression, re.DOTALL)
    if formatted is None:
        return value_text(gdb.parse_and_eval(expression))
    text = gdb.execute(f"output {formatted[1]} {formatted[2]}", to_string=True)
    return shorten(text.strip(), MAX_VALUE)


def assign(change):
    """The value that the variable has then."""
    gdb.execute(f"set var {change['variable']} = {change['value']}", to_string=True)
    return value_text(gdb.parse_and_eval(change["variable"]))
