"""Outcome events: what a run changed, as CloudEvents on an Event Grid custom topic."""

import asyncio
import logging
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.core.messaging import CloudEvent
from azure.eventgrid.aio import EventGridPublisherClient

from shared import logs
from shared.adapters.plain_http import http_policies
from shared.core.runs import Run

logger = logging.getLogger(__name__)

_TYPE = "ModelOnramp.RunEnded"
_PATIENCE_S = 10


class NoOutcomes:
    """The Outcomes port where no topic is set."""

    async def publish(self, run: Run) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Hold nothing."""


class TopicOutcomes:
    """The Outcomes port on a custom topic."""

    def __init__(self, credential: AsyncTokenCredential, endpoint: str) -> None:
        policies = http_policies(endpoint)
        self._client = EventGridPublisherClient(endpoint, credential, per_call_policies=policies)

    async def close(self) -> None:
        await self._client.close()

    async def publish(self, run: Run) -> None:
        if not run.writes and run.verdicts is not None:
            return  # nothing changed
        event = CloudEvent(
            source="/model-onramp", type=_TYPE, subject=run.unit.arm_id, data=_data(run)
        )
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._client.send(event)
        except (
            AzureError,
            TimeoutError,
        ) as exc:  # best effort: the gateway stands whether or not anybody hears it
            logs.error(logger, "outcome event not sent", exc)


def _data(run: Run) -> dict[str, Any]:
    return {
        "run": run.ids[0],
        "status": run.status.value,
        "changes": [
            {
                "action": item.change.action.value,
                "path": item.change.path,
                "status": item.status.value,
            }
            for item in run.changes
        ],
        "deployments": [
            {"name": verdict.name, "state": verdict.state.value, "reason": verdict.reason}
            for verdict in run.verdicts or ()
        ],
    }
