"""What one HTTP request to the local ARM goes through, from the wire to a provider and back.

One request walks: api-version, fault rule, bearer token, throttle, polling URL, dispatch, long-
running part, event. ``api-version`` comes first because ARM answers its absence to anonymous
callers too (github.com/MicrosoftDocs/feedback/issues/2279).
"""

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from sandbox.arm import faults as fault_rules
from sandbox.arm.dispatch import Dispatcher, operation_name
from sandbox.arm.errors import ArmError
from sandbox.arm.events import arm_write
from sandbox.arm.faults import Answer, Faults
from sandbox.arm.ids import RESOURCES, ResourcePath
from sandbox.arm.journal import Asked, Journal
from sandbox.arm.latency import Latency
from sandbox.arm.lro import Operations, Outcome
from sandbox.arm.provider import Context, Principal, Provider, Reply, Request
from sandbox.arm.recording import REDACTED, Recorder
from sandbox.arm.throttle import Throttle
from sandbox.arm.tokens import authenticate
from sandbox.contracts import ArmWrite

logger = logging.getLogger(__name__)

# "requests ... can't exceed 4 MB": learn.microsoft.com/azure/azure-resource-manager/management/
# request-limits-and-throttling
MAX_BODY = 4 * 1024 * 1024
_TOO_LARGE = ArmError(
    413, "RequestContentTooLarge", "The request content size exceeds the maximum size of 4 MB."
)
_EFFECTS = {"PUT", "PATCH", "POST", "DELETE"}


async def _unchanged(request: Request) -> Request:
    return request


@dataclass(frozen=True, slots=True)
class Options:
    """How this local ARM behaves; the defaults are fast, faultless and silent."""

    authority: str = "https://login.microsoftonline.com/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    on_write: Callable[[ArmWrite], None] = lambda _write: None
    latency: Latency = field(default_factory=Latency)
    faults: Faults = field(default_factory=Faults)
    throttle: Throttle = field(default_factory=Throttle)
    recorder: Recorder | None = None
    retry_after_s: int = 1
    # What a provider has to fetch before it can answer, as providers themselves never wait.
    prepare: Callable[[Request], Awaitable[Request]] = _unchanged


class FrontDoor:
    """Everything behind the listeners; tests look at ``journal``, ``operations``, ``faults``."""

    def __init__(self, context: Context, providers: Sequence[Provider], options: Options) -> None:
        self.context = context
        self.options = options
        self.dispatcher = Dispatcher(context, providers)
        self.operations = Operations(context, options.latency, options.retry_after_s)
        self.journal = Journal()
        self.closing = asyncio.Event()

    @property
    def faults(self) -> Faults:
        return self.options.faults

    async def answer(self, http: web.Request) -> web.StreamResponse:
        try:
            raw = await http.read()
        except web.HTTPRequestEntityTooLarge:
            reply = Reply(413, _TOO_LARGE.render())
            response = _response(http, reply, {})
            self._record(http, b"", reply, response)
            return response
        correlation = http.headers.get("x-ms-correlation-request-id") or str(uuid.uuid4())
        request = _request(http, correlation)
        fault = self.faults.pick(http.method, request.path.path)
        if fault is not None:
            await self._wait(fault.delay)
            if "before" in {fault.timeout, fault.drop}:
                return await self._cut(http, fault)
        principal = Principal(object_id="")
        limits: dict[str, str] = {}
        try:
            request = _check_version(request)
            principal = self._authenticate(request)
            request = replace(request, principal=principal)
            limits = self._throttle(request)
            _refuse_templates(request.path)
            _check_media_type(http, raw)
            reply = await self._reply(replace(request, body=_parse(raw)), fault)
        except ArmError as error:
            reply = Reply(error.status, error.render(), error.headers)
        except Exception:
            logger.exception("a provider of the local ARM broke")
            broken = ArmError(500, "InternalServerError", "Encountered internal server error.")
            reply = Reply(500, broken.render())
        asked = Asked(http.method, request.path.path, reply.status, principal.object_id)
        self.journal.note(asked)
        response = _response(http, reply, {**limits, **_trace_headers(http, correlation)})
        self._record(http, raw, reply, response)
        if fault is not None and "after" in {fault.timeout, fault.drop}:
            return await self._cut(http, fault)
        return response

    def perform(self, request: Request, fail_with: ArmError | None = None) -> Reply:
        """One request past the front door: dispatch, start what runs long, raise the event."""
        called = request.path
        request = replace(request, path=self.dispatcher.canonical(request.path))
        polled = self.operations.poll(request)
        if polled is not None:
            return polled
        if request.method not in _EFFECTS:
            return self.dispatcher.handle(request)

        def done(outcome: Outcome, is_create: bool | None = None) -> None:
            self.options.on_write(
                arm_write(request, called, outcome, is_create, self.context.clock())
            )

        try:
            reply = self.dispatcher.handle(request)
        except ArmError as error:
            done(error)
            raise
        is_create = reply.is_create if reply.is_create is not None else reply.status == 201
        if reply.long_running is None:
            done(reply, is_create)
            return reply
        return self.operations.start(
            request, reply, done=lambda outcome: done(outcome, is_create), fail_with=fail_with
        )

    async def _reply(self, request: Request, fault: Answer | None) -> Reply:
        operation = operation_name(self.dispatcher.canonical(request.path), request.method)
        await self._wait(self.options.latency.request_s(operation))
        request = await self.options.prepare(request)
        if fault is None:
            return self.perform(request)
        if fault.status is not None and not fault.effect:
            return fault.reply()
        failure = fault.operation
        fail_with = ArmError(failure.status, failure.code, failure.message) if failure else None
        reply = self.perform(request, fail_with)
        if fault.status is not None:
            return fault.reply()
        return fault_rules.shorten(request, reply, fault.listing) if fault.listing else reply

    def _authenticate(self, request: Request) -> Principal:
        return authenticate(
            request.headers,
            base_url=request.base_url,
            now=self.context.clock(),
            authority=self.options.authority,
        )

    def _throttle(self, request: Request) -> dict[str, str]:
        subscription = request.path.subscription
        if subscription is None:
            return {}
        who = request.principal.object_id
        return self.options.throttle.take(subscription.lower(), who, request.method)

    async def _wait(self, seconds: float) -> None:
        """Sleep, but not into the end of the server."""
        if seconds > 0:
            try:
                await asyncio.wait_for(self.closing.wait(), seconds)
            except TimeoutError:
                return

    async def _cut(self, http: web.Request, fault: Answer) -> web.StreamResponse:
        if fault.timeout:
            await self._wait(fault.seconds)
        if http.transport is not None:
            http.transport.abort()
        return web.Response(status=504)

    def _record(
        self, http: web.Request, raw: bytes, reply: Reply, response: web.StreamResponse
    ) -> None:
        if self.options.recorder is None:
            return
        self.options.recorder.write(
            {
                "method": http.method,
                "url": f"{base_url_of(http)}{http.raw_path}",
                "headers": dict(http.headers),
                "body": _readable(raw),
            },
            {
                "status": reply.status,
                "headers": dict(response.headers),
                "body": REDACTED if reply.secret else reply.body,
            },
        )


