"""Runs one command that must not outlive the process that asked for it.

Started as a script (``python child_guard.py PARENT_PID COMMAND...``), so standard library only.
On Linux it asks the kernel for a signal at the parent's death and becomes the command: no extra
process stays. Elsewhere it stays beside the command and watches its own standard input, a pipe
whose other end closes with the parent, whatever killed it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

_PR_SET_PDEATHSIG = 1  # man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


def main(arguments: list[str]) -> int:
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux" and not os.environ.pop("CHILD_GUARD_WATCH", ""):
        _die_with(parent)
        os.execvp(command[0], command)  # noqa: S606  # becoming the command is the point
    return _watch(command)


def _die_with(parent: int) -> None:
    # SIGKILL: the parent is gone, nobody is left to wait for an orderly end.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(1)


def _watch(command: list[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def stop(_signal: int = 0, _frame: FrameType | None = None) -> None:
        child.terminate()

    def kill_at_end_of_input() -> None:
        sys.stdin.buffer.read()
        child.kill()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=kill_at_end_of_input, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
