"""What llm-emit-token-metric would send to Application Insights."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenMetric:
    """One request's tokens.

    The three values are those of learn.microsoft.com/azure/api-management/
    llm-emit-token-metric-policy: prompt, completion, total.
    """

    namespace: str
    dimensions: Mapping[str, str]
    prompt: int
    completion: int
    total: int
