"""Starts threads beside gdb's own, which take no signal away from it."""

import signal
import threading

import gdb


def start_thread(target):
    """gdb sleeps until SIGCHLD wakes its thread (sigsuspend(2)): it would sleep on if another one got the signal."""
    start(threading.Thread(target=target, daemon=True))


def start_timer(seconds, act):
    """Calls `act` in a thread of its own, unless the timer that is returned is cancelled before."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    start(timer)
    return timer


def in_gdb(seconds, act):
    """Calls `act` after that time, while gdb waits for what happens."""
    start_timer(seconds, lambda: gdb.post_event(act))


def start(thread):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
