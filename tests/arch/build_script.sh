#!/usr/bin/env bash
# build_script.sh SOURCE OUT: packaging/build.sh, ./run and ./test with a cmake that only writes down how it is called. What was seen: a LibTorch named later than the first build was
# silently left out; the first call from another folder failed; a build that failed without the word "error" said nothing; a build made elsewhere was trusted.
set -euo pipefail
source=$(realpath "$1") out=$(realpath -m "$2")
rm -rf "$out"
mkdir -p "$out/bin" "$out/top" "$out/elsewhere"
cat >"$out/bin/cmake" <<'END_OF_CMAKE'
#!/usr/bin/env bash
echo "$*" >>"$CALLS"
if [ "$1" = --build ]; then
  [ -z "${FAILS:-}" ] || { echo "$FAILS"; exit 1; }
  exit 0
fi
from=$PWD
[ "$1" != -S ] || { from=$2; shift 2; }
[ "$1" = --preset ] || exit 0
[ -e "$from/CMakePresets.json" ] || { echo "CMake Error: Could not read presets from $from"; exit 1; }
mkdir -p "$from/build/$2"
touch "$from/build/$2/build.ninja"
echo "CMAKE_HOME_DIRECTORY:INTERNAL=$from" >"$from/build/$2/CMakeCache.txt"
for word; do case $word in -DHILUM_LIBTORCH=*) echo "HILUM_LIBTORCH:PATH=${word#*=}" >>"$from/build/$2/CMakeCache.txt" ;; esac; done
END_OF_CMAKE
cat >"$out/bin/enter" <<'END_OF_ENTER'
#!/usr/bin/env bash
cd "$1" && shift && exec "$@" # as bubblewrap goes back to the caller's folder
END_OF_ENTER
chmod +x "$out/bin/"*
touch "$out/top/CMakePresets.json"
export PATH=$out/bin:$PATH CALLS=$out/calls
hilum_top=$out/top hilum_cache=$out/cache hilum_place=native hilum_enter=(enter "$out/elsewhere")
hilum_say() { printf '%s\n' "$*"; }
hilum_die() { hilum_say "$*"; exit 1; }
. "$source/packaging/build.sh"
fault() { echo "$*"; exit 1; }

# runs a command as ./run does, where what fails ends it; $code is its exit status, $out/said what it said
try() { set +e; (set -e; "$@") >"$out/said" 2>&1; code=$?; set -e; }
# expect NUMBER WHAT: builds, and that many configurations have been made since the beginning
expect() {
  try hilum_build release
  [ "$code" = 0 ] || fault "$2: $(cat "$out/said")"
  local made; made=$(grep -c -- '--preset' "$CALLS")
  [ "$made" = "$1" ] || { echo "$2: $made configurations, $1 expected"; cat "$CALLS"; exit 1; }
}
# says WORDS COMMAND...: it fails and says them
says() {
  local words=$1; shift
  try "$@"
  [ "$code" != 0 ] || fault "$* succeeded where \"$words\" is expected: $(cat "$out/said")"
  grep -qF -- "$words" "$out/said" || fault "\"$words\" is not said: $(cat "$out/said")"
}
unset HILUM_LIBTORCH
expect 1 "the first build"
expect 1 "nothing has changed"
export HILUM_LIBTORCH=$out/one
expect 2 "a LibTorch is named"
grep -q -- "-DHILUM_LIBTORCH=$out/one" "$CALLS" || fault "its path is not handed over"
expect 2 "the same again"
HILUM_LIBTORCH=$out/two/
expect 3 "another one"
HILUM_LIBTORCH=two
cd "$out"
expect 3 "the same, from its folder"
unset HILUM_LIBTORCH
expect 3 "none is named: what is configured stays"

# a build is kept only for the sources and the place that it was made for
hilum_place=$out/cache/root-0123456789ab
touch "$out/top/build/release/old"
expect 4 "another root"
[ ! -e "$out/top/build/release/old" ] || fault "what was built in another root is still there"
grep -q "in native, not for" "$out/said" || fault "the other root is not said: $(cat "$out/said")"
expect 4 "the same root"
mkdir -p "$out/cache"
ln -s "$out/cache" "$out/linked"
hilum_place=$out/linked/root-0123456789ab
expect 4 "the same root by another way"
echo "$out/top|$out/cache/root-0123456789ab" >"$out/top/build/release/.place"
expect 4 "a stamp with the whole way to the root"
cp -r "$out/top" "$out/moved"
hilum_top=$out/moved
expect 5 "a copied checkout"
grep -q -- "-S $out/moved " "$CALLS" || fault "the copy was not configured"
rm "$out/moved/build/release/.place"
expect 5 "configured by hand for these sources"
rm "$out/moved/build/release/.place"
echo "CMAKE_HOME_DIRECTORY:INTERNAL=$out/top" >"$out/moved/build/release/CMakeCache.txt"
expect 6 "configured by hand for others"
hilum_top=$out/top

# a failure is never silent
export FAILS="bwrap: Can't chdir to /gone"
says "bwrap: Can't chdir to /gone" hilum_build release
says "the build failed; all of it is in" hilum_build release
FAILS="x.cpp:1:2: error: no"
says "x.cpp:1:2: error: no" hilum_build release
says "the build failed; all of it is in" hilum_build release
unset FAILS

