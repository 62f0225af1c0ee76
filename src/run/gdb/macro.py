"""Owns what gdb knows of preprocessor macros: their definitions, what is in scope at a place, and their expansion.

gdb has no Python interface to macros: what `info macro`, `info macros` and `macro expand` print is the only way, and is read
strictly. What does not look as gdb writes it is left out and counted in `unread`. Nothing is run: the program is only a file.

Request (a JSON file named by VGRUN_GDB): {"output", "expression"?, "names": [name], "at"?: {"file", "line"}, "root"}. Without
`expression` the answer lists all definitions; `root` is the folder whose sources may define names that are undefined again;
`names` are those in the expression.
Answer: {"hasMacros", "sources": [path], "sourcesCut", "scope"?: {"file", "line"}, "main"?: {"file", "line"}, "expansion"?, "error"?,
"others"?: [definition], "subject"?: name, "ambiguous"?: [path], "definitions": {name: {"now"?: definition, "all": [definition]}},
"standing": [{"file", "line", "definition"?: definition}], "unread": n, "cut"}; a definition is {"file", "line",
"includedAt": [{"file", "line"}], "parameters"?: [name], "body"}; line 0 is the compiler or its command line. `subject` is the
macro that the expression is about; `others` are all macros of the place, when `##` may make names that stand nowhere; `standing` says what it is where its letters stand in a unit, without `definition` where it
is no macro.
"""

import json
import os
import re
import time

import gdb

MOST_NAMES = 500
MOST_DEFINITIONS = 20000
MOST_UNITS = 400
MOST_SOURCES = 5000
MOST_TEXT = 64 * 1024
MOST_QUESTIONS = 20000
MOST_SOURCE_TEXT = 4 * 1024 * 1024
MOST_STANDING = 2000
MOST_SECONDS_ELSEWHERE = 10
FAR_LINE = 9999999
UNKNOWN = "vgrun_asks_for_no_such_macro"

IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
PLACE = re.compile(r"^(?:Defined|  included) at (.+):(-?\d+)$", re.S)
DEFINE = re.compile(r"^#define ([A-Za-z_$][\w$]*)(\(([^()]*)\))?(?: (.*))?$", re.S)
COMMAND_LINE = re.compile(r"^-D([A-Za-z_$][\w$]*)(\(([^()]*)\))?(?:=(.*))?$", re.S)
SCOPE = re.compile(
    r"^The symbol `.*' has no definition as a C/C\+\+ preprocessor macro\nat (.+?):(-?\d+)(?:\n  included at .*)?\s*$", re.S
)
DEFINED = re.compile(r"^[ \t]*#[ \t]*define[ \t]+([A-Za-z_$][\w$]*)", re.M)
UNIT = re.compile(r"\.(?:c|cc|cpp|cxx|c\+\+|C|m|mm)$")

state = {"unread": 0, "cut": False}


