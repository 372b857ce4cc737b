#!/usr/bin/env bash
# Installs vlmtui on a Jetson (or any machine with or without an NVIDIA GPU) from a checkout or from
# the package index, in a virtual environment of its own, with llama.cpp built for the board's GPU.
#
#   scripts/install-jetson.sh --dry-run        print what is here and what would be done
#   scripts/install-jetson.sh                  do it; after a failure, run it again: it goes on
#
# --prefix DIR   where to install; default ~/.local/share/vlmtui-venv, with a link in ~/.local/bin
# --python EXE   the interpreter to use; default the system's python3, or the newest beside it if
#                that is older than 3.10
# --cpu          build without CUDA although there is a GPU
# VLMTUI_SYSROOT names a directory to look at instead of /, for trying the detection.
#
# Exit codes: 0 done, 1 a step failed, 2 wrong usage, 3 this machine can't run it as it is.
set -euo pipefail

readonly root=${VLMTUI_SYSROOT:-}
readonly llama_version=0.3.36
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly repository

[ -n "${HOME:-}" ] || { echo "install-jetson: HOME is not set" >&2; exit 3; }
dry_run=no prefix=$HOME/.local/share/vlmtui-venv python='' want_cuda=yes
while (($#)); do
    case $1 in
        --dry-run) dry_run=yes ;;
        --cpu) want_cuda=no ;;
        --prefix | --python)
            (($# > 1)) || { echo "install-jetson: $1 needs a value" >&2; exit 2; }
            if [ "$1" = --prefix ]; then prefix=$2; else python=$2; fi
            shift ;;
        -h | --help) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) echo "install-jetson: unknown option $1; --help lists them" >&2; exit 2 ;;
    esac
    shift
done

case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac # the link must lead there from anywhere

say() { printf '%s\n' "$*"; }
fact() { printf '  %-12s %s\n' "$1" "$2"; }
stop() {
    printf '\ninstall-jetson: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 3
}

# ------------------------------------------------------------------------------ what is here

read_text() { if [ -r "$root$1" ]; then LC_ALL=C tr -cd '[:print:]\n' <"$root$1"; fi; }

board=$(read_text /proc/device-tree/model | head -n 1)
chip=$(read_text /proc/device-tree/compatible)
release=$(read_text /etc/nv_tegra_release | sed -nE 's/^# R([0-9]+).*REVISION: ([0-9.]+).*/\1.\2/p' | head -n 1)
machine=${VLMTUI_MACHINE:-$(uname -m)}

jetpack=''
case $release in
    32.*) jetpack=4 ;; 34.* | 35.*) jetpack=5 ;; 36.*) jetpack=6 ;; 38.* | 39.*) jetpack=7 ;;
esac

# The architecture that nvcc must compile for, by the chip and not by the product's name.
cuda_arch=''
case $chip in
    *tegra264*) cuda_arch=110 ;;
    *tegra234*) cuda_arch=87 ;;
    *tegra194*) cuda_arch=72 ;;
    *tegra186*) cuda_arch=62 ;;
    *tegra210*) cuda_arch=53 ;;
esac
[ -n "$board$release$cuda_arch" ] && is_jetson=yes || is_jetson=no

nvcc=''
for candidate in /usr/local/cuda/bin/nvcc /usr/bin/nvcc; do
    if [ -x "$root$candidate" ]; then nvcc=$candidate; break; fi
done
if [ -z "$nvcc$root" ]; then nvcc=$(command -v nvcc || true); fi
cuda=''
if [ -n "$nvcc" ]; then
    cuda=$("$root$nvcc" --version 2>/dev/null | sed -nE 's/.*release ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
fi
# Before CUDA 13 Thor was 101.
if [ "$cuda_arch" = 110 ] && [ -n "$cuda" ] && [ "${cuda%%.*}" -lt 13 ]; then cuda_arch=101; fi

has_gpu=no
if [ "$is_jetson" = yes ] || [ -e "$root/proc/driver/nvidia/version" ]; then has_gpu=yes; fi

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }
new_enough() { case $1 in 3.?) return 1 ;; 3.*) return 0 ;; *) return 1 ;; esac }

# The system's own comes first: only it sees the TensorRT that JetPack brings.
find_python() {
    if [ -n "$python" ]; then
        command -v "$python" >/dev/null || stop "there is no $python" "Name another one with --python."
        return
    fi
    local candidate
    for candidate in 3 3.14 3.13 3.12 3.11 3.10; do
        candidate=$root/usr/bin/python$candidate
        if [ -x "$candidate" ] && new_enough "$(version_of "$candidate")"; then python=$candidate; return; fi
    done
    for candidate in 3 3.9 3.8 3.6; do
        if [ -x "$root/usr/bin/python$candidate" ]; then python=$root/usr/bin/python$candidate; return; fi
    done
}
find_python
python_version=''
if [ -n "$python" ]; then
    python_version=$(version_of "$python")
fi

