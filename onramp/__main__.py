"""``python -m onramp``: the command line."""

import signal
import sys

from onramp.errors import ExitCode


def main() -> int:
    """Its exit code."""
    # An import may swallow what a handler raises, and has nothing to clear up: let it just end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from onramp.running import run  # noqa: PLC0415 - takes half a second

    try:
        return run()
    except KeyboardInterrupt:  # between two steps of it
        return ExitCode.INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
