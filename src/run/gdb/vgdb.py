"""Looks at a process under valgrind at each of its errors, through vgdb, and writes a stop for each into a stop log.

It comes to a process that waits already (--vgdb-error), and leaves it when that has ended, or when there were enough
errors; valgrind is then told to wait no more. What to do stands in the JSON file that $VGRUN_GDB names;
src/run/crash/error-locals.ts writes it.
"""

import json
import os
import re
import sys
import time

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from log import StopLog
from printers import load_printers
from siginfo import signal_name
from stop import describe_stop
from values import Budget

# Seconds for one error: the process stands still meanwhile.
SECONDS = 10.0
# No error is the last one.
NEVER = 999999999
MAX_SENTENCE = 1000


def main():
    # What it writes holds what was in memory.
    os.umask(0o077)
    with open(os.environ["VGRUN_GDB"], encoding="utf-8") as file:
        wish = json.load(file)
    for command in (
        "set confirm off",
        "set width 0",
        "set height 0",
        "set style enabled off",
        "set print pretty off",
        "set print asm-demangle on",
        "set max-value-size 1048576",
        # The program is to get its signals as if nobody looked; valgrind announces an error as SIGTRAP.
        "handle all nostop noprint pass",
        "handle SIGTRAP stop print nopass",
    ):
        attempt(command)
    load_printers()
    log = StopLog(wish["log"], "vgdb", gdb.VERSION)
    log.write({"type": "process", "pid": wish["pid"], "argv": wish["argv"], "how": "attach"})
    ended = {}
    gdb.events.exited.connect(lambda event: ended.update(code=getattr(event, "exit_code", None)))
    try:
        gdb.execute(wish["connect"], to_string=True)
        look_at_errors(wish, log, ended)
    except gdb.error as error:
        # It became another program (exec), or it was killed: there is nobody to talk to any more.
        print(error)
    log.write(exit_line(wish["pid"], ended))
    log.end()


def look_at_errors(wish, log, ended):
    pid = wish["pid"]
    seen = 0
    number = 0
    while not ended:
        shown = errors_shown()
        if shown is None or shown > seen:
            number += 1
            budget = Budget(seconds=SECONDS)
            described = describe_stop(
                number,
                "error",
                pid=pid,
                ms=(time.time() - wish["started"]) * 1000,
                budget=budget,
                what=last_error(),
            )
            log.write({"type": "stop", **described})
            seen = shown or 0
        if number >= wish["most"]:
            gdb.execute(f"monitor v.set vgdb-error {NEVER}", to_string=True)
            gdb.execute("detach", to_string=True)
            log.problem(
                "too-many-errors",
                "warning",
                f"process {pid} had {number} errors that were looked at; those after them have no variables",
                pid=pid,
            )
            return
        gdb.execute("continue", to_string=True)


def errors_shown():
    # n_errs_found 1 n_errs_shown 1 (vgdb-error 1)
    text = gdb.execute("monitor v.info n_errs_found", to_string=True)
    found = re.search(r"n_errs_shown (\d+)", text)
    return None if found is None else int(found[1])


def last_error():
    """The sentence: `==123== Invalid read of size 4`. Helgrind and drd have lines about threads before it."""
    text = gdb.execute("monitor v.info last_error", to_string=True)
    for line in text.splitlines():
        line = re.sub(r"^==(?:[\d:.]+ )?\d+== ?", "", line)
        if line.strip() and not line.startswith((" ", "-", "Thread ")):
            return line[:MAX_SENTENCE]
    return ""


def exit_line(pid, ended):
    line = {"type": "exit", "pid": pid}
    if not ended:
        return {**line, "detached": True}
    if ended["code"] is not None:
        return {**line, "code": int(ended["code"])}
    try:
        number = int(gdb.parse_and_eval("$_exitsignal"))
    except (gdb.error, TypeError):
        return {**line, "detached": True}
    return {**line, "signal": number, "name": signal_name(number)}


def attempt(command):
    """A setting that this gdb does not have is none that it needs."""
    try:
        gdb.execute(command, to_string=True)
    except gdb.error as error:
        print(f"{command}: {error}")


main()
