"""Starts a command that dies with its parent, even when the parent is SIGKILLed.

Run by path, never imported: ``python tether.py PARENT_PID COMMAND...``. It asks the kernel for
SIGKILL at the parent's death and then becomes the command. Doing so here and not in a
``preexec_fn`` keeps Python code out of the fork of a process that has threads, where it can
deadlock. Linux only; elsewhere the command is started without the tether.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2); kept across execve, cleared in the command's own children


def main() -> None:
    """Tie this process to its parent and become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request to the kernel
            os._exit(1)
    os.execv(command[0], command)  # noqa: S606 - a fixed argument list, no shell


if __name__ == "__main__":
    main()
