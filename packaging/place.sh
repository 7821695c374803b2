# Sourced by root.sh: the place that commands run in. Inside the private root everything of this machine keeps its name, but for /usr and /etc, which are the root's.

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

# True when the root has a place to bind this machine's file or folder $1 to; makes it where it can. Folders in which the root has files of its own are none: its programs need them.
hilum_mount_point() {
  local at=$hilum_root$1
  [ "$(realpath -m -- "$at")" = "$(realpath -m -- "$hilum_root")$1" ] || return 1 # never along a link of the root's: it leads out of it
  if [ -d "$1" ]; then
    mkdir -p -- "$at" 2>/dev/null && [ -z "$(find "$at" -type f -size +0 -print -quit 2>/dev/null)" ]
  else
    mkdir -p -- "${at%/*}" 2>/dev/null && { [ -f "$at" ] || : >"$at"; } 2>/dev/null
  fi
}

# Adds to hilum_binds what makes each path under /usr and /etc, or what a link there leads to, mean the same file inside. What is still to be made is written where it belongs.
hilum_show() {
  local p asked=() there said=" "
  for p; do [ -z "$p" ] || asked+=("$p"); done
  [ ${#asked[@]} -gt 0 ] || return 0
  while IFS= read -r -d '' p; do
    case $p in /usr | /usr/* | /etc | /etc/*) ;; *) continue ;; esac
    there=$p
    while [ ! -e "$there" ]; do there=${there%/*}; done
    case $said in *" $there "*) continue ;; esac
    said="$said$there "
    if hilum_mount_point "$there"; then hilum_binds+=(--bind "$there" "$there")
    else hilum_say "$p is not this machine's inside the private root, which has a $there of its own: use a path outside /usr and /etc"; fi
  done < <({ realpath -smz -- "${asked[@]}"; realpath -mz -- "${asked[@]}"; } 2>/dev/null)
}

# The NVIDIA driver's libraries as this machine's linker finds them, for this processor, the first of each name. ldconfig is in a folder that an ordinary user's PATH lacks.
hilum_gpu_libraries() {
  local word; case $(uname -m) in x86_64) word=x86-64 ;; aarch64) word=AArch64 ;; *) return 0 ;; esac
  { PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null || true; } |
    sed -n "/[(,]${word}[,)]/ s/.*=> \(.*\/lib\(cuda\|nvidia[^ ]*\|nvcuvid\)\.so[^ ]*\)\$/\1/p" | awk -F/ '!seen[$NF]++'
}

# Fills hilum_tree with what bubblewrap makes the tree of, from the top folders of this machine (of $1): everything as it is, but for /usr and /etc. Where /bin, /lib and the like are
# missing (NixOS) or lead elsewhere than to their namesakes (Fedora: /usr/sbin is a link; Arch: /sbin -> usr/bin), a tree of its own with every other top folder in it.
hilum_lay_out() {
  local top=${1:-} d name namesakes=1 over=()
  for d in bin sbin lib lib64 lib32 libx32; do
    [ -e "$hilum_root/usr/$d" ] || continue
    if [ -L "$top/$d" ]; then
      case $(readlink "$top/$d") in "usr/$d" | "/usr/$d") continue ;; esac # the link's own text: inside it leads into the root's /usr
    elif [ -d "$top/$d" ]; then
      over+=(--ro-bind "$hilum_root/usr/$d" "/$d")
      continue
    fi
    case $d in lib32 | libx32) ;; *) namesakes=0 ;; esac
  done
  local own=(--ro-bind "$hilum_root/usr" /usr --ro-bind "$hilum_root/etc" /etc) system=(--proc /proc --dev-bind /dev /dev)
  if [ $namesakes = 1 ]; then
    hilum_tree=(--bind "$top/" / "${own[@]}" "${system[@]}" ${over[@]+"${over[@]}"})
    return
  fi
  hilum_tree=(--tmpfs / "${own[@]}")
  for d in bin sbin lib lib64 lib32 libx32; do [ ! -e "$hilum_root/usr/$d" ] || hilum_tree+=(--symlink "usr/$d" "/$d"); done
  for d in "$top"/* "$top"/.[!.]*; do
    name=${d##*/}
    case $name in bin | sbin | lib | lib64 | lib32 | libx32 | usr | etc | proc | dev | lost+found) continue ;; esac
    if [ -L "$d" ]; then hilum_tree+=(--symlink "$(readlink "$d")" "/$name")
    elif [ -d "$d" ] || [ -f "$d" ]; then hilum_tree+=(--bind "$d" "/$name"); fi
  done
  hilum_tree+=("${system[@]}" --remount-ro /) # what would be written beside the top folders is refused, not lost
}

