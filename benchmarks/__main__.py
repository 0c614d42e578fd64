"""Every benchmark with its defaults, one after the other: `.venv/bin/python -m benchmarks`.

Ends with status 1 when one of them lost something.
"""

import subprocess
import sys

BENCHMARKS = (
    "bench_signalling",
    "bench_notifies",
    "bench_load",
    "bench_ingest",
    "bench_whep",
    "bench_http_outputs",
    "bench_rtsp",
    "bench_latency",
    "bench_transcode",
    "bench_door",
    "bench_cycles",
    "bench_store",
    "bench_spreadsheets",
)


def main() -> None:
    """Each in a process of its own, so that none inherits the memory of another."""
    lost = [
        name
        for name in BENCHMARKS
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    if lost:
        sys.exit(f"failed: {', '.join(lost)}")


if __name__ == "__main__":
    main()
