#!/usr/bin/env bash
# Starts vlmtui in its container: with the GPU where there is one, with this terminal, with the models
# and chats on volumes, and with the current directory's pictures readable at /images.
#
#   docker/run.sh                            chat
#   docker/run.sh ask --image photo.jpg "What is this?"
#
# IMAGE (default vlmtui), IMAGES (directory of pictures, default the current one), MODELS and DATA
# (directories with a slash in their names, or volumes; default vlmtui-models and vlmtui-data), DOCKER
# (default docker, else podman). DRY_RUN=1 prints the command and runs nothing.
set -euo pipefail

readonly root=${VLMTUI_SYSROOT:-}   # tests point it at the files of another machine
image=${IMAGE:-vlmtui}
images=${IMAGES:-$PWD}

stop() {
    printf 'docker/run.sh: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

docker=${DOCKER:-docker}
if [ -z "${DOCKER:-}" ] && ! command -v docker >/dev/null && command -v podman >/dev/null; then docker=podman; fi
here=yes
if ! command -v "$docker" >/dev/null; then
    here=no
    [ "${DRY_RUN:-}" = 1 ] || stop "there is no $docker here" "Install Docker, or name another: DOCKER=podman $0"
fi
# the package podman-docker calls podman docker
is_podman=no
case ${docker##*/} in podman*) is_podman=yes ;; esac
if [ "$here" = yes ] && "$docker" --version 2>/dev/null | grep -qi podman; then is_podman=yes; fi

[ -d "$images" ] || stop "there is no directory $images" "IMAGES names the directory of pictures."
images=$(realpath -- "$images")
# a name with a slash is a directory, which must be absolute; any other is a volume
volume() { case $1 in */*) realpath -m -- "$1" ;; *) printf '%s\n' "$1" ;; esac; }
models=$(volume "${MODELS:-vlmtui-models}")
data=$(volume "${DATA:-vlmtui-data}")

# ------------------------------------------------------------------------------ the GPU

has_cdi() { compgen -G "$root/etc/cdi/nvidia*" >/dev/null || compgen -G "$root/var/run/cdi/nvidia*" >/dev/null; }
# no answer, as from a daemon that doesn't run, is left to the real call to complain about
lacks_runtime() {
    local runtimes
    [ "$here" = yes ] && runtimes=$("$docker" info --format '{{json .Runtimes}}' 2>/dev/null) &&
        case $runtimes in *'"nvidia"'*) false ;; esac
}

is_jetson=no
if [ -e "$root/etc/nv_tegra_release" ] || grep -qsa tegra "$root/proc/device-tree/compatible"; then is_jetson=yes; fi
gpu=()
if [ "$is_jetson" = yes ] || [ -e "$root/proc/driver/nvidia/version" ]; then
    if [ "$is_podman" = yes ]; then
        has_cdi || stop "podman has no description of the GPU" \
            "sudo apt install nvidia-container-toolkit" \
            "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
        gpu=(--device nvidia.com/gpu=all --group-add keep-groups)
    elif [ "$is_jetson" = no ]; then
        gpu=(--gpus all)
    elif ! lacks_runtime; then
        # on a Jetson only NVIDIA's own runtime works
        gpu=(--runtime nvidia --env NVIDIA_VISIBLE_DEVICES=all --env NVIDIA_DRIVER_CAPABILITIES=all)
    elif has_cdi; then
        gpu=(--device nvidia.com/gpu=all)
    else
        stop "Docker doesn't know NVIDIA's runtime" \
            "sudo apt install nvidia-container-toolkit" \
            "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
    fi
fi
if [ "$is_jetson" = yes ]; then
    # what tells of the board and its power mode; containers don't see /proc/device-tree
    for path in /etc/nv_tegra_release /etc/nvpmodel.conf /var/lib/nvpmodel; do
        if [ -e "$root$path" ]; then gpu+=(--volume "$path:$path:ro"); fi
    done
fi

# ------------------------------------------------------------------------------ the command

terminal=(--interactive)
if [ -t 0 ] && [ -t 1 ]; then terminal+=(--tty); fi
for name in TERM COLORTERM TERM_PROGRAM NO_COLOR LANG HF_TOKEN HF_ENDPOINT; do
    if [ -n "${!name:-}" ]; then terminal+=(--env "$name"); fi
done

command=("$docker" run --rm --init "${terminal[@]}" ${gpu[@]+"${gpu[@]}"}
    --volume "$models:/models"
    --volume "$data:/data"
    --volume "$images:/images:ro"
    "$image" "$@")
if [ "${DRY_RUN:-}" = 1 ]; then
    printf '%q ' "${command[@]}"
    echo
else
    exec "${command[@]}"
fi
