#!/bin/sh
# Every test: the page's first, then pytest, whose closing table tells of both.
set -eu
report=$PWD/build/reports/page.json
mkdir -p build/reports
rm -f "$report"
(cd web && npm run --silent test -- --reporter=default --reporter=json --outputFile="$report") || true
exec .venv/bin/python -m pytest --page-report="$report"
