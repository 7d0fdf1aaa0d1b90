# Shell functions that deploy/run, tests/run and tests/live/with_servers share: installing Debian packages, and private
# PostgreSQL and Redis servers in a folder of their own. Sourced by bash; prints nothing unless something goes wrong.
#
# A folder of servers (rb_pg_*, rb_redis_*) looks like this:
#   DIR/pg/data  DIR/pg/log  DIR/pg/.s.PGSQL.5432      PostgreSQL: cluster, log, socket
#   DIR/redis/   DIR/redis/log  DIR/redis/redis.sock   Redis: AOF, log, socket
# DIR must be short: a socket's path may have 107 characters.

rb_say() { printf '%s\n' "$*" >&2; }

rb_die() {
    rb_say "error: $*"
    exit 1
}

# rb_as_root COMMAND...: runs it as root, through sudo where needed.
rb_as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        rb_die "this needs root and there is no sudo: $*"
    fi
}

# ---- packages ----------------------------------------------------------------------------------

# rb_missing PACKAGE...: prints those that are not installed.
rb_missing() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            printf '%s ' "$package"
    done
}

# Debian's packages start PostgreSQL and Redis as services; ours are private ones, so nothing else may be left running.
# A machine that already has a policy of its own keeps it.
rb_services_stay_off() {
    local policy=/usr/sbin/policy-rc.d
    [ ! -e $policy ] || return 1
    printf '#!/bin/sh\nexit 101\n' | rb_as_root tee $policy >/dev/null
    rb_as_root chmod 755 $policy
}

# rb_install PACKAGE...: installs what is missing, one line of output per package.
rb_install() {
    local missing policy=kept rc=0 log
    missing=$(rb_missing "$@")
    [ -n "$missing" ] || return 0
    rb_say "installing: $missing"
    log=$(mktemp "${TMPDIR:-/tmp}/ringback-apt.XXXXXX")
    if rb_services_stay_off; then policy=ours; fi
    # shellcheck disable=SC2086 # a list of package names
    {
        rb_as_root apt-get update -q >"$log" 2>&1 &&
            rb_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
                -o DPkg::Lock::Timeout=300 $missing >>"$log" 2>&1
    } || rc=$?
    if [ $policy = ours ]; then rb_as_root rm -f /usr/sbin/policy-rc.d; fi
    if [ $rc != 0 ]; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        rb_die "apt-get could not install: $missing"
    fi
    rm -f "$log"
}

# What building takes, and what running the private servers takes.
RB_BUILD_PACKAGES="gcc g++ cmake ninja-build pkg-config libuv1-dev libhiredis-dev libpq-dev libwebsockets-dev
    libwebsockets-evlib-uv libmicrohttpd-dev libmsgpack-dev libssl-dev liblz4-dev libxxhash-dev libcurl4-openssl-dev libsimdjson-dev
    libdeflate-dev zlib1g-dev libphonenumber-dev libicu-dev libcmocka-dev"
RB_SERVER_PACKAGES="postgresql redis-server"

# rb_node_packages: Debian's Node and npm, unless others are there. npm fetches the dashboard's libraries, and the unmodified
# clients that the tests drive.
rb_node_packages() {
    [ "$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/')" -ge 18 ] 2>/dev/null || printf 'nodejs '
    command -v npm >/dev/null || printf 'npm '
}

# ---- small helpers -----------------------------------------------------------------------------

# rb_wait SECONDS COMMAND...: runs it ten times a second (twenty in the first) until it succeeds.
rb_wait() {
    local deadline=$((SECONDS + $1)) pause=0.05
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep $pause
        [ $SECONDS -lt $((deadline - 1)) ] && pause=0.1
    done
}

