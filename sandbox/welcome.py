"""What a person reads when the local Azure is up: where it is and what to try next."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.local_azure import LocalAzure

_TRY = """
Try it, in another shell:

  . {env}

  # an account and a model deployment on it, as az would create them
  curl -sw "\\n" -X PUT "$ARM$GROUP/providers/Microsoft.CognitiveServices/accounts/contoso?api-version=2025-06-01" \\
    -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{{"location":
    "swedencentral", "kind": "AIServices", "sku": {{"name": "S0"}}, "properties": {{"customSubDomainName": "contoso"}}}}'
  curl -sw "\\n" -X PUT "$ARM$GROUP/providers/Microsoft.CognitiveServices/accounts/contoso/deployments/gpt-4o?api-version=2025-06-01" \\
    -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{{"sku":
    {{"name": "GlobalStandard", "capacity": 10}}, "properties": {{"model": {{"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}}}}}}'

  # its APIs in API Management, a second later
  curl -s "$ARM$GATEWAY/apis?api-version=2024-05-01" -H "Authorization: Bearer $TOKEN" | python3 -m json.tool

  # a key of the gateway, and openai's client with it, as soon as the deployment is verified
  export GATEWAY_KEY=$(curl -s -d "" "$ARM$GATEWAY/subscriptions/master/listSecrets?api-version=2024-05-01" \\
    -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" | python3 -c 'import json, sys; print(json.load(sys.stdin)["primaryKey"])')
  {python} -c '
import openai, os
client = openai.OpenAI(base_url=os.environ["GATEWAY_URL"] + "/contoso/openai/v1", api_key=os.environ["GATEWAY_KEY"])
print(client.chat.completions.create(model="gpt-4o", messages=[{{"role": "user", "content": "hello"}}]).choices[0].message.content)'

  # what the app knows, why, and what it would do
  {python} -m onramp status
  {python} -m onramp why contoso/gpt-4o
  {python} -m onramp plan

  # the same on the gateway itself, without the app (docs/command-line.md)
  {python} -m onramp plan --gateway "$GATEWAY"

  # the app's HTTP API: a look at everything again
  curl -sw "\\n" -X POST "$FUNCTIONS/api/reimport" -H "x-functions-key: $KEY" -d '{{"all": true}}'

  # the sweep, without waiting for the timer
  curl -sX POST "$FUNCTIONS/admin/functions/sweep" -H "x-functions-key: $MASTER_KEY" \\
    -H "Content-Type: application/json" -d '{{"input": ""}}'
"""


def welcome(azure: LocalAzure, file: Path | None) -> str:
    points = azure.endpoints
    rows = [
        ("ARM", points.arm),
        ("ARM, https", points.extra.get("armTls", "")),
        ("trust", points.extra.get("ca", "")),
        ("identity", points.identity),
        ("Event Grid", points.event_grid),
        ("Functions", points.functions),
        ("board", azure.board if azure.app else ""),
        ("blobs", points.blob),
        ("queues", points.queue),
        ("tables", points.table),
        ("models", points.extra["models"]),
        ("gateway", points.extra["gatewayUrl"]),
        ("gateway id", azure.gateway_id),
    ]
    lines = [f"  {name:11} {value}" for name, value in rows if value]
    text = "\n".join(["A local Azure is up. Ctrl-C ends it.", "", *lines])
    if file is not None and azure.app is not None:
        text += "\n" + _TRY.format(env=file, python=shlex.quote(sys.executable))
    return text


@contextmanager
def env_file(path: Path | None, azure: LocalAzure) -> Iterator[None]:
    """Keep the endpoints in *path*, for a shell to source, while the local Azure is up."""
    if path is None:
        yield
        return
    points = azure.endpoints
    values = {
        "ARM": points.arm,
        "FUNCTIONS": points.functions,
        "GATEWAY": azure.gateway_id,
        "GATEWAY_URL": points.extra["gatewayUrl"],
        "GROUP": azure.gateway_id.partition("/providers/")[0],
        "KEY": points.extra.get("functionKey", ""),
        "MASTER_KEY": points.extra.get("masterKey", ""),
        "TOKEN": azure.token(),
        # For the command line and azure-identity, which signs in as the local tenant's application.
        "ONRAMP_ARM_ENDPOINT": points.arm,
        "IDENTITY_ENDPOINT": f"{points.identity}/msi/token",
        "IDENTITY_HEADER": points.extra["identityHeader"],
    }
    if azure.app is None:
        values["ONRAMP_GATEWAY_ID"] = azure.gateway_id
    else:
        values |= {"ONRAMP_APP": points.functions, "ONRAMP_KEY": points.extra["functionKey"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"export {name}={shlex.quote(it)}\n" for name, it in values.items()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