# Fills hilum_enter with the command that runs what follows in the right place, hilum_follow with what lets a program end with the one that started it (signals reach bubblewrap
# alone), hilum_place with the place's name. Arguments: the command line, whose paths must be visible.
hilum_prepare_place() {
  export CCACHE_DIR; CCACHE_DIR=$(realpath -sm -- "${CCACHE_DIR:-$hilum_cache/ccache}")
  export CCACHE_BASEDIR=$hilum_top CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=4G CCACHE_DEPEND=1
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  [ -z "${HILUM_LIBTORCH:-}" ] || HILUM_LIBTORCH=$(realpath -sm -- "$HILUM_LIBTORCH") # relative paths are the caller's, not CMake's
  hilum_enter=() hilum_follow=() hilum_place=native
  if [ -n "${HILUM_INSIDE:-}" ]; then hilum_place=$HILUM_INSIDE; return; fi
  ! hilum_is_native || return 0
  hilum_make_root
  touch "$hilum_root/.complete" 2>/dev/null || true
  command -v bwrap >/dev/null || hilum_need_tools
  hilum_lay_out
  local b=(bwrap "${hilum_tree[@]}") d f
  [ ! -d /var/cache/fontconfig ] || [ ! -d "$hilum_root/var/cache/fontconfig" ] || b+=(--bind "$hilum_root/var/cache/fontconfig" /var/cache/fontconfig)
  for f in /etc/resolv.conf /etc/hosts /etc/passwd /etc/group /etc/machine-id /etc/pip.conf; do
    [ -e "$f" ] && { [ -e "$hilum_root$f" ] || : >"$hilum_root$f"; } 2>/dev/null || continue
    b+=(--ro-bind "$(readlink -f "$f")" "$f")
  done
  [ ! -d /etc/ssl/certs ] || [ ! -d "$hilum_root/etc/ssl" ] || b+=(--ro-bind /etc/ssl /etc/ssl)
  local gpu=/usr/lib/hilum-gpu libraries=()
  mapfile -t libraries < <(hilum_gpu_libraries)
  if [ ${#libraries[@]} -gt 0 ]; then
    if mkdir -p "$hilum_root$gpu" 2>/dev/null; then
      b+=(--tmpfs "$gpu" --setenv LD_LIBRARY_PATH "$gpu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")
      for f in "${libraries[@]}"; do b+=(--ro-bind "$f" "$gpu/${f##*/}"); done
    else hilum_say "the NVIDIA driver's libraries cannot be shown: $hilum_root$gpu cannot be made; the worker will run on the CPU"; fi
  fi
  local here=${PWD:-} paths=()
  [ -n "$here" ] && [ -d "$here" ] || here=$hilum_top
  for f; do
    case $f in *=*) d=${f#*=}; case $d in /*) paths+=("$d") ;; *) [ ! -e "$d" ] || paths+=("$d") ;; esac ;; esac
    case $f in -*) ;; /*) paths+=("$f") ;; *) [ ! -e "$f" ] || paths+=("$f") ;; esac
  done
  hilum_binds=()
  hilum_show "$hilum_top" "$here" "$hilum_cache" "$CCACHE_DIR" "${TMPDIR:-}" "${HILUM_HOME:-}" "${HILUM_LIBTORCH:-}" "${HILUM_LIBTORCH:+$HILUM_LIBTORCH/../nvidia}" ${paths[@]+"${paths[@]}"}
  # times as on this machine
  d=$(readlink -f /etc/localtime 2>/dev/null || true)
  case $d in /usr/share/zoneinfo/*) [ -n "${TZ:-}" ] || [ ! -e "$hilum_root$d" ] || b+=(--setenv TZ "${d#/usr/share/zoneinfo/}") ;; esac
  hilum_place=$hilum_root
  hilum_follow=(setpriv --pdeathsig TERM)
  hilum_enter=("${b[@]}" ${hilum_binds[@]+"${hilum_binds[@]}"} --chdir "$here" --setenv HILUM_INSIDE "$hilum_root" --setenv CMAKE_GENERATOR "${CMAKE_GENERATOR:-Ninja}"
    --setenv LC_ALL C.UTF-8 --)
}
