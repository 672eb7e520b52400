#!/usr/bin/env bash
# Sets a fresh machine up (Python 3.11 or newer is all it needs) and then
#   ./test-local.sh               plays one recorded Tamil call and shows the ticket it leaves
#   ./test-local.sh test [ARGS]   runs every check; ARGS go to pytest
# The second run starts at once: what is installed is remembered in .venv.
set -euo pipefail

here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)"
readonly here
readonly venv="$here/.venv"
readonly python="$venv/bin/python"
readonly finished="$venv/.kural-installed" # holds the fingerprint of what was installed
readonly begun="$venv/.kural-installing"   # is there while an installation is under way
readonly recorded_call="$here/examples/first-call.wav" # first-call.json beside it says what must come out

unset PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_USER=0

say() { printf '%s\n' "$@"; } # each argument a line
stop() {
    printf 'test-local.sh: %s\n' "$*" >&2
    exit 1
}
usage() {
    say 'Usage: ./test-local.sh              set this machine up and play one recorded call' \
        '       ./test-local.sh test [ARGS]  set it up and run every check; ARGS go to pytest' >&2
    exit 2
}

# ---- set-up -------------------------------------------------------------------------------------

# Prints the first Python that can make virtual environments; otherwise says what to install.
find_python() {
    local name without_venv=""
    for name in python3.11 python3.12 python3.13 python3 python; do
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
            # Not the one of an active .venv, which may be about to be deleted.
            "$name" -c 'import sys; print(sys._base_executable)'
            return
        fi
        without_venv="${without_venv:-$("$name" -c \
            'import sys; print("python%d.%d-venv" % sys.version_info[:2])')}"
    done
    if [[ -n $without_venv ]]; then
        stop "Python cannot make virtual environments here: install the Debian package" \
            "$without_venv (apt-get install $without_venv) and run this again."
    fi
    stop "Python 3.11 or newer is needed: install it (Debian 12: apt-get install python3" \
        "python3-venv) and run this again."
}

fingerprint() {
    { printf '%s\n' "$here" && cat "$here/requirements.lock" "$here/pyproject.toml"; } | sha256sum
}

# True when .venv runs, holds exactly what the lock names, and imports this checkout.
is_complete() {
    [[ -x $python && ! -e $begun && -f $finished ]] || return 1
    [[ $(<"$finished") == "$(fingerprint)" ]] || return 1
    "$python" -I - "$here" <<'PYTHON' 2>/dev/null
import importlib.metadata, importlib.util, pathlib, re, sys

here = pathlib.Path(sys.argv[1])
wanted = re.findall(r"^([\w.-]+)==([^\s;]+)", (here / "requirements.lock").read_text(), re.M)
for name, version in wanted:
    assert importlib.metadata.version(name) == version, name
assert pathlib.Path(importlib.util.find_spec("agent").origin).parent == here / "agent"
PYTHON
}

# Names each package as pip reaches it, on one line of a terminal or every twentieth in a log.
show_progress() {
    local line name count=0 total
    total="$(grep -c '^[A-Za-z0-9].*==' "$here/requirements.lock")"
    while IFS= read -r line; do
        case $line in
        Collecting\ * | Requirement\ already\ satisfied:\ *)
            count=$((count + 1))
            name="${line#Collecting }" name="${name#Requirement already satisfied: }"
            name="${name%%[= ]*}"
            if [[ -t 1 ]]; then
                printf '\r  fetching %d of %d: %-40s' "$count" "$total" "$name"
            elif ((count % 20 == 0)); then
                say "  fetched $count of $total"
            fi
            ;;
        Installing\ collected\ packages:*)
            [[ -t 1 ]] && printf '\n'
            say '  all fetched, hashes are right; unpacking'
            ;;
        esac
    done
}

make_venv() {
    local base
    base="$(find_python)"
    say "Setting up .venv with $("$base" --version) ..."
    rm -rf -- "$venv"
    mkdir -- "$venv"
    : >"$begun"
    "$base" -m venv "$venv" || stop 'Python could not make .venv; the reason stands above.'
}

