"""The five top-level packages: nobody else's, and installable without this folder."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.repository import PACKAGES
from tests.support.tools import ROOT

OURS = "gb28181-vms"


@pytest.mark.parametrize("package", [*PACKAGES, "tests", "benchmarks"])
def test_no_dependency_brings_a_package_of_our_name(package: str) -> None:
    assert set(packages_distributions().get(package, [])) <= {OURS}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_the_five_packages_and_what_they_read(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == set(PACKAGES)
    assert "config/vms.toml" in names
    assert [name for name in names if name.endswith("licenses/NOTICE")] != []


def test_the_wheel_carries_the_built_page(wheel: Path) -> None:
    assert "api/_web/index.html" in zipfile.ZipFile(wheel).namelist()


def test_the_wheel_runs_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    _run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    _pip("--python", python, "install", "--no-deps", "--no-index", wheel)
    # Its dependencies are those of this environment; the project itself is the wheel's.
    site_packages = Path(
        _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    )
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    imported_from = _run(python, "-c", "import vms; print(vms.__file__)")
    help_text = _run(python, "-m", "vms", "--help")

    assert Path(imported_from).is_relative_to(environment)
    assert "serve" in help_text
    assert "simulate" in help_text


def _pip(*arguments: str | Path) -> None:
    _run(sys.executable, "-m", "pip", "--quiet", *arguments)


def _run(*command: str | Path) -> str:
    """Run outside this folder, so that nothing is imported from it; its output, stripped."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd="/", env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()