def ask(command):
    """What a command prints; None where gdb refuses it."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in command):
        return None
    try:
        return gdb.execute(command, from_tty=False, to_string=True)
    except gdb.error:
        return None


def quoted(path):
    """A file in a linespec; None for names that a linespec cannot hold."""
    return None if re.search(r'["\\\x00-\x1f\x7f]', path) else '"%s"' % path


def scope_now():
    """The place whose macros hold, as gdb says it itself; None where there are none."""
    found = SCOPE.match(ask("info macro -- " + UNKNOWN) or "")
    if found is None or int(found.group(2)) < 0:
        return None
    return {"file": found.group(1), "line": int(found.group(2))}


def go_to(path, line):
    """Makes the macros of a line hold. After `list N,N` gdb is at N + 1; where it cannot read the source, at N."""
    name = quoted(path)
    if name is None:
        return None
    for listed in (max(line - 1, 1), line):
        ask("list %s:%d,%d" % (name, listed, listed))
        scope = scope_now()
        if scope is not None and scope["line"] == line:
            return scope
    return scope_now() if line <= 1 or line == FAR_LINE else None


def definitions_in(text):
    """The definitions that `info macro` printed."""
    found = []
    place = None
    included = []
    for line in (text or "").split("\n"):
        at = PLACE.match(line)
        if at is not None:
            where = {"file": at.group(1), "line": max(int(at.group(2)), 0)}
            if line.startswith("Defined"):
                place, included = where, []
            else:
                included.append(where)
            continue
        made = DEFINE.match(line)
        given = COMMAND_LINE.match(line)
        if place is None or (made is None and given is None):
            if line.strip() != "":
                state["unread"] += 1
            continue
        one = {"file": place["file"], "line": place["line"], "includedAt": included[:64]}
        how = made if made is not None else given
        one["name"] = how.group(1)
        one["body"] = (how.group(4) or "")[:MOST_TEXT]
        if how.group(2) is not None:
            one["parameters"] = [word.strip() for word in how.group(3).split(",") if word.strip()]
        found.append(one)
        place, included = None, []
    return found


def definitions_of(name):
    """What a name is where gdb is, and all that it ever is in this unit."""
    now = ask("info macro -- " + name) or ""
    every = ask("info macro -all -- " + name) or ""
    missing = SCOPE.match(now) is not None
    return {
        "now": None if missing else next(iter(definitions_in(now)), None),
        "all": [] if SCOPE.match(every) is not None else definitions_in(every),
    }


def reachable(text):
    """The definitions of all names in a text, and of those in their bodies, as far as they are macros."""
    known = {}
    waiting = IDENTIFIER.findall(text)
    seen = set()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        if len(seen) >= MOST_NAMES:
            state["cut"] = True
            break
        seen.add(name)
        found = definitions_of(name)
        if found["now"] is None and not found["all"]:
            continue
        known[name] = found
        if found["now"] is not None:
            waiting.extend(IDENTIFIER.findall(found["now"]["body"]))
    return known


def sources():
    """Paths of all sources of the program. A name with a comma and a space in it is not told from two, and left out."""
    text = ask("info sources") or ""
    found = []
    for line in text.split("\n"):
        found.extend(word for word in line.split(", ") if word.startswith("/") and not word.endswith(":"))
    unique = list(dict.fromkeys(found))
    return unique[:MOST_SOURCES], len(unique) > MOST_SOURCES


def main_place():
    """Where main begins; None for a library."""
    try:
        found = gdb.decode_line("main")[1]
    except gdb.error:
        return None
    if not found or found[0].symtab is None:
        return None
    return {"file": found[0].symtab.fullname(), "line": found[0].line}


def all_definitions(units, names=()):
    """Every definition that holds at the end of a unit, and those of the names that are undefined before it."""
    found = {}
    count = 0
    asked = 0

    def take(definitions):
        nonlocal count
        for one in definitions:
            entry = found.setdefault(one["name"], {"now": None, "all": []})
            if one in entry["all"]:
                continue
            if count >= MOST_DEFINITIONS:
                state["cut"] = True
                return
            count += 1
            entry["all"].append(one)

    if len(units) > MOST_UNITS:
        state["cut"] = True
    for unit in units[:MOST_UNITS]:
        if go_to(unit, FAR_LINE) is None:
            continue
        take(definitions_in(ask("info macros")))
        for name in names:
            if asked >= MOST_QUESTIONS:
                state["cut"] = True
                break
            asked += 1
            take(definitions_of(name)["all"])
    return found


def text_of(path):
    """A source as it is now, one character a byte; nothing where it cannot be read. A FIFO in its place would never answer."""
    try:
        if not os.path.isfile(path):
            return ""
        with open(path, "rb") as file:
            return file.read(MOST_SOURCE_TEXT).decode("latin-1")
    except OSError:
        return ""


def names_defined_in(paths, root):
    """Names that the sources below a folder define, as their text says: gdb is asked about each."""
    names = []
    for path in paths:
        if path.startswith(root.rstrip("/") + "/"):
            names.extend(DEFINED.findall(text_of(path)))
    return list(dict.fromkeys(names))


def look_elsewhere(name, entry, units):
    """Adds the definitions of other units to an entry, and says what the name is where its letters stand in a unit."""
    standing = []
    deadline = time.monotonic() + MOST_SECONDS_ELSEWHERE
    word = re.compile(r"(?<![\w$])" + re.escape(name) + r"(?![\w$])")
    if len(units) > MOST_UNITS:
        state["cut"] = True
    for unit in units[:MOST_UNITS]:
        if time.monotonic() > deadline:
            state["cut"] = True
            break
        if go_to(unit, FAR_LINE) is None:
            continue
        for one in definitions_of(name)["all"]:
            if one not in entry["all"]:
                entry["all"].append(one)
        for number, line in enumerate(text_of(unit).split("\n"), 1):
            if word.search(line) is None:
                continue
            if len(standing) >= MOST_STANDING or time.monotonic() > deadline:
                state["cut"] = True
                return standing
            if go_to(unit, number) is not None:
                standing.append({"file": unit, "line": number, "definition": definitions_of(name)["now"]})
    return standing


def source_named(wanted, paths):
    """The sources that a name means: that path, or all whose path ends so."""
    path = os.path.normpath(wanted)
    if path in paths:
        return [path]
    return [each for each in paths if each.endswith("/" + path)]


def answer(request):
    """The answer to a request; see the top of this file."""
    paths, cut = sources()
    units = [path for path in paths if UNIT.search(path)]
    said = {"sources": paths, "sourcesCut": cut, "definitions": {}}
    expression = request.get("expression")
    start = main_place()
    if start is not None:
        said["main"] = start
    wanted = request.get("at") or start
    if request.get("at") is not None:
        named = source_named(wanted["file"], paths)
        if len(named) > 1:
            said["ambiguous"] = named[:10]
            said["hasMacros"] = True
            return said
        if named:
            wanted = {"file": named[0], "line": wanted["line"]}
    scope = go_to(wanted["file"], wanted["line"]) if wanted is not None else None
    places = [scope] if scope is not None else []
    if expression is None:
        said["definitions"] = all_definitions(units, names_defined_in(paths, request["root"]))
        said["hasMacros"] = bool(said["definitions"])
        return said
    if scope is not None:
        said["definitions"] = reachable(expression)
    if not said["definitions"] and request.get("at") is None:
        # No macro of main's unit: perhaps of another.
        for unit in units[:MOST_UNITS]:
            here = go_to(unit, FAR_LINE)
            if here is None:
                continue
            places.append(here)
            said["definitions"] = reachable(expression)
            if said["definitions"]:
                scope = here
                break
    said["hasMacros"] = bool(places)
    if scope is None and not places:
        return said
    if scope is not None:
        said["scope"] = scope
    try:
        text = gdb.execute("macro expand " + expression, from_tty=False, to_string=True)
        found = re.match(r"^expands to: (.*)\n$", text, re.S)
        if found is not None:
            said["expansion"] = found.group(1)[:MOST_TEXT]
    except gdb.error as error:
        said["error"] = str(error)[:500]
    known = said["definitions"]
    if any("##" in each["now"]["body"] for each in known.values() if each["now"] is not None):
        others = definitions_in(ask("info macros"))
        state["cut"] = state["cut"] or len(others) > MOST_DEFINITIONS
        said["others"] = others[:MOST_DEFINITIONS]
    candidates = [name for name in request.get("names", []) if name in known]
    subject = next((name for name in candidates if known[name]["now"] is not None), next(iter(candidates), None))
    if subject is not None:
        said["subject"] = subject
        said["standing"] = look_elsewhere(subject, known[subject], units)
    if not known:
        said["near"] = sorted(all_definitions(units))[:MOST_DEFINITIONS]
    return said


def main():
    with open(os.environ["VGRUN_GDB"], encoding="utf-8") as file:
        request = json.load(file)
    expression = request.get("expression")
    if expression is not None and any(ord(letter) < 32 for letter in expression):
        return
    said = answer(request)
    said.update(state)
    with open(request["output"], "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(said, file)


main()