memory_kb=$(sed -nE 's/^MemTotal: *([0-9]+) kB/\1/p' "$root/proc/meminfo" 2>/dev/null || true)
swap_kb=$(sed -nE 's/^SwapTotal: *([0-9]+) kB/\1/p' "$root/proc/meminfo" 2>/dev/null || true)
# of the directory where something will be, which may not be there yet
free_kb() {
    local place=$1
    while [ ! -d "$place" ]; do place=$(dirname "$place"); done
    df -Pk "$place" 2>/dev/null | awk 'NR == 2 { print $4 }' || true
}
is_full() { local free; free=$(free_kb "$1"); [ -n "$free" ] && ((free < 51200)); }
disk_kb=$(free_kb "$prefix")
temporary_kb=$(free_kb "${TMPDIR:-/tmp}")
gib() { if [ -n "$1" ]; then awk -v k="$1" 'BEGIN { printf "%.1f GiB", k / 1048576 }'; else echo unknown; fi; }

say "Here is:"
fact board "${board:-no Jetson}"
fact system "${release:+L4T $release, }${jetpack:+JetPack $jetpack, }$machine"
fact CUDA "${cuda:-none found}${cuda_arch:+, the GPU needs architecture $cuda_arch}"
fact Python "${python_version:-none found}${python:+ ($python)}"
fact memory "$(gib "$memory_kb"), swap $(gib "$swap_kb")"
fact disk "$(gib "$disk_kb") free for $prefix, $(gib "$temporary_kb") in ${TMPDIR:-/tmp}"

# ------------------------------------------------------------------------------ can it be done?

if [ "$jetpack" = 4 ]; then
    stop "JetPack 4 is too old: its CUDA 10.2 can't compile llama.cpp, its glibc is older than the packages need" \
        "Without the GPU it runs in a container: docker build -f docker/Dockerfile -t vlmtui . && docker/run.sh"
fi
if [ -z "$python_version" ]; then
    stop "there is no Python" "sudo apt install python3 python3-venv"
fi
if ! new_enough "$python_version"; then
    advice=("Install Python 3.10 or newer beside it, and name it: $0 --python python3.10")
    if [ "$jetpack" = 5 ]; then
        advice=("JetPack 5 comes with Python $python_version. Two ways on:"
            "1. Flash JetPack 6, if the board can take it (every Orin can; Xavier can't)."
            "2. Install a newer Python beside it, for example with uv:"
            "   python3 -m pip install --user --upgrade pip uv && ~/.local/bin/uv python install 3.10"
            "   $0 --python \"\$(~/.local/bin/uv python find 3.10)\"")
    fi
    stop "Python $python_version is too old, vlmtui needs 3.10 or newer" "${advice[@]}"
fi
build_cuda=no
if [ "$want_cuda" = yes ] && [ "$has_gpu" = yes ]; then
    if [ -z "$nvcc" ]; then
        hint="Install CUDA's compiler (nvcc), or take the processor alone with --cpu."
        if [ "$is_jetson" = yes ]; then hint="sudo apt install nvidia-jetpack   (or --cpu to do without the GPU)"; fi
        stop "there is a GPU but no CUDA compiler" "$hint"
    fi
    if [ -n "$cuda" ] && [ "${cuda%%.*}" -lt 11 ]; then
        stop "CUDA $cuda is too old for llama.cpp, which needs 11 or newer" "Install a newer one, or take --cpu."
    fi
    build_cuda=yes
fi
if [ -d "$prefix" ] && [ -n "$(ls -A "$prefix")" ] && [ ! -e "$prefix/pyvenv.cfg" ] && [ ! -e "$prefix/.interpreter" ]; then
    stop "$prefix is there already and no virtual environment" "Name another directory with --prefix."
fi

# ------------------------------------------------------------------------------ the plan

cmake_args='-DGGML_NATIVE=ON'
if [ "$build_cuda" = yes ]; then
    cmake_args="-DGGML_CUDA=on -DCMAKE_CUDA_ARCHITECTURES=${cuda_arch:-native} -DCMAKE_CUDA_COMPILER=$nvcc"
fi
# A job of nvcc takes up to 2 GiB; an 8 GiB board with six would be swapping or dead.
jobs=$(nproc)
if [ -n "$memory_kb" ]; then
    most=$((memory_kb / 1048576 / 2))
    if ((most < 1)); then most=1; fi
    if ((jobs > most)); then jobs=$most; fi
fi
if [ -f "$repository/pyproject.toml" ] && grep -qs '^name = "vlmtui"' "$repository/pyproject.toml"; then
    source_of=$repository
else
    source_of=vlmtui
fi
constraint=()
if [ -f "$repository/constraints.txt" ]; then constraint=(--constraint "$repository/constraints.txt"); fi
readonly bin=$prefix/bin log=$prefix.log

