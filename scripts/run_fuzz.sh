#!/bin/sh
# Hostile input: RUNS of each harness, CASES by SIP's grammar, SEQUENCES of a whole conversation.
# Ends at the first defect; the input that found it lies in build/fuzz.
set -eu
runs=$1 cases=$2 sequences=$3
python=.venv/bin/python

for target in $($python -c 'from tests.fuzz.targets import TARGETS; print(*TARGETS)'); do
    printf '%s: %s runs\n' "$target" "$runs"
    $python -m tests.fuzz.harness "$target" "-runs=$runs" 2> "build/fuzz-$target.log" ||
        { cat "build/fuzz-$target.log"; exit 1; }
    grep -E '^stat::(number_of_executed_units|peak_rss_mb)' "build/fuzz-$target.log"
done
$python -m tests.fuzz.grammar --cases "$cases"
$python -m tests.fuzz.sequences --sequences "$sequences"
