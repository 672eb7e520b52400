#!/usr/bin/env bash
# Takes the steps of the Dockerfile in a chroot, where no container daemon is at hand, and then runs
# a command in what came out, as its user:
#   deploy/replay-build.sh worker                     its own CMD
#   deploy/replay-build.sh worker kural doctor        another one
#   deploy/replay-build.sh engine-gpu kural engine --help
# Needs root, Debian's debootstrap, Python 3.11 and about 6 GB under TMPDIR. The base system is made
# once, into ${KURAL_BASE:-~/.cache/kural/base-bookworm}; KEEP=FOLDER keeps what was built there.
set -euo pipefail

here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
readonly here
readonly base="${KURAL_BASE:-$HOME/.cache/kural/base-bookworm}"

stop() {
    printf 'replay-build: %s\n' "$*" >&2
    exit 1
}

make_base() {
    local making="$base.making"
    [[ -x $base/usr/local/bin/pip ]] && return
    command -v debootstrap >/dev/null ||
        stop 'debootstrap is missing: install the Debian package of that name.'
    rm -rf -- "$making" "$base"
    mkdir -p -- "${base%/*}"
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv \
        bookworm "$making" >"$making.log" || stop "debootstrap failed; $making.log says why."
    # As in the official image: `python` and `pip` in /usr/local, free to be written.
    chroot "$making" python3 -m venv /usr/local
    # The registry is reached and trusted as on this machine.
    cp -L /etc/resolv.conf "$making/etc/resolv.conf"
    cp -L /etc/ssl/certs/ca-certificates.crt "$making/etc/ssl/certs/ca-certificates.crt"
    mv -- "$making" "$base"
}

(($# > 0)) || stop 'which stage? deploy/replay-build.sh worker|engine-gpu [COMMAND...]'
((EUID == 0)) || stop 'a chroot needs root; run it as root.'
make_base
if [[ -n ${KEEP-} ]]; then
    work="$KEEP"
    mkdir -- "$work" || stop "$work must not be there yet."
else
    work="$(mktemp -d "${TMPDIR:-/tmp}/kural-build.XXXXXX")"
    # shellcheck disable=SC2064  # the name is wanted as it is now
    trap "rm -rf --one-file-system -- '$work'" EXIT
fi
# Mounts and processes of our own: both are gone when this ends, however it ends.
PYTHONPATH="$here" unshare --mount --pid --fork --kill-child \
    python3 -m deploy.replay_build --base "$base" --work "$work" -- "$@"
