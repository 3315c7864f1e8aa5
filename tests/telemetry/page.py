"""docs/telemetry.md, in parts."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/telemetry.md").read_text()
QUERIES = re.findall(r"```kusto\n(.*?)```", PAGE, re.DOTALL)
PROPERTY = re.compile(r"Properties(?:\.(\w+)|\[\"([\w.]+)\"\])")
TABLES = {  # learn.microsoft.com/azure/azure-monitor/app/data-model-complete
    "AppTraces": "MessageData",
    "AppDependencies": "RemoteDependencyData",
    "AppMetrics": "MetricData",
}
