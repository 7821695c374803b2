#!/usr/bin/env bash
# build_script.sh SOURCE OUT: packaging/build.sh with a cmake that only writes down how it is called. A LibTorch named later than the first build was silently left out.
set -euo pipefail
source=$1 out=$2
rm -rf "$out"
mkdir -p "$out/bin" "$out/top"
cat >"$out/bin/cmake" <<'END'
#!/usr/bin/env bash
echo "$*" >>"$CALLS"
[ "$1" = --preset ] || exit 0
mkdir -p "build/$2"
touch "build/$2/build.ninja"
for word; do case $word in -DHILUM_LIBTORCH=*) echo "HILUM_LIBTORCH:PATH=${word#*=}" >"build/$2/CMakeCache.txt" ;; esac; done
END
chmod +x "$out/bin/cmake"
export PATH=$out/bin:$PATH CALLS=$out/calls
hilum_top=$out/top hilum_enter=()
hilum_say() { printf '%s\n' "$*"; }
hilum_die() { hilum_say "$*"; exit 1; }
. "$source/packaging/build.sh"

# expect NUMBER WHAT: builds, and that many configurations have been made since the beginning
expect() {
  hilum_build release >"$out/said" 2>&1
  local made; made=$(grep -c -- '^--preset' "$CALLS")
  [ "$made" = "$1" ] || { echo "$2: $made configurations, $1 expected"; cat "$CALLS"; exit 1; }
}
unset HILUM_LIBTORCH
expect 1 "the first build"
expect 1 "nothing has changed"
export HILUM_LIBTORCH=$out/one
expect 2 "a LibTorch is named"
grep -q -- "-DHILUM_LIBTORCH=$out/one" "$CALLS" || { echo "its path is not handed over"; exit 1; }
expect 2 "the same again"
HILUM_LIBTORCH=$out/two/
expect 3 "another one"
HILUM_LIBTORCH=two
cd "$out"
expect 3 "the same, from its folder"
unset HILUM_LIBTORCH
expect 3 "none is named: what is configured stays"