install() {
    local failed='The packages could not be installed; check the network and run this again.'
    if [[ -e $begun ]]; then
        say 'The last set-up did not finish; starting it again.'
        make_venv
    elif ! "$python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        [[ ! -e $venv ]] || say 'The folder .venv is broken; making a new one.'
        make_venv
    fi
    rm -f -- "$finished"
    : >"$begun"
    say 'Installing exactly what requirements.lock names (the first time: some minutes) ...'
    "$python" -m pip install --require-hashes -r "$here/requirements.lock" | show_progress ||
        stop "$failed"
    "$python" -m pip install --quiet --no-deps --no-build-isolation -e "$here" || stop "$failed"
    fingerprint >"$finished"
    rm -f -- "$begun"
    is_complete || stop 'The installation does not match requirements.lock: delete .venv and retry.'
    say 'Installed.'
}

# One set-up at a time; the lock is inherited by pip, so it outlives a script that was killed.
set_up() {
    is_complete && return
    if command -v flock >/dev/null; then
        exec 9<"$here/requirements.lock"
        flock -n 9 || { say 'Another set-up is under way here; waiting for it ...' && flock 9; }
    fi
    is_complete || install
    exec 9<&-
}

# ---- the recorded call --------------------------------------------------------------------------

play() {
    local work numbers passed=1
    # A fresh folder, and the work is done in it: nothing of an earlier call, of a .env or of a
    # database in use is touched. Under /tmp because the path of a socket must be short.
    work="$(mktemp -d "${TMPDIR:-/tmp}/kural-first-call.XXXXXX")"
    cd -- "$work"
    export DATA_DIR="$work" TICKETS__DATABASE_URL="sqlite:///$work/kural.db"
    "$python" -m agent call "$recorded_call" --live --report "$work/report.json" \
        --db "$TICKETS__DATABASE_URL" --data-dir "$work" || passed=0
    [[ -s $work/report.json ]] || stop 'The call could not be played; the reason stands above.'
    numbers="$("$python" -I - "$work/report.json" <<'PYTHON'
import json, pathlib, sys

report = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
print(*(row["ticket"] for call in report["calls"] for row in call["rows"] if row["ticket"]))
PYTHON
)"
    say "" "The ticket:"
    for number in $numbers; do
        "$python" -m agent tickets show "$number"
    done
    "$python" -m agent tickets export --format csv --out "$work/tickets.csv"
    say "" "Its export (personal data masked): $work/tickets.csv"
    say "Everything this call left: $work"
    ((passed)) || stop 'The ticket does not hold what the caller said; the table above shows where.'
}

# ---- the checks ---------------------------------------------------------------------------------

failed_steps=()

step() {
    local name="$1"
    shift
    say "" "== $name"
    "$@" || failed_steps+=("$name")
}

check_shell() {
    local script all_good=0 scripts=("$here"/*.sh "$here"/.ci/* "$here"/deploy/*.sh)
    for script in "${scripts[@]}"; do
        bash -n "$script" || all_good=1
    done
    if command -v shellcheck >/dev/null; then
        shellcheck "${scripts[@]}" || all_good=1
    fi
    return "$all_good"
}

check_all() {
    local pytest_log list
    pytest_log="$(mktemp)"
    # shellcheck disable=SC2064  # the name is wanted as it is now
    trap "rm -f -- '$pytest_log'" EXIT
    cd -- "$here"
    step format "$python" -m ruff format --check .
    step lint "$python" -m ruff check .
    step types "$python" -m mypy
    step layers "$venv/bin/lint-imports"
    step shell check_shell
    step tests run_pytest "$pytest_log" "$@"

    say "" "== skipped tests"
    grep '^SKIPPED' "$pytest_log" || say 'none'
    say "" '== tests that failed once and then passed'
    grep '^RERUN' "$pytest_log" || say 'none'
    say ""
    if ((${#failed_steps[@]})); then
        printf -v list '%s, ' "${failed_steps[@]}"
        stop "failed: ${list%, }"
    fi
    say 'Every check passed.'
}

# Whole runs come in two parts: what talks in real time has the machine for itself, the rest shares it.
run_pytest() {
    local log="$1" passed=0
    shift
    if (($#)); then
        "$python" -m pytest "$@" 2>&1 | tee "$log"
        return
    fi
    "$python" -m pytest -m 'not clock' -n auto --maxprocesses 8 2>&1 | tee "$log" || passed=1
    "$python" -m pytest -m clock --durations 15 2>&1 | tee -a "$log" || passed=1
    return "$passed"
}

case "${1-}" in
"")
    set_up
    play
    ;;
test)
    shift
    set_up
    check_all "$@"
    ;;
*) usage ;;
esac
