# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A fresh Debian in a folder of its own, for scripts that look whether something works on one.
# They source this after `set -euo pipefail`.

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

wrong_use() {
  echo "$(basename "$0"): $*; see $(basename "$0") --help" >&2
  exit 2
}

# Makes the system and removes it when the script ends, unless a folder is named that it shall stay
# in: an empty one, or one with a system that an earlier call left. What is printed meanwhile is in
# $system.log, which stays if the script fails.
make_system() { # SUITE [FOLDER]
  ((EUID == 0)) || fail "debootstrap needs root"
  command -v debootstrap >/dev/null || fail "debootstrap is missing; install it"
  kept="${2:-}"
  system="${kept:-$(realpath -- "$(mktemp -d -t lightavseg-chroot-XXXXXX)")}"
  log="$system.log"
  local mark="$system/made-for-lightavseg"
  mkdir -p "$system"
  # Never work in somebody's own system.
  [[ -e "$mark" || -z "$(ls -A "$system")" ]] ||
    fail "$system is neither empty nor left by an earlier call; name another folder"
  trap remove_system EXIT
  if [[ ! -e "$mark" ]]; then
    debootstrap --variant=minbase "$1" "$system" "${MIRROR:-http://deb.debian.org/debian}" \
      >"$log" 2>&1 || fail "debootstrap failed, see $log"
    # Programs in there that are not root must get through its top folder.
    chmod 755 "$system"
    touch "$mark"
  fi
  # What a crash of the machine would lose is made anew.
  echo force-unsafe-io >"$system/etc/dpkg/dpkg.cfg.d/unsafe-io"
  mount -t proc proc "$system/proc" 2>/dev/null || echo "No /proc in there: going on without."
  # What the machine consists of and its control groups, which Slurm asks for. A slave: unmounting
  # it in there leaves this machine's own alone.
  { mount -t sysfs -o ro sysfs "$system/sys" &&
    mount --rbind --make-rslave /sys/fs/cgroup "$system/sys/fs/cgroup"; } 2>/dev/null ||
    echo "No complete /sys in there: going on without."
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$system/dev/pts" 2>/dev/null ||
    echo "No terminals in there: going on without."
  cp /etc/resolv.conf "$system/etc/" 2>/dev/null || true
  # A proxy that this machine needs is needed in there as well.
  cp /etc/apt/apt.conf.d/*proxy* "$system/etc/apt/apt.conf.d/" 2>/dev/null || true
  # A folder is no machine: services that packages bring would run on this one, beside its own.
  printf '#!/bin/sh\nexit 101\n' >"$system/usr/sbin/policy-rc.d"
  chmod 755 "$system/usr/sbin/policy-rc.d"
}

# Lets the system use a folder of this machine.
lend() { # FOLDER PATH-IN-THE-SYSTEM
  mkdir -p "$system$2"
  mount --bind "$1" "$system$2" || fail "$1 cannot be lent to the system"
}

# The innermost first.
mounts_below() { # FOLDER
  awk -v folder="$1/" 'index($2, folder) == 1 {print $2}' /proc/mounts | sort -r
}

# Numbers of the processes for which the system is all there is.
running_inside() {
  { find /proc/[0-9]* -maxdepth 1 -name root -printf '%l\t%h\n' 2>/dev/null || true; } |
    awk -F '\t' -v top="$system" '$1 == top {sub("/proc/", "", $2); print $2}'
}

# Services that a test left, or what goes on when the script is interrupted: with them the system
# stays in use.
end_inside() {
  local signal running
  for signal in TERM KILL; do
    mapfile -t running < <(running_inside)
    ((${#running[@]})) || return 0
    kill -s "$signal" "${running[@]}" 2>/dev/null || true
    sleep 2
  done
}

remove_system() {
  local status=$? mounted
  trap - EXIT
  end_inside
  while read -r mounted; do
    umount "$mounted" || echo "$mounted is still mounted: it is in use." >&2
  done < <(mounts_below "$system")
  # Never delete through a mount.
  if [[ -n "$(mounts_below "$system")" ]]; then
    echo "Unmount what is below $system before you remove it." >&2
  elif [[ -z "$kept" ]]; then
    rm -rf --one-file-system "$system"
  fi
  ((status)) || rm -f "$log"
}

# Runs a command in there as somebody who has just logged in: with LANG, which is also what ccache
# compares, and not with LC_ALL.
inside() {
  chroot "$system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root SHELL=/bin/bash \
    LANG=C.UTF-8 "$@"
}

install_inside() { # PACKAGE...
  # shellcheck disable=SC2016  # of the shell in there
  inside DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -qq &&
    apt-get install --yes -qq --no-install-recommends "$@"' sh "$@" >>"$log" 2>&1
}
