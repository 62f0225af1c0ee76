# The native reference of `bench parse`: the same job with Python's expat. `python3 parse-expat.py FILE`, JSON on stdout.
import json, resource, sys, time
from xml.parsers import expat

tally = {"findings": 0, "stacks": 0, "frames": 0}
interned = {}
error = frame = stack = None
value = []


def opened(name, _attributes):
    global error, frame, stack
    value.clear()
    if name == "error":
        error = {"parts": []}
    elif name == "stack":
        stack = []
    elif name == "frame":
        frame = {}


def closed(name):
    global error, frame, stack
    if error is None:
        return
    text = "".join(value)
    value.clear()
    if frame is not None:
        if name == "frame":
            key = tuple(frame.items())
            stack.append(interned.setdefault(key, frame))
            frame = None
        else:
            frame[name] = text
    elif name == "stack":
        error["parts"].append(stack)
    elif name == "auxwhat":
        error["parts"].append(text)
    elif name == "error":
        stacks = [part for part in error["parts"] if isinstance(part, list)]
        tally["findings"] += 1
        tally["stacks"] += len(stacks)
        tally["frames"] += sum(map(len, stacks))
        error = None
    else:
        error[name] = text


parser = expat.ParserCreate()
parser.buffer_text = True
parser.StartElementHandler = opened
parser.EndElementHandler = closed
parser.CharacterDataHandler = value.append
start = time.perf_counter()
with open(sys.argv[1], "rb") as file:
    parser.ParseFile(file)
ms = (time.perf_counter() - start) * 1000
print(json.dumps({**tally, "ms": ms, "rssKiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
