#!/bin/sh
# Makes .venv with the given Python, or says in one line which package is missing.
set -eu
python=$1

fail() {
    echo "$1" >&2
    exit 1
}

[ -x .venv/bin/pip ] && exit 0
command -v "$python" > /dev/null ||
    fail "There is no $python here. Debian: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is $("$python" --version 2>&1); 3.11 or newer is needed. Name another: make PYTHON=python3.12 ..."
"$python" -c 'import ensurepip, venv' 2> /dev/null ||
    fail "$python cannot make virtual environments. Debian: apt-get install python3-venv"
"$python" -m venv .venv