# every version of the wheel has a folder, and each build follows the one that is named
cat >"$out/bin/python3" <<'END_OF_PYTHON'
#!/usr/bin/env bash
[ "$*" != "-m pip --version" ] || exit 0
echo "pip $*" >>"$CALLS"
while [ $# -gt 0 ]; do case $1 in --target) mkdir -p "$2/torch/include/torch" ;; esac; shift; done
END_OF_PYTHON
chmod +x "$out/bin/python3"
for version in 2.14.1 2.11.0 2.14.1; do
  unset HILUM_LIBTORCH
  HILUM_TORCH_WHEEL=$version hilum_cuda >/dev/null 2>&1
  [ "$HILUM_LIBTORCH" = "$out/cache/torch-cuda-$version/torch" ] || fault "$version lies in $HILUM_LIBTORCH"
done
[ "$(grep -c '^pip' "$CALLS")" = 2 ] || fault "two versions were fetched $(grep -c '^pip' "$CALLS") times"
# fetched before the folder had the version in its name: taken as it is, unless another version was unpacked over it
# before VERSION...: such a folder, without those of a version; takes VERSION FETCHES WHAT: how often pip has been called since the beginning
before() { rm -rf "$out/cache"/torch-cuda*; mkdir -p "$out/cache/torch-cuda/torch/include/torch"; touch "$out/cache/torch-cuda/old" "${@/#/$out/cache/torch-cuda/.complete-}"; }
takes() {
  unset HILUM_LIBTORCH
  HILUM_TORCH_WHEEL=$1 hilum_cuda >"$out/said" 2>&1
  [ "$HILUM_LIBTORCH" = "$out/cache/torch-cuda-$1/torch" ] && [ -e "$out/cache/torch-cuda-$1/.complete" ] || fault "$3: $1 lies in $HILUM_LIBTORCH"
  [ "$(grep -c '^pip' "$CALLS")" = "$2" ] || fault "$3: fetched $(grep -c '^pip' "$CALLS") times, $2 expected: $(cat "$out/said")"
  [ ! -e "$out/cache/torch-cuda" ] || fault "$3: torch-cuda is still there"
}
before 2.14.1
takes 2.14.1 2 "a wheel of before"
[ -e "$out/cache/torch-cuda-2.14.1/old" ] || fault "the wheel of before is not what was taken"
takes 2.14.1 2 "the same again"
before 2.14.1
mkdir -p "$out/cache/torch-cuda-2.14.1/half"
takes 2.14.1 2 "a wheel of before beside half a new one"
[ ! -e "$out/cache/torch-cuda-2.14.1/half" ] || fault "what was fetched by half is still there"
mkdir -p "$out/cache/torch-cuda"
takes 2.14.1 2 "a leftover beside a whole one"
before 2.11.0
takes 2.14.1 3 "a wheel of before of another version"
before 2.11.0 2.14.1
takes 2.14.1 4 "two versions in one folder"
[ ! -e "$out/cache/torch-cuda-2.14.1/old" ] || fault "a folder with two versions in it was taken"
unset HILUM_LIBTORCH HILUM_TORCH_WHEEL
rm "$out/bin/python3"

# ./run itself, by a link, with a CDPATH, from a path that looks like a variable
top="$out/with=sign and space"
mkdir -p "$top/build/release/bin"
cp -r "$source/run" "$source/test" "$source/packaging" "$top/"
touch "$top/CMakePresets.json"
printf '#!/usr/bin/env bash\necho "hilum $*"\n' >"$out/hilum"
chmod +x "$out/hilum"
ln -s "$top/run" "$out/bin/hilum-linked"
program() { [ -e "$top/build/release/bin/hilum" ] || cp "$out/hilum" "$top/build/release/bin/"; }
program
cd "$out/elsewhere"
mkdir -p packaging
# a release that an earlier call made by hand is taken; the stand-in for cmake makes no program
said=$(env -u HILUM_INSIDE -u HILUM_PRESET CDPATH=. HILUM_NATIVE=1 HILUM_CACHE="$out/cache" hilum-linked info "a b" 2>"$out/said") || fault "./run by a link ended with $?: $(cat "$out/said")"
[ "$said" = "hilum info a b" ] || fault "./run by a link said: $said"
grep -qF -- "-S $top --preset release" "$CALLS" || fault "./run by a link configured something else: $(tail -n 2 "$CALLS")"
said=$(cd "$out" && env -u HILUM_INSIDE -u HILUM_PRESET CDPATH=. HILUM_NATIVE=1 HILUM_CACHE="$out/cache" bash "with=sign and space/run" info x 2>"$out/said") || fault "./run with a CDPATH: $(cat "$out/said")"
[ "$said" = "hilum info x" ] || fault "./run with a CDPATH said: $said"
# a misspelt test is no success
printf '#!/usr/bin/env bash\necho "ctest $*"\n' >"$out/bin/ctest"
chmod +x "$out/bin/ctest"
said=$(env -u HILUM_INSIDE -u HILUM_PRESET HILUM_NATIVE=1 HILUM_CACHE="$out/cache" bash "$top/test" -R typo 2>/dev/null)
case $said in *--no-tests=error*"-R typo") ;; *) fault "./test calls $said" ;; esac

# what is built here stays out of the container's context
while read -r line; do
  case $line in /*/) grep -qxF "${line#/}" "$source/.dockerignore" || fault ".dockerignore lacks $line of .gitignore" ;; esac
done <"$source/.gitignore"
