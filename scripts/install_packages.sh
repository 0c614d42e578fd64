#!/bin/sh
# Installs a lock into .venv: by uv, which takes a quarter of pip's time, or by pip where uv cannot.
# uv does not read pip's configuration, so the index that pip uses is handed to it.
set -eu
lock=$1
python=.venv/bin/python
by_pip="$python -m pip install -qq --no-compile --require-hashes --requirement"

[ -x .venv/bin/uv ] || $by_pip requirements/uv.lock || exec $by_pip "$lock"
index=${PIP_INDEX_URL:-$($python -m pip config get global.index-url 2> /dev/null || true)}
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
export UV_CACHE_DIR="$PWD/build/cache/uv" UV_PYTHON_DOWNLOADS=never
.venv/bin/uv pip install --quiet --python "$python" --require-hashes --requirement "$lock" ||
    exec $by_pip "$lock"
