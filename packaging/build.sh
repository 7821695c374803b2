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

# What a build holds for: these sources, in this root (by its name: the way to it may be written otherwise) or on this machine itself.
hilum_place_of() {
  local was
  if [ -e "$1/.place" ]; then was=$(cat "$1/.place")
  else was="$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$1/CMakeCache.txt")|$hilum_place"; fi # configured by hand
  local place=${was##*|}
  printf '%s\n' "${was%|*}|${place##*/}"
}

# Empties a build folder that was made for other sources or in another place: its paths are not here, its objects were compiled against other headers.
hilum_drop_moved_build() {
  [ -e "$1/CMakeCache.txt" ] || return 0
  local was; was=$(hilum_place_of "$1")
  if [ "$was" != "$hilum_top|${hilum_place##*/}" ]; then
    hilum_say "what is in $1 was built for ${was%|*} in ${was##*|}, not for $hilum_top in $hilum_place: it is made anew"
    find "$1/" -mindepth 1 -maxdepth 1 ! -name .build.lock -exec rm -rf --one-file-system -- {} + || hilum_die "cannot empty $1; remove it by hand and run the same command again"
  fi
}

# Shows how far ninja has come, on one line of a terminal.
hilum_progress() {
  local line shown=0
  while IFS= read -r line; do
    case $line in \[*/*\]*) printf '\r\033[K%s' "${line:0:100}" >&2; shown=1 ;; esac
  done
  [ $shown = 0 ] || printf '\r\033[K' >&2
}

# The lines of a log that say what went wrong; its last ones where none does.
hilum_faults() {
  local found; found=$(grep -nE 'error|FAILED' "$1" | head -n 40 || true)
  if [ -n "$found" ]; then printf '%s\n' "$found" >&2; else tail -n 15 "$1" >&2; fi
}

# hilum_build PRESET [TARGET]: quiet when there is nothing to do; everything it says goes to standard error.
hilum_build() {
  local folder=$hilum_top/build/$1 target=${2:-all} log
  mkdir -p "$folder"
  exec 8>"$folder/.build.lock"
  flock -n 8 || { hilum_say "another build is running; waiting"; flock 8; }
  log=$folder/build.log
  [ -z "${HILUM_LIBTORCH:-}" ] || HILUM_LIBTORCH=$(realpath -sm -- "$HILUM_LIBTORCH") # relative paths are the caller's, not CMake's
  hilum_drop_moved_build "$folder"
  if { [ ! -e "$folder/build.ninja" ] && [ ! -e "$folder/Makefile" ]; } || hilum_other_libtorch "$folder"; then
    hilum_say "configuring ($1${HILUM_LIBTORCH:+, LibTorch in $HILUM_LIBTORCH})"
    # hilum_enter goes back to the caller's folder: the sources are named. What was found beside an earlier LibTorch is looked for again
    "${hilum_enter[@]}" cmake -S "$hilum_top" --preset "$1" ${HILUM_LIBTORCH:+-UHILUM_NCCL_INCLUDE -UHILUM_CUDA_INCLUDE -DHILUM_LIBTORCH="$HILUM_LIBTORCH"} >"$log" 2>&1 8>&- ||
      { tail -n 40 "$log" >&2; rm -f "$folder/build.ninja"; hilum_die "configuring failed; all of it is in $log"; }
    hilum_say "building; the first time takes a while"
  fi
  echo "$hilum_top|${hilum_place##*/}" >"$folder/.place"
  local make=("${hilum_enter[@]}" cmake --build "$folder" -j "$(hilum_jobs)" --target "$target")
  if [ -t 2 ]; then
    "${make[@]}" 2>&1 8>&- | tee "$log" | hilum_progress
  else
    "${make[@]}" >"$log" 2>&1 8>&-
  fi || { hilum_faults "$log"; hilum_die "the build failed; all of it is in $log"; }
  exec 8>&-
}

# Makes folder $2 the wheel of version $1. The folder of before, which had no version in its name, becomes it where it holds that version alone.
hilum_make_wheel() {
  local version=$1 folder=$2 old=$hilum_cache/torch-cuda marks
  marks=("$old"/.complete-*)
  if [ ${#marks[@]} = 1 ] && [ -e "$old/.complete-$version" ] && rm -rf --one-file-system -- "$folder" && touch "$old/.complete" && mv -T -- "$old" "$folder"; then
    hilum_say "the torch $version wheel in $old is taken; it lies in $folder now"
    return
  fi
  command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || hilum_die "--cuda fetches the torch wheel with pip: install python3-pip, or name a LibTorch in HILUM_LIBTORCH"
  hilum_say "fetching the torch $version wheel and its CUDA libraries (about 2.5 GB, 5 GB unpacked) into $folder"
  mkdir -p "$folder"
  python3 -m pip install --progress-bar on --target "$folder" --no-compile --upgrade --only-binary=:all: "torch==$version" >&2 ||
    hilum_die "could not fetch torch $version; name a LibTorch in HILUM_LIBTORCH instead"
  touch "$folder/.complete"
}

# A CUDA LibTorch: HILUM_LIBTORCH, else the published wheel, unpacked in the cache; each version has a folder, so that a build knows which it was made with.
hilum_cuda() {
  if [ -z "${HILUM_LIBTORCH:-}" ]; then
    local version=${HILUM_TORCH_WHEEL:-2.14.1} folder
    folder=$hilum_cache/torch-cuda-$version
    if [ ! -e "$folder/.complete" ] || [ -e "$hilum_cache/torch-cuda" ]; then
      mkdir -p "$hilum_cache"
      exec 7>"$hilum_cache/torch-cuda.lock"
      flock -n 7 || { hilum_say "another process is fetching the torch wheel; waiting"; flock 7; }
      [ -e "$folder/.complete" ] || hilum_make_wheel "$version" "$folder"
      # another version's, which nothing looks for any more
      [ ! -e "$hilum_cache/torch-cuda" ] || rm -rf --one-file-system -- "$hilum_cache/torch-cuda" || hilum_say "cannot remove $hilum_cache/torch-cuda, the wheel of another version; remove it by hand"
      exec 7>&-
    fi
    export HILUM_LIBTORCH=$folder/torch
  fi
  [ -d "$HILUM_LIBTORCH/include/torch" ] || hilum_die "HILUM_LIBTORCH=$HILUM_LIBTORCH holds no include/torch"
  command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 || hilum_say "no NVIDIA GPU answers here: the build goes on, the worker will run on the CPU"
}
