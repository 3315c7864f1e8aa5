"""Azurite, Microsoft's storage emulator, as a child process: Blob, Queue and Table in memory."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from sandbox.processes import HOST, Child, start, take_ports
from sandbox.tls import Certificates

ACCOUNT = "devstoreaccount1"
# Not a secret, the same everywhere (learn.microsoft.com/azure/storage/common/storage-azurite).
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_ATTEMPTS = 3
# Longer than clients keep an idle connection (aiohttp: 15 s). Azurite's own 5 s end connections
# that clients are about to use, and a POST on such a one fails: it is not sent again.
_KEEP_ALIVE_S = "60"
_SCRIPT = Path(__file__).parent / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"


class AzuriteMissingError(Exception):
    """Node or the npm package is not there; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Azurite:
    blob: str
    queue: str
    table: str

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol={self.blob.partition(':')[0]};AccountName={ACCOUNT};"
            f"AccountKey={ACCOUNT_KEY};BlobEndpoint={self.blob};QueueEndpoint={self.queue};"
            f"TableEndpoint={self.table};"
        )


@contextlib.asynccontextmanager
async def azurite(
    *, port_base: int | None = None, certificates: Certificates | None = None
) -> AsyncIterator[Azurite]:
    """Run Azurite until the block ends, or this process does.

    Args:
        port_base: blob, queue and table take this port and the next two; free ones by default.
        certificates: serve https and accept bearer tokens besides the account key. Azurite checks
            audience, issuer and lifetime of a token, not its signature.
    """
    child, endpoints = await _started(port_base, certificates)
    try:
        yield Azurite(*endpoints)
    finally:
        await child.stop()


async def _started(
    port_base: int | None, certificates: Certificates | None
) -> tuple[Child, list[str]]:
    """It takes names of ports only, and somebody may have taken a free one by then: so, again."""
    scheme = "https" if certificates else "http"
    for attempt in range(_ATTEMPTS):
        ports = take_ports(3, port_base)
        endpoints = [f"{scheme}://{HOST}:{port}/{ACCOUNT}" for port in ports]
        child = await start("Azurite", _command(ports, certificates))
        try:
            await _wait_until_it_answers(child, endpoints)
        except BaseException as exc:
            await child.stop()
            if "EADDRINUSE" not in str(exc) or port_base or attempt == _ATTEMPTS - 1:
                raise
        else:
            return child, endpoints
    raise AssertionError("the last attempt raises")


def _command(ports: tuple[int, ...], certificates: Certificates | None) -> list[str]:
    node = shutil.which("node")
    if node is None:
        raise AzuriteMissingError("Azurite needs Node.js 20 or newer, and `node` is not on PATH.")
    if not _SCRIPT.exists():
        raise AzuriteMissingError("Azurite is not installed in sandbox/node_modules: `make setup`.")
    command = [node, str(_SCRIPT), "--silent", "--disableTelemetry", "--inMemoryPersistence"]
    # Newer SDKs send newer x-ms-version values than Azurite knows; without this it answers 400.
    command.append("--skipApiVersionCheck")
    for service, port in zip(("blob", "queue", "table"), ports, strict=True):
        command += [f"--{service}Host", HOST, f"--{service}Port", str(port)]
        command += [f"--{service}KeepAliveTimeout", _KEEP_ALIVE_S]
    if certificates is not None:
        command += ["--oauth", "basic"]
        command += ["--cert", str(certificates.cert), "--key", str(certificates.key)]
    return command


async def _wait_until_it_answers(child: Child, endpoints: list[str]) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:

        async def all_answer() -> bool:
            for endpoint in endpoints:  # any HTTP answer, an error included, means up
                try:
                    async with session.get(endpoint, ssl=False):
                        pass
                except (aiohttp.ClientError, TimeoutError):
                    return False
            return True

        await child.wait_until(all_answer)
