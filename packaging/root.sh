# Sourced by ./run and ./test: finds a place where Hilum builds. Either this machine (its own packages are new enough) or a
# private Debian root in the user's cache folder, entered through bubblewrap. Everything said here goes to standard error.

hilum_say() { printf 'hilum: %s\n' "$*" >&2; }
hilum_die() { hilum_say "$*"; exit 1; }

if [ -z "${HOME:-}" ]; then # cron, env -i
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6 || true)
  [ -n "$HOME" ] || hilum_die "HOME is not set, and user $(id -u) has no home in the list of users"
  export HOME
fi
case ${XDG_CACHE_HOME:-/} in /*) ;; *) unset XDG_CACHE_HOME ;; esac # a relative one is to be ignored
hilum_cache=$(realpath -sm -- "${HILUM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hilum}")
hilum_suite=forky
hilum_list=$hilum_top/packaging/packages.txt
. "${BASH_SOURCE[0]%/*}/place.sh"

# The packages of the list without their minimum versions.
hilum_packages() { sed -e 's/#.*//' "$hilum_list" | awk 'NF { print $1 }'; }

# The address that Debian packages come from: HILUM_DEBIAN_MIRROR, else this machine's own main source (in $1, as a rule /etc/apt), else Debian's.
hilum_mirror() {
  if [ -n "${HILUM_DEBIAN_MIRROR:-}" ]; then echo "$HILUM_DEBIAN_MIRROR"; return; fi
  local etc=${1:-/etc/apt} uri found=""
  while read -r uri; do
    case $uri in
      mirror+file:*) uri=${uri#mirror+file:}; uri=$(awk '$1 ~ /\/debian\/?$/ && $1 !~ /security/ { print $1; exit }' "$uri" 2>/dev/null || true) ;;
    esac
    case $uri in *security*) ;; */debian | */debian/) found=$uri; break ;; esac
  done < <(cat "$etc"/sources.list.d/*.sources 2>/dev/null | awk '/^URIs:/ { for (i = 2; i <= NF; i++) print $i }'
    cat "$etc"/sources.list "$etc"/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb \(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p')
  if [ -z "$found" ]; then
    found=http://deb.debian.org/debian
    hilum_say "no Debian source is named in $etc: $found is taken, HILUM_DEBIAN_MIRROR names another"
  fi
  echo "$found"
}

# What making a root needs, asked before anything is fetched.
hilum_need_tools() {
  local missing=() tool user; user=$(id -un 2>/dev/null) || user=$(id -u) # a number without a name
  for tool in mmdebstrap bwrap; do command -v $tool >/dev/null || missing+=("$tool"); done
  [ "$(id -u)" = 0 ] || command -v newuidmap >/dev/null || missing+=(newuidmap)
  if [ ${#missing[@]} -gt 0 ]; then
    local line="apt-get install -y --no-install-recommends mmdebstrap bubblewrap uidmap"
    [ "$(id -u)" = 0 ] || hilum_die "missing ${missing[*]}; ask an administrator for: $line"
    hilum_say "installing mmdebstrap, bubblewrap and uidmap"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive $line -qq; } >&2 || hilum_die "could not install them: $line"
  fi
  local told
  if [ "$(id -u)" != 0 ]; then
    for tool in subuid subgid; do
      getsubids $([ $tool = subuid ] || echo -g) "$user" 2>/dev/null | grep -q . || grep -qsE "^($user|$(id -u)):" "/etc/$tool" ||
        hilum_die "user $user has no numbers in /etc/$tool, which unpacking a root needs; ask an administrator for: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $user"
    done
    told=$(unshare --user true 2>&1) || hilum_die \
      "this user may not make user namespaces ($told); an administrator allows them with sysctl kernel.unprivileged_userns_clone=1 (Debian) or kernel.apparmor_restrict_unprivileged_userns=0 (AppArmor)"
  fi
  told=$(bwrap --ro-bind / / --proc /proc --dev-bind /dev /dev true 2>&1) || hilum_die "bubblewrap cannot make a place of its own here ($told); inside a container it takes a privileged one"
}

# Fetches every package of the list into the folder $2; a broken download goes on where it stopped.
hilum_fetch() {
  local mirror=$1 apt=$2
  mkdir -p "$apt"/{lists/partial,archives/partial,etc/preferences.d,etc/apt.conf.d}
  : >"$apt/status"
  echo "deb [check-valid-until=no] $mirror $hilum_suite main" >"$apt/etc/sources.list"
  local keys=/usr/share/keyrings/debian-archive-keyring.gpg
  [ ! -e $keys ] || sed -i "s|\[|[signed-by=$keys |" "$apt/etc/sources.list"
  # in English: what it says is read here
  local get=(env LC_ALL=C apt-get -o "Dir::Etc=$apt/etc" -o "Dir::Etc::sourcelist=sources.list" -o "Dir::Etc::sourceparts=-" -o "Dir::State=$apt"
    -o "Dir::State::status=$apt/status" -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o "Dir::Cache::archives=$apt/archives"
    -o APT::Sandbox::User= -o Acquire::Check-Valid-Until=false -o APT::Install-Recommends=false -o Acquire::Retries=5
    -o Debug::NoLocking=true -o Acquire::Languages=none -o "Dir::Log=$apt")
  "${get[@]}" update -qq >&2 || hilum_die "cannot read $mirror ($hilum_suite); set HILUM_DEBIAN_MIRROR or try again"
  local names; names=$(hilum_packages)
  # shellcheck disable=SC2086
  local plan; plan=$("${get[@]}" install --download-only --assume-no $names apt 2>/dev/null | grep -E '^Need to get' || true)
  hilum_say "${plan:-packages are all here} (kept in $apt until the root is made)"
  # shellcheck disable=SC2086
  "${get[@]}" install -y --download-only -q $names apt dpkg $(hilum_essential "$apt") 2>&1 | hilum_fetched ||
    hilum_die "the download stopped; run the same command again and it goes on from there"
}

# Says how far apt-get has come, and what it complains of.
hilum_fetched() {
  local line n=0
  while IFS= read -r line; do
    case $line in
      Get:*) n=$((n + 1)); [ $((n % 50)) != 0 ] || hilum_say "fetched $n packages" ;;
      [EW]:*) hilum_say "$line" ;;
    esac
  done
}

hilum_essential() { cat "$1"/lists/*_Packages 2>/dev/null | awk -v RS= '/\nEssential: yes/ { print $2 }'; }

# A folder for temporary files that another user can enter: in unshare mode mmdebstrap unpacks as a number that is nobody's. Not /tmp, which may lie in memory.
hilum_open_folder() {
  local d=${TMPDIR:-/var/tmp}
  case $d in /*) ;; *) d=/var/tmp ;; esac
  local up=$d
  while [ -n "$up" ]; do
    case $(stat -L -c %A -- "$up" 2>/dev/null) in d????????[xt]) ;; *) d=/var/tmp; break ;; esac
    up=${up%/*}
  done
  echo "$d"
}

# Removes packages that an interrupted call left: in $1, and in the folder without a digest that they were fetched into once, unless a call that still does so is at it.
hilum_drop_packages() {
  local old=$hilum_cache/apt
  [ ! -e "$1" ] || rm -rf -- "$1" || true
  grep -qs 'check-valid-until=no' "$old/etc/sources.list" || return 0 # not ours
  { ( flock -n 9 && rm -rf -- "$old" ) 9>>"$hilum_cache/root.lock"; } 2>/dev/null || true
}

# Makes the private root unless it is there; the name carries a digest of the list, so a new list gives a new root.
hilum_make_root() {
  local digest; digest=$({ echo "$hilum_suite 2"; hilum_packages; } | sha256sum | cut -c1-12)
  hilum_root=$hilum_cache/root-$digest
  local apt=$hilum_cache/apt-$digest
  [ ! -e "$hilum_root/.complete" ] || { hilum_drop_packages "$apt"; return 0; }
  mkdir -p "$hilum_cache"
  exec 9>"$hilum_cache/root.lock"
  flock -n 9 || { hilum_say "another process is making the root; waiting"; flock 9; }
  [ ! -e "$hilum_root/.complete" ] || { exec 9>&-; return 0; }
  hilum_need_tools
  local mirror; mirror=$(hilum_mirror)
  hilum_say "making a private Debian $hilum_suite root in $hilum_root (once, a few minutes)"
  hilum_say "the archive's Release file may be past its date; that is accepted for this root only"
  hilum_fetch "$mirror" "$apt"
  local work=$hilum_root.partial mode=root target
  hilum_remove "$work" || hilum_die "cannot remove $work, left by an earlier call; remove it by hand and run the same command again"
  # the packages alone, without apt's lock
  rm -rf -- "$apt/debs"
  mkdir -p "$apt/debs"
  cp -al "$apt"/archives/*.deb "$apt/debs/" 2>/dev/null || cp "$apt"/archives/*.deb "$apt/debs/"
  local debs hook; debs=$(printf %q "$apt/debs")
  target=$work
  if [ "$(id -u)" = 0 ]; then
    hook="cp -al $debs/*.deb \"\$1/var/cache/apt/archives/\" 2>/dev/null || cp $debs/*.deb \"\$1/var/cache/apt/archives/\""
  else
    # hooks run as a number that cannot enter this user's home; mmdebstrap's own copying reads as the user
    mode=unshare target=$work.tar hook="sync-in $debs /var/cache/apt/archives"
  fi
  hilum_say "unpacking"
  TMPDIR=$(hilum_open_folder) mmdebstrap --variant=apt --mode=$mode --format=$([ $mode = root ] && echo directory || echo tar) \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "5"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --skip=download/empty --skip=essential/unlink --essential-hook='mkdir -p "$1/usr/share/man/man1"' \
    --setup-hook='mkdir -p "$1/var/cache/apt/archives"' --setup-hook="$hook" \
    --include="$(hilum_packages | paste -sd,)" $hilum_suite "$target" \
    "deb [check-valid-until=no] $mirror $hilum_suite main" >"$hilum_cache/root.log" 2>&1 </dev/null || # keeps the lock: where ./run alone was killed it goes on writing there
    { tail -n 15 "$hilum_cache/root.log" >&2; hilum_remove "$work" "$target" || true
      hilum_die "making the root failed (all of it: $hilum_cache/root.log); the network is needed to the end. Nothing half-made was left, run the same command again"; }
  if [ $mode = unshare ]; then
    mkdir -p "$work"
    tar -C "$work" --exclude='./dev/*' --no-same-owner -xf "$target" || { hilum_remove "$work" "$target" || true; hilum_die "unpacking the root failed"; }
    rm -f "$target"
  fi
  touch "$work/.complete"
  mv "$work" "$hilum_root"
  rm -rf -- "$apt"
  # roots of other lists may be in use by another checkout: only those that nothing has entered for two weeks go
  local old
  for old in "$hilum_cache"/root-*/; do
    old=${old%/}
    [[ $old =~ /root-[0-9a-f]{12}(\.partial)?$ ]] || continue
    [ "$old" = "$hilum_root" ] || [ -n "$(find "$old/.complete" -mtime -14 2>/dev/null)" ] || hilum_remove "$old" || true
  done
  exec 9>&-
  hilum_drop_packages "$apt"
  hilum_say "the root is ready ($(du -sh "$hilum_root" 2>/dev/null | cut -f1))"
}

