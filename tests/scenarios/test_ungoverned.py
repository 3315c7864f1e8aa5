"""What reaches models past the app is found: made by hand, by the portal's wizard, or left over."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.client import GATEWAY_VERSION
from tests.scenarios.api import get
from tests.stage import Stage, a_stage

WIZARD = """\
<policies>
  <inbound>
    <base />
    <set-backend-service id="apim-generated-policy" backend-id="{backend}" />
    <authentication-managed-identity resource="https://cognitiveservices.azure.com/" />
  </inbound>
  <backend><base /></backend>
  <outbound><base /></outbound>
  <on-error><base /></on-error>
</policies>"""


@pytest.fixture(scope="module")
async def fresh() -> AsyncIterator[Stage]:
    async with a_stage() as stage:
        yield stage


async def findings(stage: Stage, api: str) -> dict[str, Any]:
    """What is found of an API when somebody looks now, by kind."""
    found = await get(stage, "ungoverned", fresh="true")
    return {it["kind"]: it for it in found["findings"] if it["api"] == api}


async def an_account(stage: Stage, *names: str) -> str:
    account = await stage.account()
    for name in names:
        await stage.deploy(account, name)
    await stage.quiet()
    return account


async def an_api(stage: Stage, name: str, service_url: str = "") -> None:
    properties = {
        "displayName": name,
        "path": name,
        "protocols": ["https"],
        **({"serviceUrl": service_url} if service_url else {}),
    }
    await stage.own(f"apis/{name}", {"properties": properties})


def host_of(account: str) -> str:
    return f"https://{account.rpartition('/')[2]}.openai.azure.com"


async def test_a_gateway_with_our_apis_alone_has_nothing_ungoverned(fresh: Stage) -> None:
    await an_account(fresh, "gpt-4o")

    assert (await get(fresh, "ungoverned", fresh="true"))["findings"] == []


async def test_a_hand_made_api_that_leads_past_us_is_found(fresh: Stage) -> None:
    account = await an_account(fresh, "gpt-4o", "second")
    await an_api(fresh, "by-hand", f"{host_of(account)}/openai")

    found = await findings(fresh, "by-hand")
    await fresh.arm.delete(
        f"{fresh.azure.gateway_id}/apis/by-hand", version=GATEWAY_VERSION, if_match="*"
    )

    assert found.keys() == {"bypass"}
    assert found["bypass"]["account"].lower() == account.lower()
    assert found["bypass"]["deployments"] == ["gpt-4o", "second"]
    assert "not ours" in found["bypass"]["words"]
    assert await findings(fresh, "by-hand") == {}


async def test_what_the_wizard_made_reaches_what_is_not_onboarded(fresh: Stage) -> None:
    account = await an_account(fresh, "gpt-4o")
    await fresh.deploy(account, "private", tags={"onramp:skip": "true"})
    await fresh.quiet()
    backend = f"{account.rpartition('/')[2]}-ai-endpoint"
    await fresh.own(
        f"backends/{backend}",
        {"properties": {"url": f"{host_of(account)}/openai", "protocol": "http"}},
    )
    await an_api(fresh, "from-wizard")
    policy = {"format": "xml", "value": WIZARD.format(backend=backend)}
    await fresh.own("apis/from-wizard/policies/policy", {"properties": policy})

    found = await findings(fresh, "from-wizard")

    assert found.keys() == {"bypass", "reachable"}
    assert found["reachable"]["deployments"] == ["private"]
    assert found["bypass"]["deployments"] == ["gpt-4o"]
    assert "made by the portal's wizard" in found["bypass"]["words"]


async def test_an_account_that_nobody_watches_is_found(fresh: Stage) -> None:
    await an_api(fresh, "elsewhere", "https://someone-elses.openai.azure.com/openai")

    found = await findings(fresh, "elsewhere")

    assert found.keys() == {"unknown-account"}
    assert found["unknown-account"]["host"] == "someone-elses.openai.azure.com"


async def test_the_answer_is_kept_for_a_while_unless_somebody_wants_it_fresh(fresh: Stage) -> None:
    account = await an_account(fresh, "gpt-4o")
    before = await get(fresh, "ungoverned", fresh="true")
    await an_api(fresh, "meanwhile", f"{host_of(account)}/openai")

    assert await get(fresh, "ungoverned") == before
    assert (await findings(fresh, "meanwhile")).keys() == {"bypass"}
