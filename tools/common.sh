# Shared by the tools: finds Python, makes .venv, installs a hashed lock. Sourced with the repository as folder.

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

# find_python: the one that PYTHON names, or the system's before others: distributions build theirs with profile-guided
# optimization, and one built by hand seldom is (docs/performance-notes.md: a tenth of all CPU).
find_python() {
    for candidate in "${PYTHON:-}" /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 \
            && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed: install it (on Debian: apt-get install python3 python3-venv), or name one with PYTHON=/path/to/python3."
}

# install_lock LOCK: .venv with what the lock names and this project, unless that is what it holds already.
install_lock() {
    lock=$1
    stamp=.venv/installed
    wanted=$(cat "$lock" setup.cfg | cksum)
    if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$lock $wanted" ]; then
        return
    fi
    # What the test lock installed is enough to run as well.
    if [ "$lock" = requirements.lock ] && [ -x .venv/bin/cim ] \
        && [ "$(cat "$stamp" 2>/dev/null)" = "requirements-dev.lock $(cat requirements-dev.lock setup.cfg | cksum)" ]; then
        return
    fi
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        python=$(find_python) || exit 1
        printf 'Making .venv with %s ...\n' "$python"
        rm -rf .venv
        "$python" -m venv .venv >.venv.log 2>&1 \
            || { tail -3 .venv.log >&2; fail "No virtual environment could be made (see above): on Debian, apt-get install python3-venv."; }
        rm -f .venv.log
    fi
    printf 'Installing the packages of %s (the first time takes a minute) ...\n' "$lock"
    .venv/bin/python -m pip install --disable-pip-version-check --quiet --progress-bar off --require-hashes -r "$lock" \
        || fail "The packages could not be installed (see above): check the network and the free space on the disk."
    .venv/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --editable . \
        || fail "The project itself could not be installed (see above)."
    printf '%s\n' "$lock $wanted" >"$stamp" || fail "The disk is full: free some space."
}

# install_debian PACKAGES WHO-NEEDS-THEM: through apt-get, when there are any and we may.
install_debian() {
    [ -n "$1" ] || return 0
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || sudo -n true 2>/dev/null; } \
        || fail "$2$1: install them (on Debian: apt-get install$1) and try again."
    printf 'Installing%s ...\n' "$1"
    { $as_root apt-get update -qq \
        && $as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $1; } >/dev/null \
        || fail "apt-get could not install$1: install them by hand and try again."
}

# install_servers: what tests start: Debian's packages, when they are missing and we may.
install_servers() {
    missing=""
    command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
    command -v strace >/dev/null 2>&1 || missing="$missing strace"
    command -v tmux >/dev/null 2>&1 || missing="$missing tmux"
    command -v java >/dev/null 2>&1 || missing="$missing default-jre-headless"
    ls /usr/share/java/zookeeper*.jar >/dev/null 2>&1 || missing="$missing libzookeeper-java"
    install_debian "$missing" "The tests need"
}
