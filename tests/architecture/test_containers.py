"""Dockerfile and compose.yaml are held to rules: no container engine runs where this is tested."""

import re
from collections.abc import Mapping
from typing import Any, cast

import pytest
import yaml

from tests.support.tools import ROOT

SECRET = re.compile(r"(?i)password|secret|token|api_key")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions: name, and the argument with its continuation lines joined."""
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    parted = [line.strip().partition(" ") for line in lines if line.strip() and line[0] != "#"]
    return [(name, " ".join(argument.split())) for name, _, argument in parted]


def arguments(name: str) -> list[str]:
    """The arguments of every instruction of this name."""
    return [argument for instruction, argument in instructions() if instruction == name]


def last_stage() -> list[tuple[str, str]]:
    """The instructions of the stage that becomes the image."""
    listed = instructions()
    start = max(index for index, (name, _) in enumerate(listed) if name == "FROM")
    return listed[start:]


def services() -> Mapping[str, Mapping[str, Any]]:
    """The services of compose.yaml."""
    document = cast("Mapping[str, Any]", yaml.safe_load((ROOT / "compose.yaml").read_text()))
    return cast("Mapping[str, Mapping[str, Any]]", document["services"])


def is_pinned(image: str) -> bool:
    """Whether an image's tag names a version down to its minor part, and not `latest`."""
    _, _, tag = image.partition(":")
    return re.match(r"\d+\.\d+", tag) is not None


def test_base_images_are_pinned() -> None:
    stages = [argument.split() for argument in arguments("FROM")]
    names = {words[2] for words in stages if len(words) == 3}

    assert stages != []
    assert [words[0] for words in stages if words[0] not in names and not is_pinned(words[0])] == []


def test_the_image_is_built_in_stages_and_the_last_one_builds_nothing() -> None:
    assert len(arguments("FROM")) >= 2
    assert not any("pip" in argument or "npm" in argument for _, argument in last_stage())


def test_the_image_runs_as_an_ordinary_user() -> None:
    users = [argument for name, argument in last_stage() if name == "USER"]

    assert users != []
    assert users[-1] not in {"root", "0"}


def test_the_image_has_a_health_check() -> None:
    checks = [argument for name, argument in last_stage() if name == "HEALTHCHECK"]

    assert len(checks) == 1
    assert "CMD [" in checks[0]


@pytest.mark.parametrize("name", ["ENTRYPOINT", "CMD"])
def test_what_the_image_starts_gets_its_signals_itself(name: str) -> None:
    assert [argument for argument in arguments(name) if not argument.startswith("[")] == []
    assert arguments(name) != []


def test_files_are_copied_and_folders_are_absolute() -> None:
    assert arguments("ADD") == []
    assert [folder for folder in arguments("WORKDIR") if not folder.startswith("/")] == []


def test_no_package_lists_and_no_caches_stay_in_the_image() -> None:
    for command in arguments("RUN"):
        if "apt-get" in command:
            assert "--no-install-recommends" in command
            assert "rm -rf /var/lib/apt/lists" in command
    assert any("PIP_NO_CACHE_DIR=1" in argument for argument in arguments("ENV"))


def test_python_packages_come_from_the_locks() -> None:
    installs = re.findall(r"pip install ([^&]*)", " && ".join(arguments("RUN")))

    assert installs != []
    assert [
        line for line in installs if "--require-hashes" not in line and "--no-index" not in line
    ] == []


def test_no_secret_is_written_into_the_image() -> None:
    assert [
        value for name in ("ENV", "ARG") for value in arguments(name) if SECRET.search(value)
    ] == []


def test_what_must_not_reach_the_image_is_ignored() -> None:
    ignored = set((ROOT / ".dockerignore").read_text().splitlines())

    assert {".git", ".venv", ".env", "build", "var", "**/node_modules"} <= ignored


@pytest.mark.parametrize("service", services())
def test_services_of_compose_name_a_version(service: str) -> None:
    assert is_pinned(str(services()[service]["image"]))


@pytest.mark.parametrize("service", services())
def test_services_of_compose_gain_no_privileges(service: str) -> None:
    definition = services()[service]

    assert not definition.get("privileged", False)
    assert "no-new-privileges:true" in definition["security_opt"]
    assert definition["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", services())
def test_no_password_in_compose_has_a_default(service: str) -> None:
    environment = cast("Mapping[str, str]", services()[service].get("environment", {}))
    secret = [
        value for name, value in environment.items() if SECRET.search(name) or "://" in str(value)
    ]

    assert secret != []
    assert [value for value in secret if not re.search(r"\$\{\w+:\?[^}]+\}", value)] == []


def test_the_database_is_reached_from_loopback_only_and_waited_for() -> None:
    listed = services()

    assert [port for port in listed["database"]["ports"] if not port.startswith("127.0.0.1:")] == []
    assert listed["vms"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert "healthcheck" in listed["database"]
