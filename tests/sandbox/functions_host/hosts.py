"""Run a Functions host and talk to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.functions_host.process import FunctionsHost, HostOptions, functions_host

APPS = Path(__file__).resolve().parents[1] / "apps"


class Host:
    """A host and a session that talks to it."""

    def __init__(self, process: FunctionsHost, session: aiohttp.ClientSession) -> None:
        self.process = process
        self._session = session

    async def request(
        self, method: str, path: str, **options: Any
    ) -> tuple[int, str, aiohttp.ClientResponse]:
        url = path if path.startswith("http") else self.process.ready.base_url + path
        async with self._session.request(method, url, **options) as response:
            return response.status, await response.text(), response

    async def json(self, path: str, **options: Any) -> Any:
        status, text, response = await self.request("GET", path, **options)
        assert status < 300, text
        return await response.json()

    def admin(self) -> dict[str, str]:
        return {"x-functions-key": self.process.ready.master_key}


@asynccontextmanager
async def hosted(
    app_dir: Path,
    env: dict[str, str] | None = None,
    on_log: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> AsyncIterator[Host]:
    async with (
        functions_host(HostOptions(app_dir, env or {}, **options), on_log) as process,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session,
    ):
        yield Host(process, session)


def app_folder(folder: Path, code: str, host_json: str = '{"version": "2.0"}') -> Path:
    (folder / "function_app.py").write_text("import azure.functions as func\n" + code)
    (folder / "host.json").write_text(host_json)
    return folder
