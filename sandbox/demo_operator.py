"""The operator's part of the demo: ask why, try it first, run it again, see it."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from sandbox.client import GATEWAY_VERSION, ArmClient
from sandbox.contracts import Json
from sandbox.demo_timeline import Timeline

_BY_HAND = "Contoso's models (do not change)"
_SHADOW = "marketing-pilot"


class OperatorFailedError(Exception):
    """The app did not say or do what it should."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with a key of the app, and with rights on the gateway.

    Attributes:
        until: Waits for what it is told, by its name.
    """

    timeline: Timeline
    arm: ArmClient
    app: aiohttp.ClientSession
    gateway_id: str
    until: Callable[[str, Callable[[], Awaitable[bool]]], Awaitable[None]]

    async def ask_why(self, account: str, name: str) -> None:
        found = await self._get("deployments", account=account, name=name)
        (deployment,) = found["deployments"]
        self._you(f"GET /api/deployments/{deployment['id']}/why")
        story = await self._get(f"deployments/{deployment['id']}/why")
        self._app(story["chapters"][0]["words"])
        self._app(f"what to do: {story['advice']}")

    async def put_right(self, account: str) -> None:
        """Change something by hand, see the plan, and say yes to just that."""
        api = await self._an_api_of(account)
        path = f"{self.gateway_id}/apis/{api['name']}"
        self._you(f"rename the API {api['name']} by hand")
        properties = {**api["properties"], "displayName": _BY_HAND}
        await self.arm.put(path, {"properties": properties}, version=GATEWAY_VERSION)
        wish = {"account": await self._account_id(account)}
        self._you("POST /api/reimport with dryRun: true")
        (plan,) = (await self._post("reimport", {**wish, "dryRun": True}))["plans"]
        (change,) = [it for it in plan["changes"] if it["action"] != "keep"]
        drift = change["drift"][0]
        self._app(f"plan {plan['digest']}: {change['action']} {change['path']}")
        self._app(f"{drift['field']}: {drift['actual']!r} -> {drift['desired']!r}")
        self._you(f"apply plan {plan['digest']}")
        run = (await self._post("reimport", {**wish, "digest": plan["digest"]}))["run"]["id"]

        async def done() -> bool:
            return bool((await self._get(f"runs/{run}"))["status"] == "succeeded")

        await self.until("the plan to be applied", done)
        (unit,) = (await self._get(f"runs/{run}"))["units"]
        self._app(f"{unit['writes']} write, {unit['armCalls']} calls of ARM")
        if unit["drifted"] != [change["path"]]:
            raise OperatorFailedError(f"what was changed by hand is not told: {unit}")

    async def find_what_goes_past(self, account: str) -> None:
        """Make an API by hand, as people do, and have it found."""
        host = f"https://{account}.openai.azure.com/openai"
        body = {"displayName": "Pilot", "path": _SHADOW, "protocols": ["https"], "serviceUrl": host}
        self._you(f"make an API {_SHADOW} by hand that leads to {host}")
        path = f"{self.gateway_id}/apis/{_SHADOW}"
        await self.arm.put(path, {"properties": body}, version=GATEWAY_VERSION)
        operation = {
            "displayName": "Anything",
            "method": "POST",
            "urlTemplate": "/deployments/{deployment-id}/chat/completions",
            "templateParameters": [{"name": "deployment-id", "type": "string", "required": True}],
        }
        await self.arm.put(
            f"{path}/operations/any", {"properties": operation}, version=GATEWAY_VERSION
        )
        self._you("GET /api/ungoverned?fresh=true")
        found = (await self._get("ungoverned", fresh="true"))["findings"]
        if not found:
            raise OperatorFailedError(f"{_SHADOW} was not found")
        for finding in found:
            names = ", ".join(finding["deployments"])
            said = f"{finding['kind']}: {finding['api']} reaches {names}"
            self.timeline.say("app", said, style="yellow")

    async def open_the_board(self, url: str) -> None:
        async with self.app.get(url.partition("#")[0]) as page:
            text = await page.text()
        health = await self._get("health")
        if page.status != 200 or "<main" not in text or not health["lastSweep"]:
            raise OperatorFailedError(f"the board has nothing to show: {page.status}, {health}")
        self._app(f"{health['status']}: {'; '.join(health['problems']) or 'nothing to do'}")
        self.timeline.say("board", url, style="bold green")

    async def _account_id(self, account: str) -> str:
        units = (await self._get("units"))["units"]
        return next(str(it["account"]) for it in units if it["account"].endswith(f"/{account}"))

    async def _an_api_of(self, account: str) -> Json:
        apis = await self.arm.list(f"{self.gateway_id}/apis", version=GATEWAY_VERSION)
        ours = re.compile(rf"{account}-azure-openai-[0-9a-f]{{12}}")
        return next(it for it in apis if ours.fullmatch(it["name"]))

    async def _get(self, path: str, **query: str) -> Json:
        async with self.app.get(f"/api/{path}", params=query) as response:
            return await _read(response, f"GET /api/{path}")

    async def _post(self, path: str, body: Json) -> Json:
        async with self.app.post(f"/api/{path}", json=body) as response:
            return await _read(response, f"POST /api/{path}")

    def _you(self, what: str) -> None:
        self.timeline.say("you", what, style="bold")

    def _app(self, what: str) -> None:
        self.timeline.say("app", what, style="green")


async def _read(response: aiohttp.ClientResponse, what: str) -> Json:
    answer: Json = await response.json()
    if response.status >= 400:
        raise OperatorFailedError(f"{what}: {response.status} {answer}")
    return answer
