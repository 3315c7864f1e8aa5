"""Access keys, all derived from the master key so that a restart with it restores every key."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import Enum

# DefaultScriptWebHookProvider.GetKeyName: extension name in lower case + "_extension".
EVENT_GRID_KEY_NAME = "eventgrid_extension"


class Level(Enum):
    """What a key proves (AuthorizationLevel in Azure/azure-webjobs-sdk-extensions)."""

    ANONYMOUS = "anonymous"
    FUNCTION = "function"
    SYSTEM = "system"
    ADMIN = "admin"


def new_master_key() -> str:
    return _encode(secrets.token_bytes(40))


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one app."""

    master: str

    @property
    def host(self) -> str:
        """The host key ``default``: opens every function."""
        return self._derived("host/default")

    @property
    def event_grid(self) -> str:
        """The system key of the Event Grid webhook."""
        return self._derived(f"system/{EVENT_GRID_KEY_NAME}")

    def function(self, name: str) -> str:
        """The function key ``default`` of one function."""
        return self._derived(f"function/{name.casefold()}")

    def level(self, key: str | None, function: str | None = None) -> Level:
        """What the key proves, asked for one function or for the host as a whole.

        The order is that of SecretManager.GetAuthorizationLevelAsync (Azure/azure-functions-host).
        """
        if not key:
            return Level.ANONYMOUS
        known = [(self.master, Level.ADMIN), (self.event_grid, Level.SYSTEM)]
        known.append((self.host, Level.FUNCTION))
        if function is not None:
            known.append((self.function(function), Level.FUNCTION))
        presented = key.encode(errors="surrogatepass")  # a header may have any bytes
        matches = (
            level for value, level in known if hmac.compare_digest(value.encode(), presented)
        )
        return next(matches, Level.ANONYMOUS)

    def _derived(self, purpose: str) -> str:
        return _encode(hmac.digest(self.master.encode(), purpose.encode(), hashlib.sha384))


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
