"""Probes: breakpoints of the user's at which values are written down, and the program goes on."""

import re

import gdb

from values import MAX_VALUE, shorten, value_text


class Probe:
    """One `--break`. Its fields are those of src/tools/gdb/probes.ts."""

    def __init__(self, number, wish, log):
        self.number = number
        self.wish = wish
        self.log = log
        self.hits = 0
        # By option and expression: what gdb says, as long as it could not be evaluated at any hit.
        self.failing = {}
        self.found = False
        # Why there are no hits is told already.
        self.is_refused = False
        self.told_condition = False
        # The condition is evaluated here and not by gdb.
        self.is_ours = False
        self.result = f"vgrun_condition_{number}"
        self.breakpoint = None

    def set(self):
        """Sets the breakpoint; one in a library that is not loaded yet waits for it."""
        try:
            self.breakpoint = gdb.Breakpoint(self.wish["place"])
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
        self.look()
        condition = self.wish.get("condition")
        if condition is None:
            return
        if self.breakpoint.pending:
            # Its names are not known yet, and gdb would say nothing of one that never will be: it is evaluated at each hit.
            self.is_ours = True
            return
        gdb.set_convenience_variable(self.result, 0)
        try:
            # gdb stops where a condition fails, too: what the variable holds tells the two apart.
            self.breakpoint.condition = f"${self.result} = ({condition})"
        except (gdb.error, RuntimeError) as error:
            self.refuse(error)

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

    def remove(self):
        if self.is_set():
            self.breakpoint.delete()
        self.breakpoint = None

    def hit(self, is_first_process):
        """At a hit, in the selected thread: what is to be written down; None when it is not one."""
        self.found = True
        if not self.condition_holds() or (self.wish.get("child") and is_first_process):
            return None
        wanted = self.wish.get("thread")
        thread = gdb.selected_thread()
        if wanted is not None and wanted not in (thread.name, str(thread.num)):
            return None
        self.hits += 1
        described = {"probe": self.number, "place": self.wish["text"], "hit": self.hits}
        described["values"] = [evaluate(expression) for expression in self.wish["prints"]]
        if self.wish["sets"]:
            described["changes"] = [assign(each) for each in self.wish["sets"]]
        self.note_failures("--print", described["values"])
        self.note_failures("--set", described.get("changes", []))
        return described

    def note_failures(self, option, results):
        for result in results:
            key = (option, result["expression"])
            if "error" not in result:
                self.failing[key] = None
            elif result["error"].startswith("Cannot access memory"):
                # That a pointer leads nowhere is an answer.
                self.failing[key] = None
            elif self.failing.get(key, "") is not None:
                self.failing[key] = result["error"]

    def condition_holds(self):
        if self.wish.get("condition") is None:
            return True
        if not self.is_ours:
            held = gdb.convenience_variable(self.result)
            gdb.set_convenience_variable(self.result, 0)
            if held is not None and held:
                return True
        try:
            # False of one that stands at the same place as another that was hit.
            return bool(gdb.parse_and_eval(self.wish["condition"]))
        except (gdb.error, gdb.MemoryError) as error:
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

    def retire_if_spent(self):
        if self.hits < self.wish["maxHits"]:
            return
        self.log.problem(
            "probe-limit",
            "warning",
            f"--break '{self.wish['text']}' was hit {self.hits} times and then taken away: later hits are not seen",
            "see more of them with --max-hits=N, or fewer with a condition",
        )
        self.remove()

    def finish(self):
        """Says at the end what a user would take for an answer."""
        for (option, expression), error in self.failing.items():
            if error is not None:
                self.log.problem(
                    "probe-value",
                    "incomplete",
                    f"{option} '{expression}' could not be evaluated at any hit of --break '{self.wish['text']}': {error}",
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


def evaluate(expression):
    described = {"expression": expression}
    try:
        formatted = re.fullmatch(r"(/[a-z]) ?(.*)", expression, re.DOTALL)
        if formatted is None:
            described["value"] = value_text(gdb.parse_and_eval(expression))
        else:
            text = gdb.execute(f"output {formatted[1]} {formatted[2]}", to_string=True)
            described["value"] = shorten(text.strip(), MAX_VALUE)
    except Exception as error:  # Pretty printers over damaged memory may raise anything.
        described["error"] = shorten(str(error), 512)
    return described


def assign(change):
    described = {"expression": change["variable"], "value": change["value"]}
    try:
        gdb.execute(f"set var {change['variable']} = {change['value']}", to_string=True)
        described["value"] = value_text(gdb.parse_and_eval(change["variable"]))
    except Exception as error:
        described["error"] = shorten(str(error), 512)
    return described