def base_url_of(http: web.Request) -> str:
    return f"{http.scheme}://{http.host}"


def _request(http: web.Request, correlation: str) -> Request:
    query = CIMultiDict(http.query)
    return Request(
        method=http.method,
        path=ResourcePath.parse(http.raw_path),
        query=CIMultiDictProxy(query),
        headers=http.headers,
        api_version=query.get("api-version", ""),
        base_url=base_url_of(http),
        correlation_id=correlation,
    )


def _check_version(request: Request) -> Request:
    if request.api_version:
        return request
    raise ArmError(
        400,
        "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
    )


def _refuse_templates(path: ResourcePath) -> None:
    """Before the body is read: az sends templates in a dialect that only ARM's own parser takes."""
    asked = (*path.types, (path.trailing or "").lower())
    own = path.explicit_provider and path.namespace.lower() == RESOURCES.lower()
    if own and "deployments" in asked:
        raise ArmError(
            400,
            "NotSupported",
            "Template deployments are not part of this local Azure; send single requests.",
        )


def _check_media_type(http: web.Request, raw: bytes) -> None:
    """A body must call itself JSON; curl's own form type is not enough.

    github.com/Azure/azure-cli/issues/10143, github.com/Azure/azure-powershell/issues/6639
    """
    named = http.headers.get("Content-Type")
    if not raw.strip() or http.content_type == "application/json":
        return
    raise ArmError(
        415,
        "UnsupportedMediaType",
        f"The content media type '{named or '<null>'}' is not supported. Only 'application/json' "
        "is supported.",
    )


def _parse(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except ValueError as exc:
        raise ArmError(
            400,
            "InvalidRequestContent",
            f"The request content was invalid and could not be deserialized: '{exc}'.",
        ) from exc


def _readable(raw: bytes) -> Any:
    try:
        return _parse(raw)
    except ArmError:
        return raw.decode("utf-8", "replace")


def _trace_headers(http: web.Request, correlation: str) -> Mapping[str, str]:
    """Ids of one exchange (resource-provider-contract, common-api-details.md)."""
    request_id = str(uuid.uuid4())
    headers = {
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": correlation,
        "x-ms-routing-request-id": f"SANDBOX:{request_id}",
    }
    client_id = http.headers.get("x-ms-client-request-id")
    if client_id and http.headers.get("x-ms-return-client-request-id", "").lower() == "true":
        headers["x-ms-client-request-id"] = client_id
    return headers


def _response(http: web.Request, reply: Reply, extra: Mapping[str, str]) -> web.Response:
    headers = {"Cache-Control": "no-cache", "Pragma": "no-cache", **extra, **reply.headers}
    if reply.body is None or http.method == "HEAD" or reply.status == 204:
        return web.Response(status=reply.status, headers=headers)
    return web.Response(
        status=reply.status,
        headers=headers,
        text=json.dumps(reply.body),
        content_type="application/json",
        charset="utf-8",
    )
