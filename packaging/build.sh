# Sourced by ./run and ./test after root.sh: configures and builds in the place that hilum_prepare_place chose.

hilum_jobs() {
  # a LibTorch source needs about 2 GB to compile: never more jobs than memory carries
  local cores memory; cores=$(nproc); memory=$(awk '/MemAvailable/ { print int($2 / 2000000) }' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  [ "$cores" -le "$memory" ] && echo "$cores" || echo "$memory"
}

# True when the build in a folder was configured with another LibTorch than the one that HILUM_LIBTORCH names.
hilum_other_libtorch() {
  [ -n "${HILUM_LIBTORCH:-}" ] && [ "$(sed -n 's/^HILUM_LIBTORCH:[A-Z]*=//p' "$1/CMakeCache.txt" 2>/dev/null)" != "$HILUM_LIBTORCH" ]
}

# hilum_build PRESET [TARGET]: quiet when there is nothing to do; everything it says goes to standard error.
hilum_build() {
  local folder=$hilum_top/build/$1 target=${2:-all} log
  mkdir -p "$folder"
  exec 8>"$folder/.build.lock"
  flock -n 8 || { hilum_say "another build is running; waiting"; flock 8; }
  log=$folder/build.log
  [ -z "${HILUM_LIBTORCH:-}" ] || HILUM_LIBTORCH=$(realpath -sm "$HILUM_LIBTORCH") # relative paths are the caller's, not CMake's
  if { [ ! -e "$folder/build.ninja" ] && [ ! -e "$folder/Makefile" ]; } || hilum_other_libtorch "$folder"; then
    hilum_say "configuring ($1${HILUM_LIBTORCH:+, LibTorch in $HILUM_LIBTORCH})"
    # what was found beside an earlier LibTorch is looked for again
    (cd "$hilum_top" && "${hilum_enter[@]}" cmake --preset "$1" ${HILUM_LIBTORCH:+-UHILUM_NCCL_INCLUDE -UHILUM_CUDA_INCLUDE -DHILUM_LIBTORCH="$HILUM_LIBTORCH"}) >"$log" 2>&1 8>&- ||
      { tail -n 40 "$log" >&2; rm -f "$folder/build.ninja"; hilum_die "configuring failed; all of it is in $log"; }
    hilum_say "building; the first time takes a while"
  fi
  if [ -t 2 ]; then
    (cd "$hilum_top" && "${hilum_enter[@]}" cmake --build "$folder" -j "$(hilum_jobs)" --target "$target") 2>&1 8>&- | tee "$log" |
      awk '/^\[[0-9]+\/[0-9]+\]/ { printf "\r\033[K%s", substr($0, 1, 100) > "/dev/stderr"; n = 1 } END { if (n) printf "\r\033[K" > "/dev/stderr" }'
  else
    (cd "$hilum_top" && "${hilum_enter[@]}" cmake --build "$folder" -j "$(hilum_jobs)" --target "$target") >"$log" 2>&1 8>&-
  fi || { grep -nE 'error|FAILED' "$log" | head -n 40 >&2; hilum_die "the build failed; all of it is in $log"; }
  exec 8>&-
}

# A CUDA LibTorch: HILUM_LIBTORCH, else the published wheel of the version that the private root has, unpacked in the cache.
hilum_cuda() {
  if [ -z "${HILUM_LIBTORCH:-}" ]; then
    local version=${HILUM_TORCH_WHEEL:-2.14.1} folder=$hilum_cache/torch-cuda
    if [ ! -e "$folder/.complete-$version" ]; then
      command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || hilum_die "--cuda fetches the torch wheel with pip: install python3-pip, or name a LibTorch in HILUM_LIBTORCH"
      hilum_say "fetching the torch $version wheel and its CUDA libraries (about 2.5 GB, 5 GB unpacked) into $folder"
      mkdir -p "$folder"
      python3 -m pip install --quiet --target "$folder" --no-compile --upgrade --only-binary=:all: "torch==$version" >&2 ||
        hilum_die "could not fetch torch $version; name a LibTorch in HILUM_LIBTORCH instead"
      touch "$folder/.complete-$version"
    fi
    export HILUM_LIBTORCH=$folder/torch
  fi
  [ -d "$HILUM_LIBTORCH/include/torch" ] || hilum_die "HILUM_LIBTORCH=$HILUM_LIBTORCH holds no include/torch"
  command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 || hilum_say "no NVIDIA GPU answers here: the build goes on, the worker will run on the CPU"
}
