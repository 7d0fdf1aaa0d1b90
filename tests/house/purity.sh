#!/usr/bin/env bash
# The rules of the house that a compiler does not know. Prints one line per offence; exit status 1 if there is any.
#
#   tests/house/purity.sh SOURCE_DIR HANDLERS_LIB
#
# - dependencies point one way: handlers <- queue <- workers
# - handlers/ is pure: no driver library, no system call, no clock; also seen in what its library imports
# - a driver library is included only by files named after it
# - SQL stands in schema/ only
# - no function is longer than 70 lines, and nothing is left for later
set -euo pipefail

cd "${1:?usage: purity.sh SOURCE_DIR HANDLERS_LIB}"
library=${2:?usage: purity.sh SOURCE_DIR HANDLERS_LIB}
offences=0

offend() {
    printf '%s\n' "$*" >&2
    offences=$((offences + 1))
}

# grep that finds nothing is good news; any other failure of grep is not.
search() {
    grep "$@" && return 0 || [ $? = 1 ]
}

files_of() { find "$@" \( -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.def' \) -print | sort; }

# offend_each RULE: one offence per line of input.
offend_each() {
    local line
    while IFS= read -r line; do [ -z "$line" ] || offend "$1: $line"; done
}

# ---- who may include whom ------------------------------------------------------------------------
mapfile -t handlers < <(files_of handlers)
mapfile -t queue < <(files_of queue)
mapfile -t workers < <(files_of workers)
[ ${#handlers[@]} -gt 0 ] && [ ${#queue[@]} -gt 0 ] && [ ${#workers[@]} -gt 0 ] ||
    { offend "handlers/, queue/ or workers/ is empty: nothing was checked"; exit 1; }

drivers='uv\.h|hiredis/|libpq-fe\.h|libwebsockets\.h|curl/|microhttpd\.h'
workers_headers='(runtime|gateway|worker|recordings|realtime|api|dashboard|ops)/'
queue_headers=$(printf '%s\n' "${queue[@]}" | sed -n 's|^queue/\(.*\)\.h$|\1|p' | paste -sd '|')

offend_each 'handlers/ includes a driver library' \
    < <(search -nE "^ *# *include *[<\"]($drivers)" "${handlers[@]}")
offend_each 'handlers/ includes a header of queue/' \
    < <(search -nE "^ *# *include *\"($queue_headers)\.h\"" "${handlers[@]}")
offend_each 'handlers/ includes a header of workers/' \
    < <(search -nE "^ *# *include *\"$workers_headers" "${handlers[@]}")
offend_each 'queue/ includes a header of workers/' \
    < <(search -nE "^ *# *include *\"$workers_headers" "${queue[@]}")

# ---- suffix = permission ---------------------------------------------------------------------------
# only LIBRARY_HEADER NAME_PATTERN: only files whose path matches may include it.
only() {
    offend_each "only files named $2 may include $1" \
        < <(search -lE "^ *# *include *[<\"]$1" "${handlers[@]}" "${queue[@]}" "${workers[@]}" | search -vE "$2")
}
only 'hiredis/' '_redis\.(c|h)$'
only 'libpq-fe\.h' '(_pg\.(c|h)|workers/runtime/db\.h)$'
only 'libwebsockets\.h' '_lws\.(c|h)$'
only 'microhttpd\.h' '(_mhd\.(c|h)|workers/runtime/door_private\.h)$' # which door_*_mhd.c share
only 'curl/' '_curl\.(c|h)$'
only 'simdjson\.h' '^handlers/base/json\.cc$'
only 'phonenumbers/' '^handlers/base/phone\.cc$'

# ---- what the library of handlers/ imports ----------------------------------------------------------
# C objects: an allow-list. The two C++ files stand before libraries of their own; for them: nothing that talks to the
# outside world.
pure='__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__errno_location|__ctype_[a-z_]*|__tls_get_addr'
pure+='|mem(cpy|cmp|set|move|chr|rchr|mem)|__mem[a-z]*_chk|explicit_bzero|str(len|cmp|ncmp|casecmp|ncasecmp|chr|rchr|str|spn|cspn|pbrk|nlen|to(l|ul|ll|ull|d))'
pure+='|__str[a-z]*_chk|__isoc99_[a-z]*|(v)?snprintf|__(v)?snprintf_chk|qsort|bsearch|malloc|calloc|realloc|free|abs|isnan|timegm|gmtime_r'
pure+='|u_(foldCase|isUWhiteSpace)_[0-9]+'
pure+='|(EVP|OSSL|OPENSSL|CRYPTO|RAND|SHA256|HMAC)_[A-Za-z0-9_]*|__(asan|ubsan|sanitizer|lsan)_[A-Za-z0-9_]*|__sanitizer_[a-z_]*'
impure='socket|connect|bind|listen|accept4?|send(to|msg)?|recv(from|msg)?|open(at|64)?|creat|fopen(64)?|read|write|pread|pwrite|time|gettimeofday|clock_gettime'
impure+='|fork|exec[lv]p?e?|system|popen|getenv|setenv|unlink|rename|ioctl|select|poll|epoll_[a-z0-9]*|kill|signal|sigaction|sleep|usleep|nanosleep|rand|random'

[ -r "$library" ] || { offend "there is no library $library: build ringback_handlers first"; exit 1; }
symbols=$(mktemp "${TMPDIR:-/tmp}/purity.XXXXXX")
trap 'rm -f "$symbols"' EXIT
# One line per symbol: "LIBRARY:MEMBER:[ADDRESS] TYPE NAME". Members may use each other's symbols.
nm -A "$library" 2>/dev/null | sed -E 's/@+[A-Z0-9_.]+$//' >"$symbols"
imports() { # imports SUFFIX_PATTERN: "member symbol" for everything that comes from outside the library
    awk -v suffix="$1" '
        { n = split($1, part, ":"); member = part[n - 1] }
        $(NF - 1) == "U" { if (member ~ suffix) wanted[member " " $NF] = $NF; next }
        { own[$NF] }
        END { for (w in wanted) if (!(wanted[w] in own)) print w }' "$symbols" | sort
}
offend_each 'handlers/ must stay pure, but imports' < <(imports '[.]c[.]o' | search -vE " ($pure)\$")
offend_each 'handlers/ must stay pure, but imports' < <(imports '[.]cc[.]o' | search -E " ($impure)\$")
[ "$(awk '$(NF - 1) == "U"' "$symbols" | wc -l)" -gt 0 ] || offend "nm saw nothing in $library"

# ---- SQL --------------------------------------------------------------------------------------------
sql='"[^"]*(SELECT .*\bFROM\b|INSERT INTO|UPDATE .*\bSET\b|DELETE FROM|(CREATE|ALTER|DROP) (TABLE|FUNCTION|TRIGGER|INDEX|TYPE|VIEW|ROLE))'
offend_each 'SQL belongs into schema/' < <(search -nE "$sql" "${handlers[@]}" "${queue[@]}" "${workers[@]}")

# ---- functions, leftovers ----------------------------------------------------------------------------
offend_each 'a function is longer than 70 lines' < <(
    awk 'FNR == 1 { inside = 0 }
         /^\{/ { inside = 1; first = FNR; name = before }
         /^\}/ && inside { if (FNR - first - 1 > 70) print FILENAME ":" first ": " FNR - first - 1 " lines: " name; inside = 0 }
         !inside && /[^ ]/ { before = $0 }' $(printf '%s\n' "${handlers[@]}" "${queue[@]}" "${workers[@]}" | grep -E '\.cc?$'))
mapfile -t texts < <(find handlers queue workers schema deploy tests -type f ! -path tests/house/purity.sh ! -path '*/corpus/*' \
    ! -path '*/node_modules/*' ! -name 'package-lock.json')
offend_each 'nothing is left for later' < <(search -nIE '\b(TODO|FIXME)\b|(//|/\*|\*|--|#) *XXX\b' "${texts[@]}")

if [ $offences -gt 0 ]; then
    printf '%d offence(s) against the rules of the house\n' "$offences" >&2
    exit 1
fi
printf 'the rules of the house hold in %d files\n' $((${#handlers[@]} + ${#queue[@]} + ${#workers[@]}))
