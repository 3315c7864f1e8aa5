"""How long things take: nothing in ``none``, what was seen in the wild in ``realistic``.

A row is (pattern over the operation name, seconds of one request, seconds of its long-running
part, source). The first match wins. Times are medians; every use is jittered by -30..+50 %
from a seeded generator.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

type Profile = Literal["none", "realistic"]

_ROWS: tuple[tuple[str, float, float, str], ...] = (
    (
        r"^Microsoft\.ApiManagement/service/apis/write$",
        1.4,
        10.0,
        # the call, then the import
        "github.com/Azure/azure-powershell/issues/14778, .../terraform-provider-azurerm/27963",
    ),
    (
        r"^Microsoft\.ApiManagement/service/.*/policies/(write|delete)$",
        1.0,
        1.0,
        "github.com/hashicorp/terraform-provider-azurerm/issues/27963",
    ),
    (
        r"^Microsoft\.ApiManagement/service/write$",
        2.0,
        30 * 60.0,
        "learn.microsoft.com/azure/api-management/get-started-create-service-instance (30-40 min)",
    ),
    (
        r"^Microsoft\.CognitiveServices/accounts/deployments/(write|delete)$",
        1.0,
        20.0,
        "UNVERIFIED: tens of seconds, github.com/Azure/azure-dev/issues/9398",
    ),
    (r"^Microsoft\.CognitiveServices/accounts/(write|delete)$", 1.0, 15.0, "UNVERIFIED"),
    (r"/(write|delete|action)$", 0.5, 3.0, "UNVERIFIED"),
    (r"", 0.15, 0.0, "UNVERIFIED: a plain read"),
)


@dataclass(slots=True)
class Latency:
    """``scale`` shortens realistic times; ``overrides`` fixes an operation's long-running part."""

    profile: Profile = "none"
    seed: int = 0
    scale: float = 1.0
    overrides: Mapping[str, float] = field(default_factory=dict)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - jitter, not a secret

    def request_s(self, operation: str) -> float:
        return self._time(operation, 1)

    def operation_s(self, operation: str) -> float:
        if operation in self.overrides:
            return self.overrides[operation]
        return self._time(operation, 2)

    def _time(self, operation: str, column: Literal[1, 2]) -> float:
        if self.profile == "none":
            return 0.0
        row = next(row for row in _ROWS if re.search(row[0], operation, re.IGNORECASE))
        return row[column] * self.scale * self._random.uniform(0.7, 1.5)
