#!/usr/bin/env bash
# Builds docker/Dockerfile for real, without a Docker engine, and asks the demo model in the result:
# buildah with chroot isolation, on a base made by debootstrap.
#
#   sudo docker/check.sh /var/tmp/vlmtui-image     # a directory to work in; the base in it is kept
#
# Needs root, buildah and debootstrap. PYTHON names an interpreter whose pip makes the wheels that the
# build would otherwise compile and fetch a second time.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
work=${1:?usage: docker/check.sh DIRECTORY}
python=${PYTHON:-python3}
readonly repository work python suite=bookworm
readonly image=localhost/vlmtui-check base=localhost/vlmtui-check-base

say() { printf 'docker/check: %s\n' "$*" >&2; }
[ "$(id -u)" -eq 0 ] || { say "needs root: sudo $0 $work"; exit 1; }
for program in buildah debootstrap; do
    command -v "$program" >/dev/null || { say "missing: sudo apt install $program"; exit 1; }
done
mkdir -p "$work"

# everything that buildah stores lies in the working directory
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$work/storage" --runroot "$work/run" "$@"; }

container=
leave() {
    if [ -n "$container" ]; then buildah rm "$container" >/dev/null 2>&1 || true; fi
    buildah rmi --all --force >/dev/null 2>&1 || true
    rm -rf "$work/context" "$work/storage" "$work/run"
}
trap leave EXIT

if [ ! -e "$work/base.tar" ]; then
    say "a base of Debian $suite"
    rm -rf "$work/base"
    debootstrap --variant=minbase "$suite" "$work/base" >"$work/debootstrap.log" 2>&1 ||
        { say "debootstrap failed; see $work/debootstrap.log"; exit 1; }
    rm -rf "$work/base/var/cache/apt/archives" "$work/base/var/lib/apt/lists"
    mkdir -p "$work/base/var/cache/apt/archives/partial" "$work/base/var/lib/apt/lists/partial"
    tar -C "$work/base" -cf "$work/base.part" . && mv "$work/base.part" "$work/base.tar"
    rm -rf "$work/base"
fi
container=$(buildah from scratch)
buildah add --quiet "$container" "$work/base.tar" / >/dev/null
buildah commit --quiet --rm "$container" "$base" >/dev/null
container=

say "the wheels"
mkdir -p "$work/context/docker/wheels"
(cd "$repository" && cp -r constraints.txt pyproject.toml README.md CHANGELOG.md LICENSE src themes "$work/context/")
find "$work/context" -name __pycache__ -prune -exec rm -rf {} +
if ! "$python" -m pip wheel --quiet --wheel-dir "$work/context/docker/wheels" \
    --constraint "$repository/constraints.txt" "$repository" hatchling 2>"$work/wheels.log" ${WHEELS:+--find-links "$WHEELS"}; then
    tail -n 20 "$work/wheels.log" >&2
    exit 1
fi
rm -f "$work"/context/docker/wheels/vlmtui-*.whl

say "the image"
pass=(--build-arg "BASE=$base" --build-arg PIP_OPTIONS=--no-index)
buildah build --quiet "${pass[@]}" --file "$repository/docker/Dockerfile" \
    --tag "$image" "$work/context" >"$work/build.log" 2>&1 ||
    { tail -n 20 "$work/build.log" >&2; say "the build failed; see $work/build.log"; exit 1; }

container=$(buildah from "$image")
inside() { buildah run --user vlmtui "$container" -- "$@"; }
say "in the image: $(inside vlmtui --version), as $(inside id -un)"
sample=$(inside python3 -c 'import sys; sys.path[:0] = __import__("glob").glob("/opt/vlmtui/lib/python3*/site-packages"); from vlmtui import demo; print(demo.sample_images()[0])')
inside vlmtui ask --image "$sample" --temperature 0 "What is in the picture?"
