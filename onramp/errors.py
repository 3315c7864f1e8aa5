"""How a command ends: what its exit code tells, and what it says when it can't do as asked."""

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1  # or was refused, or not agreed to; wrong usage
    TO_DO = 2  # changes, findings, or something that only a person can do
    INTERRUPTED = 130  # 128 and SIGINT, as shells tell of Ctrl-C


class CliError(Exception):
    """One line of what is wrong, one of what to do."""

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what)
        self.what, self.do = what, do
