# Sourced by ./run and ./test: finds a place where Hilum builds. Either this machine (its own packages are new enough) or a
# private Debian root in the user's cache folder, entered through bubblewrap. Everything said here goes to standard error.

hilum_cache=${HILUM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hilum}
hilum_suite=forky
hilum_list=$hilum_top/packaging/packages.txt

hilum_say() { printf 'hilum: %s\n' "$*" >&2; }
hilum_die() { hilum_say "$*"; exit 1; }

# The packages of the list without their minimum versions.
hilum_packages() { sed -e 's/#.*//' "$hilum_list" | awk 'NF { print $1 }'; }

# True when this machine's own packages suffice. HILUM_NATIVE=1 or 0 decides without looking.
hilum_is_native() {
  case ${HILUM_NATIVE:-} in 1) return 0 ;; 0) return 1 ;; esac
  command -v dpkg-query >/dev/null || return 1
  local name minimum have
  while read -r name minimum; do
    have=$(dpkg-query -W -f='${Status} ${Version}\n' "$name" 2>/dev/null | sed -n 's/^install ok installed //p' | head -n 1)
    [ -n "$have" ] || return 1
    [ -z "$minimum" ] || dpkg --compare-versions "$have" ge "$minimum" || return 1
  done < <(sed -e 's/#.*//' "$hilum_list" | awk 'NF')
}

# The address that Debian packages come from: HILUM_DEBIAN_MIRROR, else the host's own main source.
hilum_mirror() {
  if [ -n "${HILUM_DEBIAN_MIRROR:-}" ]; then echo "$HILUM_DEBIAN_MIRROR"; return; fi
  local found
  found=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '/^URIs:/ && $2 !~ /security/ && $2 ~ /\/debian\/?$/ { print $2; exit }')
  [ -n "$found" ] || found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\/debian\/\?\) .*/\2/p' | grep -v security | head -n 1)
  [ -n "$found" ] || hilum_die "no Debian source found on this machine; name one in HILUM_DEBIAN_MIRROR"
  echo "$found"
}

