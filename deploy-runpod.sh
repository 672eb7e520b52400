#!/usr/bin/env bash
# Starts one machine of the complaint line at RunPod and waits until it answers calls:
#   ./deploy-runpod.sh [--instance-type cpu|gpu] [--dry-run] [--autoscaler yes|no]
# Settings come from .env (secrets.example.txt, "Machines"). A second run finds the first machine.
# Everything that thinks is in `kural scale pod`; this script asks about the autoscaler afterwards.
set -euo pipefail

here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)"
readonly here
readonly python="${KURAL_PYTHON:-$here/.venv/bin/python}"
readonly unit_dir="${KURAL_UNIT_DIR:-/etc/systemd/system}"
readonly config_dir="${KURAL_CONFIG_DIR:-/etc/kural}"
readonly unit=autoscaler.service

stop() {
    printf 'deploy-runpod.sh: %s\n' "$*" >&2
    exit 1
}
usage() {
    printf '%s\n' \
        'Usage: ./deploy-runpod.sh [--instance-type cpu|gpu] [--dry-run] [--autoscaler yes|no]' \
        '  --instance-type  kind of machine (without it: SCALE__INSTANCE)' \
        '  --dry-run        check settings, key, stock and price; buy and install nothing' \
        '  --autoscaler     install the autoscaler without asking, or do not' >&2
    exit "$1"
}

dry_run="" autoscaler="ask" instance=""
arguments=()
while (($#)); do
    case "$1" in
    --instance-type)
        [[ ${2-} == cpu || ${2-} == gpu ]] || usage 2
        arguments+=("$1" "$2")
        instance="$2"
        shift
        ;;
    --autoscaler)
        [[ ${2-} == yes || ${2-} == no ]] || usage 2
        autoscaler="$2"
        shift
        ;;
    --dry-run)
        arguments+=("$1")
        dry_run=yes
        ;;
    -h | --help) usage 0 ;;
    *) usage 2 ;;
    esac
    shift
done

[[ -x $python ]] || stop "there is no $python: run ./test-local.sh first, which makes it."

# Where the caller stands decides which .env is read, as for every other command.
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
"$python" -m agent scale pod up ${arguments[@]+"${arguments[@]}"}
[[ -z $dry_run ]] || exit 0

# ---- the autoscaler -----------------------------------------------------------------------------

if [[ $autoscaler == ask ]]; then
    if [[ ! -t 0 ]]; then
        printf '%s\n' 'The autoscaler was not installed; --autoscaler yes does that.'
        exit 0
    fi
    read -r -p 'Start and end further machines by themselves, as calls come (autoscaler)? [y/N] ' said
    case "$said" in
    [yY] | [yY][eE][sS]) autoscaler=yes ;;
    *) autoscaler=no ;;
    esac
fi
[[ $autoscaler == yes ]] || exit 0

command -v systemctl >/dev/null || stop "there is no systemd here: start \`kural scale run\` another way."
as_root=()
if [[ ! -w $unit_dir ]]; then
    command -v sudo >/dev/null || stop "installing the unit needs root: run this as root."
    as_root=(sudo)
fi
run() { ${as_root[@]+"${as_root[@]}"} "$@"; }

user="$(id -un)"
made="$(mktemp)"
trap 'rm -f -- "$made"' EXIT

run install -d -m 0750 -- "$config_dir"
if run test -e "$config_dir/autoscaler.env"; then
    printf '%s\n' "$config_dir/autoscaler.env is there already and stays as it is."
else
    [[ -r .env ]] || stop "there is no .env here to make $config_dir/autoscaler.env from."
    # Its own folder is the unit's business; what is named twice counts as named last.
    sed '/^DATA_DIR=/d' .env >"$made"
    printf '\nSCALE__PROVIDER=runpod\n' >>"$made"
    # Further machines are of the kind of this one.
    [[ -z $instance ]] || printf 'SCALE__INSTANCE=%s\n' "$instance" >>"$made"
    run install -m 0600 -- "$made" "$config_dir/autoscaler.env"
fi

# The unit names the place of a package; ours is this checkout and this user.
sed -e "s|/opt/kural|${here//|/\\|}|g" -e "s|^User=.*|User=$user|" \
    -e "s|/etc/kural|${config_dir//|/\\|}|g" "$here/deploy/autoscaler.service" >"$made"
run install -m 0644 -- "$made" "$unit_dir/$unit"
run systemctl daemon-reload
run systemctl enable --now "$unit"
printf '%s\n' "The autoscaler runs: systemctl status $unit, journalctl -u $unit."
