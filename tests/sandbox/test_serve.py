"""``python -m sandbox serve`` as a stranger runs it: its one line, its files, its end."""

import asyncio
import json
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

import sandbox.__main__ as command_line
from sandbox.processes import listen

_ROOT = Path(__file__).resolve().parents[2]


async def _start(*arguments: str) -> Process:
    return await _run("-m", "sandbox", "serve", "--json", "--no-app", *arguments)


async def _run(*arguments: str, command: str = sys.executable) -> Process:
    return await asyncio.create_subprocess_exec(
        command, *arguments, stdout=PIPE, stderr=PIPE, cwd=_ROOT
    )


@asynccontextmanager
async def _serving(*arguments: str) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    process = await _start(*arguments)
    assert process.stdout is not None
    try:
        yield process, json.loads(await process.stdout.readline() or "{}")
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _auth(line: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {line['token']}"}


async def test_the_line_is_one_and_each_of_its_keys_is_documented(tmp_path: Path) -> None:
    async with _serving("--tls", str(tmp_path)) as (process, line):
        process.send_signal(signal.SIGTERM)
        rest, errors = await process.communicate()

    assert (process.returncode, rest, errors) == (0, b"", b"")
    documented = (command_line.__doc__ or "").replace(",", " ").split()
    assert [key for key in line if key not in documented] == []


async def test_it_needs_no_client_of_models() -> None:
    code = "import sys, sandbox.__main__; print({'openai', 'anthropic'} & sys.modules.keys())"
    process = await _run("-c", code)

    out, errors = await process.communicate()

    assert (process.returncode, out, errors) == (0, b"set()\n", b"")


async def test_two_run_side_by_side_and_know_nothing_of_each_other() -> None:
    async with _serving() as (_, one), _serving() as (_, two), ClientSession() as session:
        group = f"/subscriptions/{one['subscription']}/resourceGroups/only-here"
        query = {"api-version": "2021-04-01"}
        url = f"{one['arm']}{group}"
        body = {"location": "eastus"}
        async with session.put(url, params=query, json=body, headers=_auth(one)) as made:
            assert made.status == 201
        async with session.get(f"{two['arm']}{group}", params=query, headers=_auth(two)) as answer:
            assert answer.status == 404


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_the_recording_has_every_exchange_when_the_process_is_told_to_end(
    name: signal.Signals, tmp_path: Path
) -> None:
    file = tmp_path / "record.jsonl"
    faults = tmp_path / "faults.json"
    slow = {"match": {"method": "PUT"}, "answer": {"delay": 60}}
    faults.write_text(json.dumps([slow]))
    async with (
        _serving("--record", str(file), "--faults", str(faults)) as (process, line),
        ClientSession(line["arm"], headers=_auth(line)) as session,
    ):
        reader, writer = await _sent_slowly(line)
        # Answered after the request above has arrived: one loop reads them in order.
        async with session.get(f"{line['gateway']}?api-version=2024-05-01") as answer:
            assert answer.status == 200
        process.send_signal(name)
        assert (await reader.readline()).startswith(b"HTTP/1.1 201")
        writer.close()
        assert await process.wait() == 0

    exchanges = [json.loads(text) for text in file.read_text().splitlines()]
    assert [it["request"]["method"] for it in exchanges] == ["GET", "PUT"]
    for exchange in exchanges:
        assert list(exchange["request"]) == ["method", "url", "headers", "body"]
        assert list(exchange["response"]) == ["status", "headers", "body"]
    assert line["token"] not in file.read_text()


async def _sent_slowly(line: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A PUT that the faults file delays, sent and not answered."""
    body = json.dumps({"properties": {"displayName": "t"}})
    lines = (
        f"PUT {line['gateway']}/tags/t?api-version=2024-05-01 HTTP/1.1",
        f"Host: {line['arm'].removeprefix('http://')}",
        f"Authorization: Bearer {line['token']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    port = int(line["arm"].rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join((*lines, "", body)).encode())
    await writer.drain()
    return reader, writer


async def test_a_port_that_is_taken_is_named_and_nothing_is_started() -> None:
    async with listen(web.Application()) as url:
        port = int(url.rpartition(":")[2])
        process = await _start("--port-base", str(port - 4))
        out, errors = await process.communicate()

    assert (process.returncode, out) == (1, b"")
    assert str(port) in re.findall(r"\d+", errors.decode().partition("in use: ")[2])
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--world", "{file}"], 1, "accounts.0.nme: Extra inputs are not permitted"),
        (["--world", "/none"], 1, "world file /none: [Errno 2]"),
        (["--faults", "{file}"], 1, "faults file"),
        (["--faults", "/none"], 1, "faults file /none: [Errno 2]"),
        (["--gateway", "other"], 1, "no gateway is called 'other'; the world has: apim-onramp"),
        (["--app", "{empty}"], 1, "has no function_app.py"),
        (["--port-base", "65530"], 2, "65530 is not between 1 and 65525"),
        (["--event-time-scale", "-1"], 2, "-1 is not a factor of 0 or more"),
    ],
)
def test_what_is_wrong_is_said_in_words_and_nothing_is_printed(
    arguments: list[str],
    code: int,
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file.json"
    file.write_text('{"accounts": [{"nme": "x"}]}')

    given = [argument.format(file=file, empty=tmp_path) for argument in arguments]
    try:
        ended = command_line.main(["serve", "--json", *given])
    except SystemExit as exc:  # argparse's own
        ended = int(exc.code or 0)

    out, errors = capsys.readouterr()
    assert (ended, out) == (code, "")
    assert says in errors


async def _shell(script: str) -> str:
    process = await _run("-ec", script, command="bash")
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 240)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return out.decode()


async def _until_verified(environment: Path) -> None:
    ask = 'curl -s "$FUNCTIONS/api/deployments?state=verified" -H "x-functions-key: $KEY"'
    async with asyncio.timeout(240):
        while not json.loads(await _shell(f". {environment}; {ask}"))["deployments"]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_what_a_person_is_told_to_try_works_as_printed(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    process = await _run("-m", "sandbox", "serve", "--env-file", str(environment), "--quiet")
    assert process.stdout is not None
    try:
        text = (await process.stdout.readuntil(b"# the sweep")).decode()
        given, to_try = text.split("Try it, in another shell:\n")
        before, after = to_try.split("  # a key of the gateway")
        await _shell(before)
        await _until_verified(environment)

        answer = await _shell(f". {environment}\n  #{after.split('  # what the app knows')[0]}")

        assert answer == "contoso/gpt-4o heard: hello\n"
        commands = after.split("# what the app knows")[1].split("# the app's HTTP API")[0]
        told = await _shell(f". {environment}\n  #{commands}")
        assert [it for it in ('"deadLetters"', '"chapters"', '"plans"') if it not in told] == []
        url = await _shell(f'. {environment}; echo -n "$GATEWAY_URL"')
        assert f"  gateway     {url}\n" in given
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
    assert process.returncode == 0
