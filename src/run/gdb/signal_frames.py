"""Owns the way from an alternate signal stack (sigaltstack(2)), as it was copied, to the stack that
its handler interrupted.
"""

import struct

# Bytes of an alternate stack in which the frame of the signal is looked for: what a handler has on
# it is seldom more.
SIGNAL_FRAME_LIMIT = 64 * 1024


class SignalFrames:
    """The frames that the kernel of x86-64 pushes on an alternate stack before it calls a handler
    (linux: arch/x86/include/uapi/asm/sigcontext.h, ucontext.h)."""

    # cs of a 64-bit program, gs and fs, as they lie in struct sigcontext.
    PATTERN = struct.pack("<HHH", 0x33, 0, 0)
    PATTERN_AT = 184  # in struct ucontext
    HEAD = struct.Struct("<QQQIxxxxQ")  # uc_flags, uc_link, ss_sp, ss_flags, ss_size
    STACK_POINTER = struct.Struct("<Q")
    STACK_POINTER_AT = 160
    SIZE = 304
    # What looks like one, and is none, is passed over so often.
    TRIES = 64

    @classmethod
    def interrupted(cls, arena, address, at, length):
        """The stack pointer of what was interrupted by the handler whose alternate stack is copied
        to `at` from `address` on; None when there is no such frame."""
        end = at + min(length, SIGNAL_FRAME_LIMIT)
        here = at + cls.PATTERN_AT
        for _ in range(cls.TRIES):
            here = arena.found(cls.PATTERN, here, end) if here < end else -1
            context = here - cls.PATTERN_AT
            if here < 0 or context + cls.SIZE > at + length:
                return None
            here += 1
            _, link, stack, _, size = cls.HEAD.unpack_from(arena.memory, context)
            if link != 0 or not stack <= address + context - at < stack + size:
                continue
            (pointer,) = cls.STACK_POINTER.unpack_from(
                arena.memory, context + cls.STACK_POINTER_AT
            )
            # A signal that interrupts a handler on this stack stays on it.
            if not stack <= pointer < stack + size:
                return pointer
        return None