# A process that has ended but that nobody has waited for yet is gone too.
rb_gone() { [ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

# rb_stop_pid PID SIGNAL SECONDS: asks, waits, and in the end kills. A negative pid is a process group and its leader.
# Never fails: it runs in traps, where nothing may keep the rest of the cleaning from being done.
rb_stop_pid() {
    local leader=${1#-}
    kill "-$2" -- "$1" 2>/dev/null || return 0
    if ! rb_wait "$3" rb_gone "$leader" || [ "$leader" != "$1" ]; then
        kill -KILL -- "$1" 2>/dev/null || return 0
    fi
    wait "$leader" 2>/dev/null || return 0
}

# rb_random BYTES: that many random bytes in base64.
rb_random() { head -c "$1" /dev/urandom | base64 -w 0; }

# rb_configure ROOT PRESET: from the source folder, because presets live there. A tree that was copied or moved with its
# build folder is configured anew.
rb_configure() {
    local cache=$1/build/$2/CMakeCache.txt fresh=()
    if [ -e "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$1" "$cache"; then fresh=(--fresh); fi
    (cd "$1" && cmake --preset "$2" "${fresh[@]}")
}

# ---- PostgreSQL --------------------------------------------------------------------------------

# The newest PostgreSQL from 15 on; its programs are not in PATH on Debian.
rb_pg_bin() {
    local dir
    dir=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t / -k 5 -V | tail -n 1)
    if [ -x "$dir/initdb" ]; then
        printf '%s\n' "$dir"
    elif command -v initdb >/dev/null; then
        dirname "$(command -v initdb)"
    else
        rb_die "no PostgreSQL server is installed: apt-get install postgresql"
    fi
}

# rb_pg COMMAND...: PostgreSQL refuses to run as root, so root becomes the user that Debian made for it.
rb_pg() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/ "$@"
    else
        "$@"
    fi
}

# rb_pg_folder DIR: DIR/pg, owned by whoever will run the server.
rb_pg_folder() {
    mkdir -p "$1/pg"
    chmod 700 "$1/pg"
    if [ "$(id -u)" = 0 ]; then chown postgres: "$1/pg"; fi
}

# rb_pg_init DIR: an empty cluster. Whoever reaches the socket (only its owner and root) is let in.
rb_pg_init() {
    rb_pg_folder "$1"
    (cd / && rb_pg "$(rb_pg_bin)/initdb" -D "$1/pg/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N \
        >"$1/pg/initdb.log" 2>&1) || { cat "$1/pg/initdb.log" >&2; rb_die "initdb failed"; }
}

# rb_pg_start DIR [SETTING=VALUE]...: starts the cluster in DIR, returns when it answers.
rb_pg_start() {
    local dir=$1 bin setting options=()
    shift
    bin=$(rb_pg_bin)
    for setting in "$@"; do options+=(-c "$setting"); done
    # A process group of its own: Ctrl-C in the terminal must not stop it before Ringback has finished.
    (cd / && exec setsid "${RB_PG_SU[@]}" "$bin/postgres" -D "$dir/pg/data" -c listen_addresses= -c port=5432 \
        -c "unix_socket_directories=$dir/pg" -c max_connections=200 "${options[@]}" \
        </dev/null >>"$dir/pg.log" 2>&1) &
    echo $! >"$dir/pg.pid"
    # One that has ended will not answer any more: no need to wait.
    rb_wait 60 eval 'rb_pg_answers "$dir" || rb_gone "$(cat "$dir/pg.pid")"' || true
    rb_pg_answers "$dir" || { tail -n 20 "$dir/pg.log" >&2; rb_die "PostgreSQL does not start"; }
}

# setpriv replaces itself, so the pid that rb_pg_start notes is the server's.
RB_PG_SU=()
if [ "$(id -u)" = 0 ]; then
    RB_PG_SU=(setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/)
fi

rb_pg_answers() { "$(rb_pg_bin)/pg_isready" -q -h "$1/pg" -p 5432; }

# rb_pg_url DIR DATABASE
rb_pg_url() { printf 'postgresql:///%s?host=%s/pg&port=5432&user=postgres' "$2" "$1"; }

# rb_pg_database DIR NAME: creates it unless it is there.
rb_pg_database() {
    local found
    found=$(psql -XAtq "$(rb_pg_url "$1" postgres)" -c "select 1 from pg_database where datname = '$2'")
    [ -n "$found" ] || psql -Xq "$(rb_pg_url "$1" postgres)" -c "create database \"$2\"" >&2
}

# rb_pg_stop DIR [SIGNAL]: INT ends it in order, QUIT at once.
rb_pg_stop() {
    [ -s "$1/pg.pid" ] || return 0
    rb_stop_pid "$(cat "$1/pg.pid")" "${2:-INT}" 60
    rm -f "$1/pg.pid"
}

# ---- Redis -------------------------------------------------------------------------------------

# rb_redis_start DIR [OPTION...]: with the settings that Ringback ships; options are redis-server's.
rb_redis_start() {
    local dir=$1
    shift
    mkdir -p "$dir/redis"
    chmod 700 "$dir/redis"
    (cd / && exec setsid redis-server --port 0 --unixsocket "$dir/redis/redis.sock" --dir "$dir/redis" \
        --daemonize no --appendonly yes --appendfsync always --save '' --maxmemory 1gb \
        --maxmemory-policy noeviction "$@" </dev/null >>"$dir/redis.log" 2>&1) &
    echo $! >"$dir/redis.pid"
    rb_wait 60 rb_redis_answers "$dir" || { tail -n 20 "$dir/redis.log" >&2; rb_die "Redis does not start"; }
}

rb_redis_answers() { [ "$(redis-cli -s "$1/redis/redis.sock" ping 2>/dev/null)" = PONG ]; }

rb_redis_url() { printf 'unix://%s/redis/redis.sock' "$1"; }

rb_redis_stop() {
    [ -s "$1/redis.pid" ] || return 0
    rb_stop_pid "$(cat "$1/redis.pid")" "${2:-TERM}" 30
    rm -f "$1/redis.pid"
}
