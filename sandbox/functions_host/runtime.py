"""The one room that knows azure-functions-runtime: indexing and invoking, below its public surface.

``native_invocation`` takes and returns the runtime's own ``Datum`` values, so neither protobuf nor
gRPC is needed, and the converters are the official ones. It is an internal seam of version 1.3.0:
pin it exactly and run the tests on every upgrade. The registry is global: one process, one app.
"""

import os
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as _runtime  # type: ignore[import-untyped]
from azure_functions_runtime.bindings.datumdef import Datum  # type: ignore[import-untyped]
from azure_functions_runtime.native_invocation import (  # type: ignore[import-untyped]
    invocation_request_native,
)

from sandbox.functions_host.errors import StartupError
from sandbox.functions_host.retries import RetryPolicy

__all__ = ["Datum", "IndexedFunction", "Outcome", "current_invocation_id", "index", "invoke"]


@dataclass(frozen=True, slots=True)
class IndexedFunction:
    """One function as the runtime's index describes it; ``raw_bindings`` are JSON texts."""

    name: str
    function_id: str
    raw_bindings: tuple[str, ...]
    retry: RetryPolicy | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one invocation; ``error`` and ``trace`` are set when it failed."""

    returned: Datum | None = None
    outputs: tuple[tuple[str, Datum], ...] = ()
    error: str | None = None
    trace: str = ""


def _message(name: str, **constants: Any) -> type:
    return type(name, (SimpleNamespace,), constants)


# Stand-in for the protobuf module that the worker passes in; only these names are used.
_PROTOS = SimpleNamespace(
    StatusResult=_message("StatusResult", Failure=0, Success=1, Cancelled=2),
    BindingInfo=_message(
        "BindingInfo",
        **{"in": 0, "out": 1, "inout": 2, "undefined": 0},
        Direction={"in": 0, "out": 1, "inout": 2},
    ),
    RpcException=_message("RpcException"),
    WorkerInitResponse=_message("WorkerInitResponse"),
    WorkerMetadata=_message("WorkerMetadata"),
    RpcFunctionMetadata=_message("RpcFunctionMetadata"),
    FunctionMetadataResponse=_message("FunctionMetadataResponse"),
    RpcRetryOptions=_message("RpcRetryOptions"),
)


async def index(app_dir: Path) -> list[IndexedFunction]:
    """Import the app and list its functions; StartupError carries the runtime's own message."""
    script = os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    if not (app_dir / script).exists():
        raise StartupError(f"no {script} in {app_dir.name}: only v2-model apps are hosted")
    sys.path.insert(0, str(app_dir))
    _runtime.start_threadpool_executor()
    init = SimpleNamespace(capabilities={}, function_app_directory=str(app_dir))
    request = SimpleNamespace(
        request=SimpleNamespace(worker_init_request=init),
        properties={"protos": _PROTOS, "host": "127.0.0.1"},
    )
    answer = await _runtime.worker_init_request(request)
    if answer.result.status != _PROTOS.StatusResult.Success:
        problem = answer.result.exception
        raise StartupError(f"{problem.message}\n{problem.stack_trace}".rstrip())
    metadata = await _runtime.functions_metadata_request(SimpleNamespace(request=None))
    return [_indexed(item) for item in metadata.function_metadata_results or ()]


async def invoke(
    invocation_id: str,
    function_id: str,
    inputs: list[tuple[str, Datum]],
    metadata: dict[str, Datum],
) -> Outcome:
    """Run one function; what the app raises comes back in the outcome.

    The host hands its own trace context over (ScriptInvocationContextExtensions.cs,
    GetRpcTraceContext in Azure/azure-functions-host); the worker puts it to use under
    PYTHON_ENABLE_OPENTELEMETRY.
    """
    trace_parent = f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
    ok, returned, outputs, error, trace = await invocation_request_native(
        invocation_id, function_id, inputs, metadata, trace_parent
    )
    if not ok:
        return Outcome(error=error or "the function failed", trace=trace or "")
    if returned is not None and returned.type is None:
        returned = None
    return Outcome(returned=returned, outputs=tuple(outputs))


def current_invocation_id() -> str | None:
    """The invocation that this code, or this pool thread, is running."""
    value: str | None = _runtime.invocation_id_cv.get()
    return value


def _indexed(item: Any) -> IndexedFunction:
    return IndexedFunction(
        name=item.name,
        function_id=item.function_id,
        raw_bindings=tuple(item.raw_bindings),
        retry=None if item.retry_options is None else _retry(item.retry_options),
    )


def _retry(options: Any) -> RetryPolicy:
    fixed = getattr(options, "delay_interval", None)
    return RetryPolicy(
        max_retries=options.max_retry_count,
        shortest=options.minimum_interval if fixed is None else fixed,
        longest=options.maximum_interval if fixed is None else fixed,
    )
