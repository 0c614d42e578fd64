"""Prove the two commands of the README in a bare Debian, as root and as an ordinary user.

    sudo python3 scripts/check_fresh.py [--who root|user] [--only demo|test]

debootstrap makes a Debian 12 with python3, python3-venv, make and nothing else that matters, once,
under build/fresh. Each user then gets a copy of it with a fresh clone of what is committed, in a
mount and process namespace of its own, so that nothing outlives the check. The configuration of
apt, pip and npm in force on this machine is taken along; none is written down here.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRESH = ROOT / "build" / "fresh"
BASE = FRESH / "base"
PACKAGES = "python3,python3-venv,make,ca-certificates"

HOMES = {"root": "/root", "user": str(Path("/home", "tester"))}
SYSTEM_FILES = (
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d",
    "/etc/apt/apt.conf.d",
    "/etc/apt/preferences.d",
    "/etc/apt/trusted.gpg.d",
    "/usr/share/keyrings",
    "/etc/ssl/certs",
    "/etc/pip.conf",
    "/etc/npmrc",
    "/etc/hosts",
    "/etc/resolv.conf",
)
HOME_FILES = (".config/pip/pip.conf", ".pip/pip.conf", ".npmrc")
ENVIRONMENT = ("PIP_", "NPM_CONFIG_", "SSL_CERT_", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
               "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")  # fmt: skip


def main() -> int:
    """Run what was asked for; the exit code counts the failures."""
    parser = argparse.ArgumentParser(description="the README's commands in a bare Debian 12")
    parser.add_argument("--who", choices=HOMES, action="append")
    parser.add_argument("--only", choices=["demo", "test"], action="append")
    asked = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        sys.exit("check-fresh needs root and debootstrap: apt-get install debootstrap")
    make_base()
    failures = [
        f"make {command} as {who}"
        for who in asked.who or HOMES
        for command in asked.only or ["demo", "test"]
        if not passes(who, command)
    ]
    print("check-fresh:", "; ".join(f"FAILED {failure}" for failure in failures) or "all passed")
    return len(failures)


def make_base() -> None:
    """The bare system, from the mirror that apt uses here."""
    if (BASE / "usr" / "bin" / "make").exists():
        return
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    mirror = listed.stdout.splitlines()[:1]
    shutil.rmtree(BASE, ignore_errors=True)
    FRESH.mkdir(parents=True, exist_ok=True)
    options = ["--variant=minbase", f"--include={PACKAGES}"]
    subprocess.run(["debootstrap", *options, "bookworm", str(BASE), *mirror], check=True)


def passes(who: str, command: str) -> bool:
    """Run one command for one user in a system of its own, and say how it went."""
    system = FRESH / f"{who}-{command}"
    print(f"\n==== make {command} as {who}", flush=True)
    prepare(system, who)
    began = time.monotonic()
    clone = f"{HOMES[who]}/vms"
    inside = f"cd {clone} && exec python3 scripts/inside_fresh.py {command}"
    if who == "user":
        inside = f"exec setpriv --reuid=tester --regid=tester --init-groups sh -c '{inside}'"
    # The namespaces end with the command and take every process and mount along.
    script = f"""
        set -e
        mount -t proc proc "$0/proc"
        mount -t tmpfs tmpfs "$0/dev/shm"
        mkdir -p "$0/dev/pts"
        mount -t devpts devpts "$0/dev/pts"
        exec chroot "$0" sh -c "{inside}"
    """
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, system],
        env=environment(HOMES[who]),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    took_s = time.monotonic() - began
    print(f"==== make {command} as {who}: exit code {done.returncode}, {took_s:.0f} s")
    if done.returncode == 0:
        shutil.rmtree(system)
    return done.returncode == 0


def prepare(system: Path, who: str) -> None:
    """A copy of the bare system with this machine's registries and a fresh clone."""
    shutil.rmtree(system, ignore_errors=True)
    subprocess.run(["cp", "--archive", "--reflink=auto", BASE, system], check=True)
    for name in SYSTEM_FILES:
        copy(Path(name), system / name[1:])
    home = system / HOMES[who][1:]
    if who == "user":
        subprocess.run(["chroot", system, "useradd", "--create-home", "tester"], check=True)
    for name in HOME_FILES:
        copy(Path.home() / name, home / name)
    # What is committed, as a clone without git's own folder: git is not part of a bare Debian.
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", "HEAD"], capture_output=True, check=True
    )
    (home / "vms").mkdir()
    subprocess.run(["tar", "-x", "-C", home / "vms"], input=archive.stdout, check=True)
    if who == "user":
        subprocess.run(["chroot", system, "chown", "-R", "tester:", HOMES[who]], check=True)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, following links; what is not there is left out."""
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, ignore_dangling_symlinks=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy(source, target)


def environment(home: str) -> dict[str, str]:
    """What of this machine's environment concerns registries, without its folders."""
    taken = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(ENVIRONMENT) and name != "PIP_FIND_LINKS"
    }
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return taken | {"PATH": path, "HOME": home, "LANG": "C.UTF-8"}


if __name__ == "__main__":
    sys.exit(main())
