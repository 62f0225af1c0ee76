"""What gdb is set to while a program runs under it: it asks nobody, and looks at what may be fatal.

That it reads nothing which a program brings is set before this file is read: safeGdbSettings in batch.ts.
"""

import gdb

# Those whose default action ends a process (signal(7)), by gdb's names; SIGKILL stops nobody.
FATAL = (
    "SIGHUP SIGINT SIGQUIT SIGILL SIGABRT SIGFPE SIGBUS SIGSEGV SIGSYS SIGPIPE SIGALRM SIGTERM SIGUSR1 SIGUSR2 "
    "SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGIO SIGPWR SIG34-64"
)
# They would stop it, and do not under gdb.
STOPPING = ("SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU")


def settings(wish):
    for command in (
        "set confirm off",
        "set pagination off",
        "set width 0",
        "set height 0",
        "set style enabled off",
        "set print pretty off",
        "set print thread-events off",
        "set print inferior-events off",
        "set print asm-demangle on",
        "set max-value-size 1048576",
        "set max-completions 0",
        # A function that an expression calls, and that crashes, must not end the program.
        "set unwindonsignal on",
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


def fatal_signals():
    """Their names, one for each."""
    for name in FATAL.split():
        first, _, last = name.partition("-")
        if last == "":
            yield first
        else:
            yield from (f"SIG{number}" for number in range(int(first[3:]), int(last) + 1))


class Question(gdb.Function):
    """What gdb asks at a catchpoint, as its condition: the other threads and processes still run then."""

    def __init__(self, name, decide):
        super().__init__(name)
        self.decide = decide

    def invoke(self):
        try:
            return self.decide()
        except Exception as error:  # Who stops too often loses time only.
            print(f"decision: {error}")
            return True


def catch(what, name, decide):
    """Stops all threads at such an event if `decide` wants it, asked with the thread selected that it happens to.

    gdb 13 waits without end there for a caller of vfork(2) whose child lives.

    Raises gdb.error when this gdb cannot.
    """
    gdb.execute(f"catch {what}", to_string=True)
    catchpoint = max(gdb.breakpoints(), key=lambda each: each.number)
    Question(f"vgrun_{name}", decide)
    # Not the program's language: some cannot call a function of gdb's.
    gdb.execute(f"with language c -- condition {catchpoint.number} $vgrun_{name}()", to_string=True)


def stop_for_fatal_signals(decide):
    """Stops for those signals that `decide` wants. `handle SIGNAL stop` would stop before anybody can look."""
    try:
        catch(f"signal {' '.join(fatal_signals())}", "stops_for_signal", decide)
    except (gdb.error, ValueError) as error:
        print(f"catch signal: {error}")
        for name in fatal_signals():
            attempt(f"handle {name} stop print pass")


def leave_thread_library():
    """Before gdb reads the libraries of a child: it has no thread-local variables there then.

    For libthread_db gdb 13 stops the threads of all processes. One that ends at that moment is taken off its list,
    and nobody hears of its end (wait_lwp in linux-nat.c).
    """
    attempt("set libthread-db-search-path /dev/null")


def attempt(command):
    """A setting that this gdb does not have is none that it needs."""
    try:
        gdb.execute(command, to_string=True)
    except gdb.error as error:
        print(f"{command}: {error}")
