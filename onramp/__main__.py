"""``python -m onramp``: the command line."""

import signal
import sys

_INTERRUPTED = 130


def main() -> int:
    """Its exit code, also at Ctrl-C while it is imported or while it ends."""
    signal.signal(signal.SIGINT, lambda *_: sys.exit(_INTERRUPTED))
    from onramp.running import run  # noqa: PLC0415 - takes half a second

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
