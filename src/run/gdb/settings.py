"""What gdb is set to while a program runs under it: it asks nobody, reads nothing, and stops for what may be fatal."""

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
