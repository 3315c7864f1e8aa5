"""Long-running operations: what goes on after the first answer, and where clients ask about it.

Rules: github.com/cloud-and-ai-microsoft/resource-provider-contract (async-api-reference.md) and
learn.microsoft.com/azure/azure-resource-manager/management/async-operations.

- ``Azure-AsyncOperation`` answers 200 with ``{"status": ...}`` all the time
- ``Location`` answers 202 until done, then the final answer, a failure with its own status
- ``Retry-After`` is 0 once the work is done and ``retry_after_s`` before: without the header
  azure-core waits 30 s between polls
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from sandbox.arm.errors import ArmError
from sandbox.arm.ids import ResourcePath
from sandbox.arm.latency import Latency
from sandbox.arm.provider import Context, LongRunning, Reply, Request
from sandbox.arm.system_data import timestamp
from sandbox.contracts import Json

logger = logging.getLogger(__name__)

type Outcome = Reply | ArmError
_ASYNC_CODES = {"200", "201", "202", "204"}
_POLL_TYPES = ("operationstatuses", "operationresults")


@dataclass(slots=True)
class _Operation:
    id: str
    request: Request
    work: LongRunning
    done: Callable[[Outcome], None]
    fail_with: ArmError | None
    started: datetime
    code: str  # the status of the final answer at an ``asyncId`` URL
    status: Literal["InProgress", "Succeeded", "Failed"] = "InProgress"
    outcome: Outcome | None = None
    ended: datetime | None = None


@dataclass(slots=True)
class Operations:
    context: Context
    latency: Latency
    retry_after_s: int = 1
    _all: dict[str, _Operation] = field(default_factory=dict)
    _held: list[re.Pattern[str]] = field(default_factory=list)
    _waiting: list[_Operation] = field(default_factory=list)
    _timers: set[asyncio.TimerHandle] = field(default_factory=set)

    def hold(self, operation: str) -> None:
        """Keep operations of matching name (a pattern) in progress until ``release``."""
        self._held.append(re.compile(operation, re.IGNORECASE))

    def release(self) -> None:
        """Finish, in order, everything that was held."""
        self._held.clear()
        waiting, self._waiting = self._waiting, []
        for operation in waiting:
            self._finish(operation)

    def start(
        self,
        request: Request,
        reply: Reply,
        *,
        done: Callable[[Outcome], None],
        fail_with: ArmError | None = None,
    ) -> Reply:
        """Begin the reply's long-running part; the first answer with its polling headers."""
        work = reply.long_running
        if work is None:
            return reply
        operation = _Operation(
            id=uuid.uuid4().hex[:24],
            request=request,
            work=work,
            done=done,
            fail_with=fail_with,
            started=self.context.clock(),
            code="201" if reply.is_create or reply.status == 201 else "200",
        )
        self._all[operation.id] = operation
        self.context.locks.acquire(work.locks)
        self._schedule(operation)
        headers = {**reply.headers, **_poll_headers(operation, reply.status)}
        return replace(reply, headers={**headers, **self._retry_after(operation)})

    def poll(self, request: Request) -> Reply | None:
        """The answer of a polling URL; None when the request is not about an operation."""
        async_id = request.query.get("asyncId")
        if async_id is not None and request.method == "GET" and async_id in self._all:
            code = request.query.get("asyncCode", "")
            return self._result(self._all[async_id], int(code) if code in _ASYNC_CODES else None)
        kind = request.path.types[-1] if request.path.types else ""
        if kind not in _POLL_TYPES or request.method not in {"GET", "HEAD"}:
            return None
        operation = self._all.get(request.path.name)
        if operation is None:
            raise ArmError(
                404, "ResourceNotFound", f"The operation '{request.path.name}' was not found."
            )
        return self._status(operation) if kind == _POLL_TYPES[0] else self._result(operation, None)

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()

    @property
    def in_progress(self) -> int:
        return sum(1 for operation in self._all.values() if operation.status == "InProgress")

    def _schedule(self, operation: _Operation) -> None:
        if any(pattern.search(operation.work.operation) for pattern in self._held):
            self._waiting.append(operation)
            return
        seconds = self.latency.operation_s(operation.work.operation)
        if seconds <= 0:
            self._finish(operation)
        else:
            self._later(seconds, lambda: self._finish(operation))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)

    def _finish(self, operation: _Operation) -> None:
        work = operation.work
        operation.outcome = _outcome(operation)
        operation.status = "Failed" if isinstance(operation.outcome, ArmError) else "Succeeded"
        operation.ended = self.context.clock()
        if work.linger_s and operation.status == "Succeeded":
            self._later(work.linger_s, lambda: self.context.locks.release(work.locks))
        else:
            self.context.locks.release(work.locks)
        operation.done(operation.outcome)

    def _retry_after(self, operation: _Operation) -> dict[str, str]:
        seconds = self.retry_after_s if operation.status == "InProgress" else 0
        return {"Retry-After": str(seconds)}

    def _status(self, operation: _Operation) -> Reply:
        body: Json = {
            "id": status_path(operation.request.path, operation.id),
            "name": operation.id,
            "status": operation.status,
            "startTime": timestamp(operation.started),
        }
        if operation.ended is not None:
            body["endTime"] = timestamp(operation.ended)
        if isinstance(operation.outcome, ArmError):
            body["error"] = operation.outcome.render()["error"]
        headers = self._retry_after(operation) if operation.ended is None else {}
        return Reply(body=body, headers=headers)

    def _result(self, operation: _Operation, async_code: int | None) -> Reply:
        match operation.outcome:
            case None:
                location = _poll_headers(operation, 202)["Location"]
                return Reply(202, headers={"Location": location, **self._retry_after(operation)})
            case ArmError() as error:
                raise error
            case Reply() as reply:
                status = async_code if async_code and reply.body is not None else reply.status
                return replace(reply, status=status, long_running=None)


def _outcome(operation: _Operation) -> Outcome:
    work = operation.work
    try:
        if operation.fail_with is None:
            return work.finish()
        if work.fail is not None:
            work.fail()
    except ArmError as error:
        return error
    except Exception:
        logger.exception("a long-running operation of the local ARM broke")
        return ArmError(500, "InternalServerError", "Encountered internal server error.")
    return operation.fail_with


def status_path(path: ResourcePath, operation_id: str) -> str:
    return _poll_path(path, "operationStatuses", operation_id)


def _poll_path(path: ResourcePath, kind: str, operation_id: str) -> str:
    scope = f"/subscriptions/{path.subscription}" if path.subscription else ""
    if not path.explicit_provider:
        return f"{scope}/{kind}/{operation_id}"
    return f"{scope}/providers/{path.namespace}/locations/global/{kind}/{operation_id}"


def _poll_headers(operation: _Operation, first_status: int) -> dict[str, str]:
    request = operation.request
    version = f"api-version={request.api_version}"

    def at(path: str) -> str:
        return f"{request.base_url}{path}?{version}"

    status = at(_poll_path(request.path, "operationStatuses", operation.id))
    result = at(_poll_path(request.path, "operationResults", operation.id))
    if operation.work.poll == "location":
        return {"Location": result}
    if operation.work.poll == "async-operation":
        return {"Azure-AsyncOperation": status, "Location": result}
    own = f"{request.base_url}{request.path.url_path}?{version}"
    headers = {"Location": f"{own}&asyncId={operation.id}&asyncCode={operation.code}"}
    return headers if first_status == 202 else {**headers, "Azure-AsyncOperation": status}