hilum_need_tools() {
  local missing=() tool
  for tool in mmdebstrap bwrap; do command -v $tool >/dev/null || missing+=("$tool"); done
  [ "$(id -u)" = 0 ] || command -v newuidmap >/dev/null || missing+=(newuidmap)
  [ ${#missing[@]} = 0 ] && return
  local line="apt-get install -y --no-install-recommends mmdebstrap bubblewrap uidmap"
  if [ "$(id -u)" = 0 ]; then
    hilum_say "installing mmdebstrap, bubblewrap and uidmap"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive $line -qq; } >&2 || hilum_die "could not install them: $line"
  else
    hilum_die "missing ${missing[*]}; ask an administrator for: $line"
  fi
}

# Fetches every package of the list into the cache; a broken download goes on where it stopped.
hilum_fetch() {
  local mirror=$1 apt=$hilum_cache/apt
  mkdir -p "$apt"/{lists/partial,archives/partial,etc/preferences.d,etc/apt.conf.d}
  : >"$apt/status"
  echo "deb [check-valid-until=no] $mirror $hilum_suite main" >"$apt/etc/sources.list"
  local keys=/usr/share/keyrings/debian-archive-keyring.gpg
  [ ! -e $keys ] || sed -i "s|\[|[signed-by=$keys |" "$apt/etc/sources.list"
  local options=(-o "Dir::Etc=$apt/etc" -o "Dir::Etc::sourcelist=sources.list" -o "Dir::Etc::sourceparts=-" -o "Dir::State=$apt"
    -o "Dir::State::status=$apt/status" -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o "Dir::Cache::archives=$apt/archives"
    -o APT::Sandbox::User= -o Acquire::Check-Valid-Until=false -o APT::Install-Recommends=false -o Acquire::Retries=5
    -o Debug::NoLocking=true -o Acquire::Languages=none -o "Dir::Log=$apt")
  apt-get "${options[@]}" update -qq >&2 || hilum_die "cannot read $mirror ($hilum_suite); set HILUM_DEBIAN_MIRROR or try again"
  local names; names=$(hilum_packages)
  # shellcheck disable=SC2086
  local plan; plan=$(apt-get "${options[@]}" install --assume-no $names apt 2>/dev/null | grep -E '^Need to get' || true)
  hilum_say "${plan:-packages are all here} (kept in $apt until the root is made)"
  # shellcheck disable=SC2086
  apt-get "${options[@]}" install -y --download-only -q $names apt dpkg $(hilum_essential "$apt") 2>&1 |
    awk '/^Get:/ { n++; if (n % 50 == 0) print "hilum: fetched " n " packages" > "/dev/stderr" } /^[EW]:/ { print "hilum: " $0 > "/dev/stderr" }'
  [ "${PIPESTATUS[0]}" = 0 ] || hilum_die "the download stopped; run the same command again and it goes on from there"
}

hilum_essential() { cat "$1"/lists/*_Packages 2>/dev/null | awk -v RS= '/\nEssential: yes/ { print $2 }'; }

# Makes the private root unless it is there; the name carries a digest of the list, so a new list gives a new root.
hilum_make_root() {
  local digest; digest=$({ echo "$hilum_suite 2"; hilum_packages; } | sha256sum | cut -c1-12)
  hilum_root=$hilum_cache/root-$digest
  [ ! -e "$hilum_root/.complete" ] || return 0
  mkdir -p "$hilum_cache"
  exec 9>"$hilum_cache/root.lock"
  flock -n 9 || { hilum_say "another process is making the root; waiting"; flock 9; }
  [ ! -e "$hilum_root/.complete" ] || { exec 9>&-; return 0; }
  hilum_need_tools
  local mirror; mirror=$(hilum_mirror)
  hilum_say "making a private Debian $hilum_suite root in $hilum_root (once, a few minutes)"
  hilum_say "the archive's Release file may be past its date; that is accepted for this root only"
  hilum_fetch "$mirror"
  local work=$hilum_root.partial apt=$hilum_cache/apt mode=root target
  hilum_remove "$work" || hilum_die "cannot remove $work, left by an earlier call; remove it by hand and run the same command again"
  target=$work
  [ "$(id -u)" = 0 ] || { mode=unshare; target=$work.tar; }
  hilum_say "unpacking"
  mmdebstrap --variant=apt --mode=$mode --format=$([ $mode = root ] && echo directory || echo tar) \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "5"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --skip=download/empty --skip=essential/unlink --essential-hook='mkdir -p "$1/usr/share/man/man1"' \
    --setup-hook="mkdir -p \"\$1/var/cache/apt/archives\"; cp -al '$apt/archives/'*.deb \"\$1/var/cache/apt/archives/\" 2>/dev/null || cp '$apt/archives/'*.deb \"\$1/var/cache/apt/archives/\"" \
    --include="$(hilum_packages | paste -sd,)" $hilum_suite "$target" \
    "deb [check-valid-until=no] $mirror $hilum_suite main" >"$hilum_cache/root.log" 2>&1 </dev/null || # keeps the lock: where ./run alone was killed it goes on writing there
    { tail -n 15 "$hilum_cache/root.log" >&2; hilum_remove "$work" "$target"
      hilum_die "making the root failed (all of it: $hilum_cache/root.log); nothing half-made was left, run the same command again"; }
  if [ $mode = unshare ]; then
    mkdir -p "$work"
    tar -C "$work" --exclude='./dev/*' --no-same-owner -xf "$target" || { hilum_remove "$work" "$target"; hilum_die "unpacking the root failed"; }
    rm -f "$target"
  fi
  touch "$work/.complete"
  mv "$work" "$hilum_root"
  rm -rf "$apt"
  # roots of other lists may be in use by another checkout: only those that nothing has entered for two weeks go
  local old
  for old in "$hilum_cache"/root-*/; do
    old=${old%/}
    [ "$old" = "$hilum_root" ] || [ -n "$(find "$old/.complete" -mtime -14 2>/dev/null)" ] || hilum_remove "$old"
  done
  exec 9>&-
  hilum_say "the root is ready ($(du -sh "$hilum_root" 2>/dev/null | cut -f1))"
}

# Removes folders, never across a mount.
hilum_remove() { local d; for d; do [ ! -e "$d" ] || { chmod -R u+rwX "$d" 2>/dev/null || true; rm -rf --one-file-system "$d"; }; done; }

hilum_clean() {
  hilum_remove "$hilum_cache" "$hilum_top/build"
  hilum_say "removed $hilum_cache and $hilum_top/build"
}

# Fills hilum_enter with the command that runs what follows in the right place. Arguments: paths that must be visible.
hilum_prepare_place() {
  export CCACHE_DIR=${CCACHE_DIR:-$hilum_cache/ccache} CCACHE_BASEDIR=$hilum_top CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=4G CCACHE_DEPEND=1
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  if [ -n "${HILUM_INSIDE:-}" ] || hilum_is_native; then hilum_enter=(env); return; fi
  hilum_make_root
  touch "$hilum_root/.complete"
  command -v bwrap >/dev/null || hilum_need_tools
  local b=(bwrap --tmpfs / --ro-bind "$hilum_root/usr" /usr --bind "$hilum_root/etc" /etc --bind "$hilum_root/var" /var
    --symlink usr/bin /bin --symlink usr/sbin /sbin --symlink usr/lib /lib --symlink usr/lib64 /lib64
    --proc /proc --dev-bind /dev /dev --bind /sys /sys)
  local d f
  for d in /*; do
    case $d in /bin | /boot | /dev | /etc | /lib* | /proc | /run | /sbin | /sys | /usr | /var | /lost+found | /initrd* | /vmlinuz*) ;;
      *) [ ! -d "$d" ] || b+=(--bind "$d" "$d") ;;
    esac
  done
  [ ! -d /run ] || b+=(--dir /run)
  for d in "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}" /run/media /run/dbus; do [ ! -d "$d" ] || b+=(--bind "$d" "$d"); done
  for f in /etc/resolv.conf /etc/hosts /etc/passwd /etc/group /etc/machine-id /etc/pip.conf; do
    [ ! -e "$f" ] || b+=(--ro-bind "$(readlink -f "$f")" "$f")
  done
  [ ! -d /etc/ssl/certs ] || b+=(--ro-bind /etc/ssl /etc/ssl)
  # the NVIDIA driver's libraries, as seen by the host's linker
  while read -r f; do b+=(--ro-bind "$f" "/usr/lib/x86_64-linux-gnu/$(basename "$f")"); done \
    < <(ldconfig -p 2>/dev/null | sed -n 's/.*=> \(.*lib\(cuda\|nvidia[^ ]*\|nvcuvid\)\.so[^ ]*\)$/\1/p' | sort -u)
  local shadowed=0 seen=""
  for f; do
    case $f in -*) continue ;; esac
    [ -e "$f" ] || continue
    d=$(realpath -s -- "$f")
    case $d in
      /usr/* | /etc/* | /var/* | /run/*)
        case $d in /usr/*) shadowed=1 ;; esac
        case " $seen " in *" $d "*) ;; *) seen="$seen $d"; b+=(--bind "$d" "$d") ;; esac ;;
    esac
  done
  if [ $shadowed = 1 ]; then
    local i; for i in "${!b[@]}"; do [ "${b[$i]}" != --ro-bind ] || [ "${b[$((i + 2))]}" != /usr ] || b[i]=--bind; done
  fi
  hilum_enter=("${b[@]}" --chdir "$PWD" --setenv HILUM_INSIDE 1 --setenv CMAKE_GENERATOR "${CMAKE_GENERATOR:-Ninja}" --setenv LC_ALL "${LC_ALL:-C.UTF-8}" --)
}
