#!/usr/bin/env bash
# place_script.sh SOURCE OUT: packaging/root.sh and place.sh with stand-ins for bubblewrap, apt and the rest: how the root is made, and what is seen in it. What was seen: outputs below /var were
# lost in the root, a checkout there could not be entered, the NVIDIA driver's libraries stopped every call, an ordinary user whose home is closed never got a root, machines whose /sbin
# or /lib64 leads elsewhere were refused, a user without a name ended it without a word, --clean took its own lock for something foreign.
set -euo pipefail
source=$(realpath "$1") out=$(realpath -m "$2")
rm -rf "$out"
mkdir -p "$out/bin" "$out/top/packaging" "$out/here"
cp "$source"/packaging/*.sh "$source/packaging/packages.txt" "$out/top/packaging/"
unset HILUM_INSIDE HILUM_LIBTORCH HILUM_HOME HILUM_DEBIAN_MIRROR XDG_CACHE_HOME TMPDIR LD_LIBRARY_PATH
export HILUM_NATIVE=0 HILUM_CACHE=$out/cache PATH=$out/bin:$PATH CALLS=$out/calls
hilum_top=$out/top
. "$hilum_top/packaging/root.sh"
fault() { echo "$*"; exit 1; }
program() { cat >"$out/bin/$1"; chmod +x "$out/bin/$1"; }
# runs a command as ./run does, where what fails ends it; $code is its exit status, $out/said what it said
try() { set +e; (set -e; "$@") >"$out/said" 2>&1; code=$?; set -e; }
says() { grep -qF -- "$1" "$out/said" || fault "\"$1\" is not said: $(cat "$out/said")"; }
# enters ARGS...: hilum_enter for this command line
enters() { hilum_prepare_place "$@" 2>"$out/said"; }
line() { printf '%s\n' "${hilum_enter[@]}" | paste -sd'|'; }
has() { case "|$(line)|" in *"|$1|"*) ;; *) fault "$2: $1 is not in $(line)" ;; esac; }
hasnot() { case "|$(line)|" in *"|$1|"*) fault "$2: $1 is in $(line)" ;; esac; }

# --- what is seen in a root; the one here is nearly empty
program bwrap <<<'#!/usr/bin/env bash'
program uname <<<'#!/usr/bin/env bash
echo x86_64'
program ldconfig <<<'#!/usr/bin/env bash'
real_make_root=$(declare -f hilum_make_root)
hilum_make_root() { hilum_root=$out/root; }
mkdir -p "$out/root/usr/bin" "$out/root/usr/share" "$out/root/etc/ssl" "$out/root/var/cache/fontconfig"
echo something | tee "$out/root/etc/file" >"$out/root/usr/share/file"
cd "$out/here"
enters info
has "--bind|/|/" "everything keeps its name"
has "--ro-bind|$out/root/usr|/usr" "the root's programs"
has "--ro-bind|$out/root/etc|/etc" "the root's settings"
has "--chdir|$out/here" "the caller's folder"
has "LC_ALL|C.UTF-8" "a language that the root has"
hasnot "$out/root/var" "the root's /var hides this machine's"
[ "$hilum_place" = "$out/root" ] || fault "the place is called $hilum_place"
[ "${hilum_follow[*]}" = "setpriv --pdeathsig TERM" ] || fault "a program that outlives ./run: ${hilum_follow[*]}"
# paths under /usr: as arguments, as values, by a link, still to be made
for words in /usr/include "--data=/usr/include" "image=/usr/include" "$out/link" "-DX=$out/link/none"; do
  ln -sfn /usr/include "$out/link"
  enters info "$words"
  has "--bind|/usr/include|/usr/include" "$words"
  has "--ro-bind|$out/root/usr|/usr" "the root's programs stay unwritable for $words"
done
enters demo --out /usr/include/none/deeper
has "--bind|/usr/include|/usr/include" "an output that does not exist yet"
# what the root has itself cannot be this machine's: said, not lost in the root
for words in /usr /usr/share/none /etc; do
  enters demo "--out=$words"
  says "$words is not this machine's inside the private root"
  hasnot "--bind|${words%/none}" "$words"
done
mkdir -p "$out/outside"
ln -s "$out/outside" "$out/root/usr/lib"
enters info /usr/lib
says "/usr/lib is not this machine's inside"
hasnot "--bind|/usr/lib" "never along a link of the root's"
rm "$out/root/usr/lib"
enters info --seed=/nothing "" =
[ ! -s "$out/said" ] || fault "words that are no paths: $(cat "$out/said")"
# a checkout, a LibTorch and a current folder there
hilum_top=/usr/include/hilum HILUM_LIBTORCH=/usr/bin/../lib/libtorch enters info
has "--bind|/usr/include|/usr/include" "a checkout below /usr"
has "--bind|/usr/lib|/usr/lib" "a LibTorch below /usr"
unset HILUM_LIBTORCH
rmdir "$out/root/usr/lib" "$out/root/usr/include"
cd /usr/include
enters info
has "--bind|/usr/include|/usr/include" "a current folder below /usr"
has "--chdir|/usr/include" "a current folder below /usr"
mkdir "$out/gone"
cd "$out/gone"
rmdir "$out/gone"
enters info
has "--chdir|$out/top" "a current folder that was removed"
cd "$out/here"
# the driver's libraries: this processor's, the first of a name, beside the root and not in it
program ldconfig <<<'#!/usr/bin/env bash
printf "\t%s\n" "libcuda.so.1 (libc6) => /lib32/libcuda.so.1" "libcuda.so.1 (libc6,x86-64) => /lib/driver/libcuda.so.1" "libcuda.so.1 (libc6,x86-64) => /lib/older/libcuda.so.1" \
  "libnvidia-ml.so.1 (libc6,x86-64) => /lib/driver/libnvidia-ml.so.1" "libcudart.so.13 (libc6,x86-64) => /lib/libcudart.so.13" "libzip.so.4 (libc6,x86-64) => /lib/libzip.so.4"'
LD_LIBRARY_PATH=/opt/mine enters info
has "--tmpfs|/usr/lib/hilum-gpu|--setenv|LD_LIBRARY_PATH|/usr/lib/hilum-gpu:/opt/mine" "the driver's libraries"
has "--ro-bind|/lib/driver/libcuda.so.1|/usr/lib/hilum-gpu/libcuda.so.1" "the driver's libraries"
has "--ro-bind|/lib/driver/libnvidia-ml.so.1|/usr/lib/hilum-gpu/libnvidia-ml.so.1" "the driver's libraries"
for words in /lib32/libcuda.so.1 /lib/older/libcuda.so.1 /lib/libcudart.so.13 /lib/libzip.so.4; do hasnot "--ro-bind|$words" "another library"; done
unset LD_LIBRARY_PATH
HILUM_NATIVE=1 enters info
[ ${#hilum_enter[@]}${#hilum_follow[@]}$hilum_place = 00native ] || fault "on a machine that suffices: $(line)"

# --- what the tree is made of, by the top folders of a machine
tree=$out/tree
hilum_root=$out/full
mkdir -p "$hilum_root/usr/"{bin,sbin,lib,lib64} "$hilum_root/etc"
# top WORDS...: a machine with these top folders, or links NAME=TEXT; its tree is then in $laid
top() {
  rm -rf "$tree"
  mkdir -p "$tree/usr" "$tree/etc" "$tree/home"
  local word
  for word; do case $word in *=*) ln -s "${word#*=}" "$tree/${word%%=*}" ;; *) mkdir "$tree/$word" ;; esac; done
  lay_out
}
lay_out() { hilum_lay_out "$tree"; laid="|$(printf '%s\n' "${hilum_tree[@]}" | paste -sd'|')|"; }
laid() { case $laid in *"|$1|"*) ;; *) fault "$2: $1 is not in $laid" ;; esac; }
notlaid() { case $laid in *"|$1|"*) fault "$2: $1 is in $laid" ;; esac; }
# as_it_is WHAT: the machine's own tree with the root's /usr and /etc; own_tree WHAT: one of its own
as_it_is() { laid "--bind|$tree/|/" "$1"; laid "--ro-bind|$hilum_root/usr|/usr" "$1"; notlaid "--tmpfs|/" "$1"; laid "--proc|/proc|--dev-bind|/dev|/dev" "$1"; }
own_tree() {
  local d
  laid "--tmpfs|/|--ro-bind|$hilum_root/usr|/usr|--ro-bind|$hilum_root/etc|/etc" "$1"
  for d in bin sbin lib lib64; do laid "--symlink|usr/$d|/$d" "$1"; notlaid "--bind|$tree/$d|/$d" "$1"; done
  for d in usr etc proc dev; do notlaid "--bind|$tree/$d|/$d" "$1"; done
  notlaid "--bind|$tree/|/" "$1"
  laid "--bind|$tree/home|/home" "$1"
  laid "--proc|/proc|--dev-bind|/dev|/dev|--remount-ro|/" "$1"
}
top bin=usr/bin sbin=usr/sbin lib=usr/lib lib64=usr/lib64
as_it_is "Debian"
notlaid "--ro-bind|$hilum_root/usr/bin|/bin" "Debian"
top bin=/usr/bin sbin=/usr/sbin lib=/usr/lib lib64=/usr/lib64
as_it_is "links from the top"
mkdir -p "$tree/usr/bin"
ln -s bin "$tree/usr/sbin"
lay_out
as_it_is "Fedora, whose /usr/sbin leads on"
top bin sbin lib lib64=usr/lib64
as_it_is "folders that are no links"
for words in bin sbin lib; do laid "--ro-bind|$hilum_root/usr/$words|/$words" "folders that are no links"; done
top bin=usr/bin sbin=usr/bin lib=usr/lib lib64=usr/lib proc dev var run opt=var/opt lost+found .hidden
touch "$tree/image.nii.gz"
lay_out
own_tree "Arch"
for words in var run .hidden image.nii.gz; do laid "--bind|$tree/$words|/$words" "what is beside it"; done
laid "--symlink|var/opt|/opt" "a top folder that is a link"
notlaid "--bind|$tree/lost+found|/lost+found" "what only the file system needs"
top bin nix
own_tree "NixOS without /lib and /lib64"
laid "--bind|$tree/nix|/nix" "NixOS"
rmdir "$hilum_root/usr/lib64"
top bin=usr/bin sbin=usr/sbin lib=usr/lib
as_it_is "a processor without /lib64"

# --- where the cache is
cache_with() { env -u HILUM_CACHE "$@" bash -c 'set -euo pipefail; hilum_top=$0; . "$0/packaging/root.sh"; echo "$hilum_cache ${XDG_CACHE_HOME:-}"' "$out/top"; }
home=$(getent passwd "$(id -u)" | cut -d: -f6)
[ -z "$home" ] || [ "$(cache_with -u HOME)" = "$home/.cache/hilum " ] || fault "without HOME: $(cache_with -u HOME)"
[ "$(cache_with HOME=/h XDG_CACHE_HOME=relative)" = "/h/.cache/hilum " ] || fault "a relative XDG_CACHE_HOME: $(cache_with HOME=/h XDG_CACHE_HOME=relative)"
[ "$(cache_with HOME=/h XDG_CACHE_HOME=/x)" = "/x/hilum /x" ] || fault "XDG_CACHE_HOME: $(cache_with HOME=/h XDG_CACHE_HOME=/x)"
[ "$(cd "$out" && cache_with HILUM_CACHE=c)" = "$out/c " ] || fault "a relative HILUM_CACHE"

# --- where packages come from
mkdir -p "$out/etc/sources.list.d"
mirror() { hilum_mirror "$out/etc" 2>"$out/said"; }
[ "$(mirror)" = http://deb.debian.org/debian ] || fault "no source: $(mirror)"
says "HILUM_DEBIAN_MIRROR names another"
printf 'https://cloud.example/debian-security\nhttps://cloud.example/debian\tpriority:1\n' >"$out/etc/list"
printf 'Types: deb\nURIs: mirror+file://%s\n' "$out/etc/list" >"$out/etc/sources.list.d/debian.sources"
[ "$(mirror)" = https://cloud.example/debian ] || fault "a cloud image's source: $(mirror)"
printf 'URIs: https://apt.example/debian-security https://apt.example/debian/\n' >"$out/etc/sources.list.d/a.sources"
[ "$(mirror)" = https://apt.example/debian/ ] || fault "one line with two sources: $(mirror)"
rm "$out/etc/sources.list.d/"*
echo 'deb [signed-by=/k.gpg] http://list.example/debian bookworm main' >"$out/etc/sources.list"
[ "$(mirror)" = http://list.example/debian ] || fault "the old kind of list: $(mirror)"

# --- how the root is made, by an ordinary user
eval "$real_make_root"
program id <<<'#!/usr/bin/env bash
case $1 in -un) [ -z "${NAMELESS:-}" ] || { echo 4242; echo "id: cannot find name for user ID 4242" >&2; exit 1; }; echo somebody ;; *) echo 4242 ;; esac'
for tool in newuidmap unshare bwrap; do program $tool <<<'#!/usr/bin/env bash'; done
program getsubids <<<'#!/usr/bin/env bash
[ -z "${NO_NUMBERS:-}" ] && echo "0: somebody 100000 65536"'
program apt-get <<<'#!/usr/bin/env bash
echo "apt-get LC_ALL=${LC_ALL:-} $*" >>"$CALLS"
for word; do case $word in Dir::Cache::archives=*) archives=${word#*=} ;; esac; done
case " $* " in
  *" --assume-no "*) [ "$LC_ALL" = C ] && echo "Need to get 1 MB of archives." || echo "Es müssen 1 MB geholt werden."; exit 1 ;;
  *" install "*) [ -z "${NO_NETWORK:-}" ] || exit 100; touch "$archives/a.deb" "$archives/lock" ;;
esac'
program mmdebstrap <<<'#!/usr/bin/env bash
echo "mmdebstrap TMPDIR=$TMPDIR $*" >>"$CALLS"
[ -z "${BREAKS:-}" ] || exit 1
for word; do case $word in *.tar) mkdir -p "$0.d/usr/bin" && tar -C "$0.d" -cf "$word" . ;; esac; done'
export HILUM_DEBIAN_MIRROR=http://mirror.example/debian NO_NUMBERS=1
grep -qsE '^(somebody|4242):' /etc/subuid || { try hilum_make_root; [ "$code" = 1 ] || fault "without numbers it ends with $code"; says "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 somebody"; }
grep -qsE '^4242:' /etc/subuid || { NAMELESS=1 try hilum_make_root; [ "$code" = 1 ] || fault "a number without a name ends with $code"; says "user 4242 has no numbers in /etc/subuid"; }
unset NO_NUMBERS
program unshare <<<'#!/usr/bin/env bash
echo "Operation not permitted"; exit 1'
try hilum_make_root
says "this user may not make user namespaces (Operation not permitted)"
program unshare <<<'#!/usr/bin/env bash'
program bwrap <<<'#!/usr/bin/env bash
echo "No permissions to create new namespace"; exit 1'
try hilum_make_root
says "bubblewrap cannot make a place of its own here (No permissions to create new namespace)"
program bwrap <<<'#!/usr/bin/env bash'
[ ! -e "$CALLS" ] || fault "something was fetched before that was known: $(cat "$CALLS")"
NO_NETWORK=1 try hilum_make_root
[ "$code" = 1 ] || fault "a broken download ends with $code"
says "Need to get 1 MB of archives."
says "the download stopped; run the same command again"
! grep -q -- '--assume-no' "$CALLS" || grep -- '--assume-no' "$CALLS" | grep -q -- '--download-only' || fault "apt-get is asked for a plan that it could carry out: $(cat "$CALLS")"
BREAKS=1 try hilum_make_root
says "making the root failed"
closed=$out/closed
mkdir -p -m 0700 "$closed"
: >"$CALLS"
TMPDIR=$closed hilum_make_root 2>"$out/said"
[ -e "$hilum_root/.complete" ] || fault "there is no root: $(cat "$out/said")"
grep -q -- "--setup-hook=sync-in $HILUM_CACHE/apt-[0-9a-f]*/debs /var/cache/apt/archives" "$CALLS" || fault "the packages do not come from outside: $(grep mmdebstrap "$CALLS")"
! grep -q "TMPDIR=$closed" "$CALLS" || fault "unpacked in a folder that nobody else can enter"
[ "$(ls -d "$HILUM_CACHE"/apt-* 2>/dev/null)" = "" ] || fault "the packages were kept"
# what an interrupted call left goes with the next one, also in the folder of before; not while packages are fetched there, not what is somebody else's
mkdir -p "$HILUM_CACHE/apt-${hilum_root##*/root-}/archives" "$HILUM_CACHE/apt/etc" "$HILUM_CACHE/apt/archives"
echo 'deb [check-valid-until=no] http://mirror.example/debian forky main' >"$HILUM_CACHE/apt/etc/sources.list"
exec 6>>"$HILUM_CACHE/root.lock"
flock 6
hilum_make_root
[ "$(ls -d "$HILUM_CACHE"/apt-* 2>/dev/null)" = "" ] || fault "the packages that an interrupted call left are still there"
[ -d "$HILUM_CACHE/apt/archives" ] || fault "packages that another call fetches were removed"
exec 6>&-
hilum_make_root
[ ! -e "$HILUM_CACHE/apt" ] || fault "the packages in the folder of before are still there"
mkdir -p "$HILUM_CACHE/apt"
hilum_make_root
rmdir "$HILUM_CACHE/apt" || fault "somebody else's apt was removed"

# --- removing it
mkdir -p "$HILUM_CACHE/ccache" "$hilum_top/build/release" "$HILUM_CACHE/root-photos"
touch "$HILUM_CACHE/root-photos/one.jpg"
hilum_clean 2>"$out/said"
[ ! -e "$hilum_root" ] && [ ! -e "$hilum_top/build" ] || fault "the root or the build is still there"
[ -e "$HILUM_CACHE/root-photos/one.jpg" ] && [ -e "$HILUM_CACHE/ccache" ] || fault "what is not Hilum's was removed"
says "left in $HILUM_CACHE, which holds other things too: root-photos ccache"
rm -r "$HILUM_CACHE/root-photos"
mkdir -p "$hilum_root" "$HILUM_CACHE/torch-cuda" "$HILUM_CACHE/torch-cuda-2.14.1/torch"
touch "$HILUM_CACHE/torch-cuda.lock"
mv "$HILUM_CACHE" "$out/large"
ln -s "$out/large" "$HILUM_CACHE"
hilum_clean 2>"$out/said"
[ "$(ls -A "$out/large")" = "" ] && [ -d "$out/large" ] || fault "behind a link stays: $(ls -A "$out/large")"
