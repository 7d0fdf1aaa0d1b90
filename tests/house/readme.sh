#!/usr/bin/env bash
# The README's table of roles and settings is what the program itself says.
#   tests/house/readme.sh README.md RINGBACK           compares
#   tests/house/readme.sh README.md RINGBACK --write   writes it anew
set -euo pipefail
readme=$1 ringback=$2
tables=$("$ringback" help --markdown)
between() { sed -n '/^<!-- roles and settings/,/^<!-- end -->/p' "$readme" | sed '1d;$d'; }
if [ "${3:-}" = --write ]; then
    made=$(mktemp)
    awk -v tables="$tables" '/^<!-- roles and settings/ {print; print tables; inside = 1; next}
        /^<!-- end -->/ {inside = 0} !inside {print}' "$readme" >"$made"
    cat "$made" >"$readme"
    rm "$made"
elif ! diff <(between) <(printf '%s\n' "$tables"); then
    echo "README.md is behind: tests/house/readme.sh README.md $ringback --write" >&2
    exit 1
fi
