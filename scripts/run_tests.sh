#!/bin/sh
# Every test: the page's first, then pytest, whose closing table tells of both.
set -eu
report=$PWD/build/reports/page.json
mkdir -p build/reports
rm -f "$report"
(cd web && npm run --silent test -- --reporter=default --reporter=json --outputFile="$report") || true

# The tests start Python again and again: what is compiled once is kept, apart from the sources.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="$PWD/build/cache/bytecode"
# Much of the time is waiting, so one process more than there are cores. Files are handed out in
# the order of their names, which begins with those that take longest.
cores=$(nproc)
exec .venv/bin/python -m pytest --page-report="$report" \
    --numprocesses=$((cores < 8 ? cores + 1 : 8)) --dist=loadfile --no-loadscope-reorder
