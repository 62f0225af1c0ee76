"""Gives gdb the terminal while it waits for its user, and the program while that runs: Ctrl-C is for one of them.

gdb is started beside a program that runs already, in the same process group. It becomes the terminal's foreground
group (tcsetpgrp(3)) by itself, because nobody in front of it can do that for it.
"""

import atexit
import os
import signal

import gdb


def hand_over():
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        group = os.tcgetpgrp(terminal)
    except OSError:
        return
    own = os.getpid()
    # Who is in the background stops when it takes the terminal, unless it ignores this.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)

    def give(to):
        try:
            os.tcsetpgrp(terminal, to)
        except OSError:
            pass

    try:
        os.setpgid(0, 0)
    except OSError:
        return
    give(own)
    gdb.events.cont.connect(lambda _: give(group))
    gdb.events.stop.connect(lambda _: give(own))
    gdb.events.exited.connect(lambda _: give(own))
    # After all that gdb itself does to the terminal when it ends.
    atexit.register(give, group)


hand_over()
