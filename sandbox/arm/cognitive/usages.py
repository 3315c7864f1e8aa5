"""How much of each model's quota is used: what scripts look at before they deploy.

Shape: Azure/azure-cli, cognitiveservices/tests/latest/recordings/
test_cognitiveservices_list_usages.yaml. The real quota is per region, this one per subscription.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from sandbox.arm.cognitive.catalogue import Catalogue
from sandbox.arm.cognitive.deployments import TYPE
from sandbox.arm.provider import Context, Reply, Request
from sandbox.contracts import Json

_SKUS = ("Standard", "GlobalStandard", "DataZoneStandard")
_UNLIMITED = 100_000  # shown where the world sets no quota


def list_usages(
    context: Context, catalogue: Catalogue, quotas: Mapping[str, int], request: Request
) -> Reply:
    """GET locations/{location}/usages."""
    used = _used(context, f"/subscriptions/{request.path.subscription}")
    return Reply(body={"value": list(_rows(catalogue, quotas, used))})


def _used(context: Context, scope: str) -> Counter[str]:
    used: Counter[str] = Counter()
    for entry in context.store.of_type(TYPE, scope):
        sku, model = entry.body["sku"], entry.body["properties"]["model"]
        used[f"{sku['name']}.{model['name']}"] += sku["capacity"]
    return used


def _rows(catalogue: Catalogue, quotas: Mapping[str, int], used: Counter[str]) -> Iterator[Json]:
    for format_, name in dict.fromkeys((model.format, model.name) for model in catalogue.models):
        for sku in _SKUS:
            key = f"{sku}.{name}"
            text = f"Tokens Per Minute (thousands) - {name} - {sku}"
            yield {
                "name": {"value": f"{format_}.{key}", "localizedValue": text},
                "currentValue": used[key],
                "limit": quotas.get(key, _UNLIMITED),
                "unit": "Count",
            }
