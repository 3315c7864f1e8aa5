"""What a dry run answers for a small world, word for word: what people and programs read."""

import json
import re
from pathlib import Path
from typing import Any

from shared.core.naming import unit_hash
from shared.core.resource_ids import AccountId
from tests.stage import Stage

FILE = Path(__file__).parent / "plan_answer.json"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def test_a_dry_run_answers_what_the_golden_file_says(stage: Stage, regenerate: bool) -> None:
    account = await stage.account()
    await stage.deploy(account)
    await stage.deploy(account, "films", model={"format": "OpenAI", "name": "sora-2"})
    await stage.quiet()
    await tamper(stage, account)

    wish = {"account": account, "dryRun": True}
    async with stage.app.post("/api/reimport", json=wish) as response:
        found = stable(await response.json(), AccountId.parse(account))
    if regenerate:
        FILE.write_text(found)

    assert FILE.is_file(), "run pytest tests/golden --regenerate, and read what it wrote"
    assert found == FILE.read_text()


async def tamper(stage: Stage, account: str) -> None:
    """Somebody raises a limit in the portal, and renames a backend."""
    api = (await stage.served(account))["openai"]
    path = f"apis/{api.name}/policies/policy"
    text = (await stage.policy(account, "openai")).replace("10000", "99000")
    await stage.own(path, {"properties": {"format": "rawxml", "value": text}})
    backend = await stage.gateway(f"backends/{api.name}-ai-endpoint") or {}
    renamed = {**backend["properties"], "title": "Our backend"}
    await stage.own(f"backends/{api.name}-ai-endpoint", {"properties": renamed})


def stable(answer: Any, unit: AccountId) -> str:
    """*answer* without what is another one with every account."""
    text = json.dumps(answer, indent=2, ensure_ascii=False) + "\n"
    for plan in answer["plans"]:
        text = text.replace(plan["digest"], "<digest>")
    text = text.replace(unit_hash(unit), "<unit>").replace(unit.name, "contoso")
    return _GUID.sub("<guid>", text)
