"""Searches one target for bytes that break it, guided by coverage (atheris, libFuzzer).

`python -m tests.fuzz.harness TARGET [libFuzzer's options]`, as `make fuzz` does for each. What it
learns goes to build/fuzz/TARGET; an input that breaks something is written there too, and belongs
into tests/fuzz/corpus/TARGET once it is mended.
"""

import importlib
import shutil
import sys
import time
from pathlib import Path

SLOWEST_S = 0.1
"""No input may cost more; processor time, so that a busy machine accuses nobody."""

LONGEST_BYTES = 8_192
LARGEST_MIB = 1_024
WORK = Path("build/fuzz")


def main() -> None:
    """Instrument the packages of the target before they are imported, then search."""
    name = sys.argv[1]
    # Only `make fuzz` installs it, so the type checkers do not know it.
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["sip", "media", "vms.gb28181"]):
        targets = importlib.import_module("tests.fuzz.targets").TARGETS
        importlib.import_module("tests.fuzz.grammar")
    target = targets[name]
    corpus = WORK / name
    corpus.mkdir(parents=True, exist_ok=True)
    for path in target.seeds():
        shutil.copy(path, corpus / path.name)

    def run(data: bytes) -> None:
        started = time.process_time()
        target.run(data)
        took_s = time.process_time() - started
        if took_s > SLOWEST_S:
            raise RuntimeError(f"{len(data)} bytes took {took_s:.3f} s")

    options = [
        f"-max_len={LONGEST_BYTES}",
        f"-rss_limit_mb={LARGEST_MIB}",
        f"-artifact_prefix={corpus}/broke-",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, *sys.argv[2:], str(corpus)], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
