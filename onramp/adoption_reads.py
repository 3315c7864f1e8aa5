"""What stands on the gateway of an API that is not ours, and where it leads."""

import asyncio
from dataclasses import dataclass
from urllib.parse import quote

from onramp.adoption_losses import Side
from onramp.direct import Direct
from onramp.errors import CliError
from shared.adapters.arm import Answer
from shared.adapters.gateway_reads import API_VERSION
from shared.core.leads import leads_of
from shared.core.model import Account, Json
from shared.core.model_hosts import AccountHosts, host_of
from shared.core.outlook import Outlook
from shared.core.resource_kinds import POLICIES, kind_of
from shared.core.survey import GatewaySurvey, SurveyedApi


@dataclass(frozen=True, slots=True)
class Reader:
    direct: Direct

    async def api(self, name: str) -> Answer:
        found = await self.direct.arm.get(
            f"{self._root}/{_at(name)}", api_version=API_VERSION, until=self.direct.until
        )
        if found is None:
            raise CliError(
                f"there is no API {name} on {self.direct.settings.gateway_id.name}",
                "The portal shows an API's id under Settings; so does: az apim api list.",
            )
        return found

    async def products(self, name: str) -> tuple[str, ...]:
        """Of an API, whether it stands or not."""
        items = await self._list(f"{_at(name)}/products")
        return tuple(sorted(str(it.get("name")).lower() for it in items))

    async def subscriptions(self, name: str) -> tuple[str, ...]:
        """Those whose scope is this API alone; a scope is a whole resource id."""
        end = f"/apis/{name}".lower()
        items = await self._list("subscriptions")
        return tuple(
            sorted(
                str(it["properties"].get("displayName") or it.get("name"))
                for it in items
                if str(it["properties"].get("scope", "")).lower().endswith(end)
            )
        )

    async def survey(self, name: str) -> tuple[SurveyedApi, GatewaySurvey]:
        survey = await self.direct.survey.read(until=self.direct.until)
        for it in survey.apis:
            if it.name.lower() == name.lower():
                return it, survey
        raise CliError(f"{name} is in no list of the gateway's APIs", "Try again in a minute.")

    async def side(self, name: str, body: Json, api: SurveyedApi, survey: GatewaySurvey) -> Side:
        """All of it that its callers may miss."""
        operations, diagnostics = await asyncio.gather(
            self._list(f"{_at(name)}/operations"), self._list(f"{_at(name)}/diagnostics")
        )
        found = (it.get("properties") or {} for it in operations)
        return Side(
            body["properties"],
            policies={"": api.policy, **{it.name: it.policy for it in api.operations}},
            fragments=survey.fragments,
            operations=tuple((str(it.get("method")), str(it.get("urlTemplate"))) for it in found),
            diagnostics=tuple(str(it.get("name")) for it in diagnostics),
        )

    async def _list(self, path: str) -> list[Json]:
        pages = self.direct.arm.list(
            f"{self._root}/{path}", api_version=API_VERSION, until=self.direct.until
        )
        return [it async for it in pages]

    @property
    def _root(self) -> str:
        return self.direct.settings.gateway_id.arm_id


def side_of_ours(outlook: Outlook, ours: str) -> Side:
    """As it is to be."""
    resources = {it.path: it for it in outlook.wanted.resources}
    its = {path: it for path, it in resources.items() if path.startswith(f"{ours}/")}
    return Side(
        resources[ours].body["properties"],
        policies={
            path: it.body["properties"]["value"]
            for path, it in its.items()
            if kind_of(path) in POLICIES
        },
        operations=tuple((method, template) for _, method, template in resources[ours].operations),
        diagnostics=tuple(it.rpartition("/")[2] for it in its if "/diagnostics/" in it),
    )


def leads_elsewhere(api: SurveyedApi, survey: GatewaySurvey, account: Account) -> list[str]:
    """Warnings about where it leads besides, and about what was not understood.

    Raises:
        CliError: the API leads somewhere, and nowhere to *account*.
    """
    found, hosts = leads_of(api, survey), AccountHosts.of([account])
    reached = [it for it in found.leads if hosts.accounts(it)]
    others = sorted({host_of(it.url) for it in found.leads if not hosts.accounts(it)} - {""})
    if others and not reached:
        raise CliError(
            f"{api.name} leads to {', '.join(others)}, not to {account.id.name}",
            "Name the --account that it leads to.",
        )
    warnings = [f"Not understood of it: {it}." for it in sorted(found.unclear)]
    warnings += [f"It also leads to {it}, where ours won't." for it in others]
    return warnings


def _at(name: str) -> str:
    return f"apis/{quote(name, safe='')}"
