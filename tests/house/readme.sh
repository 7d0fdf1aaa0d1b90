#!/usr/bin/env bash
# The README's tables of roles, settings and endpoints are what the program itself says.
#   tests/house/readme.sh README.md RINGBACK           compares
#   tests/house/readme.sh README.md RINGBACK --write   writes them anew
set -euo pipefail
readme=$1 ringback=$2 mode=${3:-}

# table MARK FLAG: what stands between "<!-- MARK" and the next "<!-- end -->" is what `ringback help FLAG` prints.
table() {
    local said made
    said=$("$ringback" help "$2")
    if [ "$mode" = --write ]; then
        made=$(mktemp)
        awk -v said="$said" -v mark="<!-- $1" 'index($0, mark) == 1 {print; print said; inside = 1; next}
            inside && /^<!-- end -->/ {inside = 0} !inside {print}' "$readme" >"$made"
        cat "$made" >"$readme"
        rm "$made"
    elif ! diff <(sed -n "/^<!-- $1/,/^<!-- end -->/p" "$readme" | sed '1d;$d') <(printf '%s\n' "$said"); then
        echo "README.md is behind: tests/house/readme.sh README.md $ringback --write" >&2
        exit 1
    fi
}

table 'roles and settings' --markdown
table 'endpoints' --endpoints
