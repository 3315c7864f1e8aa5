"""Makes every call, each below an address of its own, and prints how they ended.

In a process of its own, because the SDKs warn, leave sockets open and set up logging as they like.
"""

import json
import os
import socket
import sys
import traceback
from typing import Any

from tests.clients.table import CALLS

_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


def main(gateway: str) -> None:
    lookup = socket.getaddrinfo

    def only_loopback(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in _LOOPBACK:
            raise OSError(f"{name} is not on this machine")
        return lookup(host, *args, **kwargs)

    # No client may reach another host, whatever it would like to download.
    socket.getaddrinfo = only_loopback
    for number, call in enumerate(CALLS):
        print(json.dumps([number, _end(f"{gateway}/{number}", call.make)]), flush=True)  # noqa: T201


def _end(gateway: str, make: Any) -> str | None:
    try:
        make(gateway)
    except Exception:  # noqa: BLE001  # whatever it is, the test shows it
        return traceback.format_exc()
    return None


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # LiteLLM's threads would take seconds to end