# run_step NAME STAMP COMMAND…: runs a command unless it was done before, when STAMP was left.
run_step() {
    local name=$1 stamp=$prefix/.done-$2
    shift 2
    if [ "$dry_run" = yes ]; then
        printf '  %s\n      ' "$name"
        printf '%q ' "$@"
        echo
        return
    fi
    if [ -e "$stamp" ]; then say "  $name: done before"; return; fi
    say "  $name"
    local began=0
    if [ -e "$log" ]; then began=$(wc -c <"$log"); fi
    if ! "$@" >>"$log" 2>&1; then
        tail -c "+$((began + 1))" "$log" | tail -n 15 >&2
        printf '\ninstall-jetson: this step failed: %s\n' "$name" >&2
        # a full disk keeps even the complaint about it from the log
        if is_full "$prefix" || is_full "${TMPDIR:-/tmp}" ||
            tail -c "+$((began + 1))" "$log" | grep -qE 'No space left|Disk quota'; then
            printf '  A disk is full: building takes about 3 GB in %s; TMPDIR names another place.\n' "${TMPDIR:-/tmp}" >&2
        elif tail -c "+$((began + 1))" "$log" | grep -qE 'connection broken|Temporary failure in name|Network is unreachable'; then
            printf '  The package index was not reached. docs/jetson.md tells how to install without internet.\n' >&2
        fi
        printf '  The log is %s. Run the script again to go on from here.\n' "$log" >&2
        exit 1
    fi
    touch "$stamp"
}

# Takes the stamps of steps away that must be done again.
forget() { if [ "$dry_run" = no ]; then rm -f "$@"; fi; }

say
say "The plan:"
packages=()
command -v c++ >/dev/null || packages+=(build-essential)
command -v cmake >/dev/null || packages+=(cmake)
"$python" -c 'import ensurepip, venv' 2>/dev/null || packages+=("python$python_version-venv")
if ((${#packages[@]})); then
    # installing system packages is the user's decision
    if [ "$dry_run" = no ]; then stop "some packages are missing" "sudo apt install ${packages[*]}"; fi
    printf '  %s\n      %s\n' "what is missing, first of all" "sudo apt install ${packages[*]}"
fi
for free in "$disk_kb" "$temporary_kb"; do
    if [ -n "$free" ] && ((free < 3 * 1048576)); then
        say "  (little disk space: building takes about 3 GB, and models come on top)"
        break
    fi
done
if [ "$dry_run" = no ] && ! mkdir -p "$prefix" "$HOME/.local/bin" 2>/dev/null; then
    stop "$prefix or ~/.local/bin can't be made" "Name another directory with --prefix."
fi
# An environment of this script's that another Python made, or none finished, is made anew.
interpreter="$python_version $(command -v "$python")" clear=()
if [ -e "$prefix/.interpreter" ] && [ "$(cat "$prefix/.interpreter")" != "$interpreter" ] || [ ! -x "$bin/python" ]; then
    forget "$prefix"/.done-*
    if [ -e "$prefix/.interpreter" ]; then clear=(--clear); fi
fi
note_interpreter() {
    if [ "$dry_run" = yes ]; then return; fi
    printf '%s\n' "$interpreter" 2>/dev/null >"$prefix/.interpreter" ||
        stop "nothing can be written in $prefix" "A disk is full, or it is read-only. Run the script again to go on from here."
}
note_interpreter
run_step "a virtual environment in $prefix" venv \
    "$python" -m venv ${clear[@]+"${clear[@]}"} --system-site-packages "$prefix"
note_interpreter # --clear takes everything away
built=llama-$llama_version-${cuda_arch:-none}-$build_cuda
if [ ! -e "$prefix/.done-$built" ]; then forget "$prefix"/.done-llama-*; fi # one takes another's place
run_step "llama-cpp-python $llama_version with $cmake_args (20 to 60 minutes on a Jetson)" \
    "$built" \
    env "CMAKE_ARGS=$cmake_args" "CMAKE_BUILD_PARALLEL_LEVEL=$jobs" \
    "$bin/pip" install --no-binary llama-cpp-python --force-reinstall --no-cache-dir --no-deps \
    ${constraint[@]+"${constraint[@]}"} "llama-cpp-python==$llama_version"
# a checkout that was updated since is installed again
if [ "$source_of" != vlmtui ] && [ -e "$prefix/.done-vlmtui" ] &&
    [ -n "$(find "$repository/src" "$repository/themes" "$repository/pyproject.toml" -newer "$prefix/.done-vlmtui" -type f ! -name '*.pyc' -print -quit 2>/dev/null)" ]; then
    forget "$prefix/.done-vlmtui"
fi
run_step "vlmtui and what it needs" vlmtui "$bin/pip" install ${constraint[@]+"${constraint[@]}"} "$source_of"
run_step "a link in ~/.local/bin" link ln -sfn "$bin/vlmtui" "$HOME/.local/bin/vlmtui"
if [ "$dry_run" = yes ]; then
    printf '  %s\n      %q doctor\n' "a look at the result" "$bin/vlmtui"
    exit 0
fi
say
"$bin/vlmtui" doctor || say "The findings above say what to do; vlmtui is installed."
say
say "Start it with: $bin/vlmtui"
case :$PATH: in *:"$HOME/.local/bin":*) ;; *) say "(or add ~/.local/bin to PATH, and it is vlmtui)" ;; esac
