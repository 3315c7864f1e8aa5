"""The tables of the app: where they are, and their errors as ours.

| table | partition | row |
|---|---|---|
| `onrampunits` | `unit` | a unit's row, which drives single flight |
| | `sweep` | when the sweep looked last |
| `onrampdeployments` | the unit | a deployment; `~story…` a chapter; `~event…` untold |
| `onrampruns` | the run's id, the newest first | a unit |
| `onrampstates` | the unit | what stood after a run, the newest first |

What one run changes of deployments, stories and events is one transaction, so none is without the
others. Everything can be lost: what is ours is marked in the gateway.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.adapters.storage import translated

UNITS, DEPLOYMENTS = "onrampunits", "onrampdeployments"
RUNS, STATES = "onrampruns", "onrampstates"
TABLES = (UNITS, DEPLOYMENTS, RUNS, STATES)


class Tables:
    """Makes the tables at their first use."""

    def __init__(self, service: TableServiceClient) -> None:
        self._service = service
        self._ready = asyncio.Event()

    async def close(self) -> None:
        await self._service.close()

    async def table(self, name: str) -> TableClient:
        if not self._ready.is_set():
            with translated("tables"):
                for table in TABLES:
                    await self._service.create_table_if_not_exists(table)
            self._ready.set()
        return self._service.get_table_client(name)

    @contextmanager
    def translated(self, table: str) -> Iterator[None]:
        """Errors as ours; a table that was deleted is made anew at the next use."""
        with translated(f"table {table}"):
            try:
                yield
            except ResourceNotFoundError:
                self._ready.clear()
                raise
