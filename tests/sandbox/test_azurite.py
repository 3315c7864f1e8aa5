import contextlib
from pathlib import Path

import pytest
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

import sandbox.azurite
from sandbox.azurite import AzuriteMissingError, azurite
from sandbox.processes import check_free, take_ports


def _three_in_a_row() -> int:
    while True:
        (base,) = take_ports(1)
        with contextlib.suppress(ValueError):
            check_free(base, 3)
            return base


async def test_all_three_services_answer_on_the_given_ports() -> None:
    base = _three_in_a_row()
    async with azurite(port_base=base) as storage:
        connection = storage.connection_string
        async with (
            BlobServiceClient.from_connection_string(connection) as blobs,
            QueueServiceClient.from_connection_string(connection) as queues,
            TableServiceClient.from_connection_string(connection) as tables,
        ):
            await blobs.create_container("letters")
            await queues.create_queue("events")
            await tables.create_table("units")

    assert [storage.blob, storage.queue, storage.table] == [
        f"http://127.0.0.1:{port}/devstoreaccount1" for port in (base, base + 1, base + 2)
    ]


async def test_a_missing_node_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(AzuriteMissingError, match=r"Node\.js"):
        async with azurite():
            pass


async def test_a_missing_package_is_told_how_to_get(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sandbox.azurite, "_SCRIPT", tmp_path / "azurite.js")

    with pytest.raises(AzuriteMissingError, match="make setup"):
        async with azurite():
            pass
