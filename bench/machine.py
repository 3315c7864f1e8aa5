"""What this machine is, how busy, and what a process uses of it."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process: seconds of CPU and bytes of memory, at its peak where the system says."""

    cpu_s: float
    peak_bytes: int


def usage(pid: int | None) -> Usage:
    """What process *pid* has used so far."""
    if pid is None:
        return Usage(0.0, 0)
    if (_PROC / str(pid)).exists():
        return _from_proc(_PROC / str(pid))
    return _from_ps(pid)


def machine() -> dict[str, str | float]:
    """What a reader has to know to compare figures."""
    return {
        "cores": os.cpu_count() or 0,
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _from_proc(folder: Path) -> Usage:
    # proc(5): the name in brackets may hold spaces; utime and stime are fields 14 and 15.
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = (folder / "status").read_text().splitlines()
    peak = next((line for line in status if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return Usage(cpu_s, int(peak.split()[1]) * 1024)


def _from_ps(pid: int) -> Usage:
    """Elsewhere `ps` says what is used now, which is less than the peak."""
    command = ["ps", "-o", "time=,rss=", "-p", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()  # noqa: S603
    if len(found) != 2:
        return Usage(0.0, 0)
    seconds = 0.0
    for part in found[0].replace("-", ":").split(":"):
        seconds = seconds * 60 + float(part)
    return Usage(seconds, int(found[1]) * 1024)


def _processor() -> str:
    info = _PROC / "cpuinfo"
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