# Removes folders, never across a mount.
hilum_remove() {
  local d failed=0
  for d; do
    [ -e "$d" ] || [ -L "$d" ] || continue
    [ -L "$d" ] || chmod -R u+rwX "$d" 2>/dev/null || true
    rm -rf --one-file-system -- "$d" || failed=1
  done
  return $failed
}

# Removes the build and what is ours in the cache folder. Where other things lie there too, names that others use as well (ccache) may be theirs and stay.
hilum_clean() {
  local entry name ours=() shared=() others=() failed=0
  for entry in "$hilum_cache"/* "$hilum_cache"/.[!.]*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    name=${entry##*/}
    if [[ $name =~ ^((apt|root)-[0-9a-f]{12}(\.partial(\.tar)?)?|root\.(lock|log)|torch-cuda(-.*|\.lock)?)$ ]]; then ours+=("$entry")
    elif [[ $name =~ ^(apt|ccache|caches|measurements|describe)$ ]]; then shared+=("$entry")
    else others+=("$entry"); fi
  done
  [ ${#others[@]} -gt 0 ] || ours+=(${shared[@]+"${shared[@]}"})
  hilum_remove ${ours[@]+"${ours[@]}"} "$hilum_top/build" || failed=1
  if [ ${#others[@]} -gt 0 ]; then hilum_say "left in $hilum_cache, which holds other things too: ${others[*]##*/}${shared[*]:+ ${shared[*]##*/}}"
  elif [ ! -L "$hilum_cache" ]; then rmdir -- "$hilum_cache" 2>/dev/null || true; fi
  [ $failed = 0 ] || hilum_die "not everything in $hilum_cache and $hilum_top/build could be removed"
  hilum_say "removed Hilum's parts of $hilum_cache and $hilum_top/build"
}
