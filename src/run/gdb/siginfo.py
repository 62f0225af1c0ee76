"""Describes the signal at which a thread stands, by what the kernel says of it (sigaction(2), siginfo_t)."""

import os
import struct
from signal import SIGTRAP

import gdb

# sigaction(2), si_code; the numbers of Linux.
ANY_CODES = {
    0: "SI_USER",
    0x80: "SI_KERNEL",
    -1: "SI_QUEUE",
    -2: "SI_TIMER",
    -3: "SI_MESGQ",
    -4: "SI_ASYNCIO",
    -5: "SI_SIGIO",
    -6: "SI_TKILL",
}
CODES = {
    "SIGILL": "ILL_ILLOPC ILL_ILLOPN ILL_ILLADR ILL_ILLTRP ILL_PRVOPC ILL_PRVREG ILL_COPROC ILL_BADSTK",
    "SIGFPE": "FPE_INTDIV FPE_INTOVF FPE_FLTDIV FPE_FLTOVF FPE_FLTUND FPE_FLTRES FPE_FLTINV FPE_FLTSUB",
    "SIGSEGV": "SEGV_MAPERR SEGV_ACCERR SEGV_BNDERR SEGV_PKUERR",
    "SIGBUS": "BUS_ADRALN BUS_ADRERR BUS_OBJERR BUS_MCEERR_AR BUS_MCEERR_AO",
    "SIGTRAP": "TRAP_BRKPT TRAP_TRACE TRAP_BRANCH TRAP_HWBKPT",
    "SIGSYS": "SYS_SECCOMP SYS_USER_DISPATCH",
}

# Of the fields that are different for each kind of signal; the rest of siginfo_t has no meaning.
USED_WORDS = 12


def describe_signal(pid):
    """StopSignal of the selected thread; None when it did not stop for a signal."""
    try:
        info = gdb.parse_and_eval("$_siginfo")
        number, code = int(info["si_signo"]), int(info["si_code"])
    except (gdb.error, gdb.MemoryError):
        return None
    if number <= 0:
        return None
    name = signal_name(number)
    described = {"number": number, "name": name, "code": code}
    code_name = code_text(name, code)
    if code_name is not None:
        described["codeName"] = code_name
    try:
        fields = info["_sifields"]
        # SI_KERNEL: the address is not told, and 0 would be taken for it.
        if name == "SIGSYS" and 0 < code < 0x80:
            # Behind the address of the call, which has the size of a pointer.
            at = gdb.lookup_type("char").pointer().sizeof // 4
            call, architecture = (int(fields["_pad"][at + index]) for index in range(2))
            described["systemCall"] = {"number": call, "architecture": architecture & 0xFFFFFFFF}
        elif name in CODES and 0 < code < 0x80:
            described["address"] = hex(int(fields["_sigfault"]["si_addr"]) & ((1 << 64) - 1))
        elif code in (0, -1, -6):
            sender = int(fields["_kill"]["si_pid"])
            described["sender"] = {
                "pid": sender,
                "uid": int(fields["_kill"]["si_uid"]) & 0xFFFFFFFF,
                **who(sender, pid),
            }
    except (gdb.error, gdb.MemoryError):
        pass
    return described


def signal_bytes():
    """siginfo_t of the selected thread as it lies in memory, without what is not told; None when there is none."""
    try:
        info = gdb.parse_and_eval("$_siginfo")
        head = [int(info[name]) for name in ("si_signo", "si_errno", "si_code")]
        rest = info["_sifields"]["_pad"]
        first, last = rest.type.range()
        words = [int(rest[index]) for index in range(first, min(last + 1, first + USED_WORDS))]
        words += [0] * (last + 1 - first - len(words))
        # The fields begin at the next multiple of the size of a pointer.
        gap = [0] if gdb.lookup_type("char").pointer().sizeof == 8 else []
        return struct.pack(f"<{len(head + gap + words)}i", *head, *gap, *words)
    except (gdb.error, gdb.MemoryError, struct.error):
        return None


def is_own_trap():
    """Whether the program brought the SIGTRAP itself: by kill(2) and the like, or by a breakpoint instruction."""
    try:
        info = gdb.parse_and_eval("$_siginfo")
        return int(info["si_signo"]) == SIGTRAP and int(info["si_code"]) in (0, -1, -6, 0x80)
    except (gdb.error, gdb.MemoryError):
        return False


def signal_name(number):
    import signal as signals

    try:
        return signals.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - 34}" if 34 < number <= 64 else f"signal {number}"


def code_text(name, code):
    if code in ANY_CODES:
        return ANY_CODES[code]
    names = CODES.get(name, "").split()
    return names[code - 1] if 0 < code <= len(names) else None


def who(sender, pid):
    """What sent the signal, as far as it can still be seen."""
    if sender == pid:
        return {"who": "itself"}
    if sender == 0:
        return {"who": "the kernel"}
    try:
        with open(f"/proc/{sender}/comm", "rb") as file:
            name = os.fsdecode(file.read(64)).rstrip("\n")
            return {"who": name} if name else {}
    except OSError:
        return {}
