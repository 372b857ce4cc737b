#!/usr/bin/env bash
# Starts vlmtui in its container: with the GPU where there is one, with this terminal, with the models
# and chats on volumes, and with the current directory's pictures readable at /images.
#
#   docker/run.sh                            chat
#   docker/run.sh ask --image photo.jpg "What is this?"
#
# IMAGE (default vlmtui), IMAGES (directory of pictures, default the current one), MODELS and DATA
# (volume names or directories, default vlmtui-models and vlmtui-data), DOCKER (default docker; podman
# works too). DRY_RUN=1 prints the command and runs nothing.
set -euo pipefail

docker=${DOCKER:-docker}
image=${IMAGE:-vlmtui}
images=$(realpath -- "${IMAGES:-$PWD}")
readonly root=${VLMTUI_SYSROOT:-}   # tests point it at the files of another machine

if [ "${DRY_RUN:-}" != 1 ] && ! command -v "$docker" >/dev/null; then
    echo "docker/run.sh: there is no $docker here. Install Docker, or name another: DOCKER=podman $0" >&2
    exit 1
fi

# On a Jetson only NVIDIA's own runtime works; elsewhere --gpus asks for it.
gpu=()
if [ -e "$root/etc/nv_tegra_release" ] || grep -qsa tegra "$root/proc/device-tree/compatible"; then
    gpu=(--runtime nvidia --env NVIDIA_VISIBLE_DEVICES=all --env NVIDIA_DRIVER_CAPABILITIES=all)
    # what tells of the board: its name and its power sensors; /proc/device-tree is hidden in containers
    for path in /etc/nv_tegra_release /var/lib/nvpmodel; do
        if [ -e "$root$path" ]; then gpu+=(--volume "$path:$path:ro"); fi
    done
elif [ -e "$root/proc/driver/nvidia/version" ]; then
    gpu=(--gpus all)
fi

terminal=(--interactive)
if [ -t 0 ] && [ -t 1 ]; then terminal+=(--tty); fi
for name in TERM COLORTERM TERM_PROGRAM NO_COLOR LANG HF_TOKEN HF_ENDPOINT; do
    if [ -n "${!name:-}" ]; then terminal+=(--env "$name"); fi
done

command=("$docker" run --rm --init "${terminal[@]}" ${gpu[@]+"${gpu[@]}"}
    --volume "${MODELS:-vlmtui-models}:/models"
    --volume "${DATA:-vlmtui-data}:/data"
    --volume "$images:/images:ro"
    "$image" "$@")
if [ "${DRY_RUN:-}" = 1 ]; then
    printf '%q ' "${command[@]}"
    echo
else
    exec "${command[@]}"
fi
