# Sourced by scripts/test-board: the root of a Debian 13 with what cardpad's package depends on, and the disk that is
# made of it.

ROOT_RELEASE=trixie
# What a Raspberry Pi OS Lite has of this: apt comes with the variant.
ROOT_PACKAGES="systemd,systemd-sysv,udev,dbus,kmod,iproute2,procps,nodejs,gpiod,libgpiod3,adduser"
DISK_MB=1024

make_root() { # FOLDER ARCHITECTURE
  rm -rf "$1" "$1.new"
  mmdebstrap --variant=minbase --mode=root --architectures="$2" --include="$ROOT_PACKAGES" \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    $ROOT_RELEASE "$1.new" "$mirror" || return 1
  mv "$1.new" "$1"
}

# make_disk ROOT KERNEL DISK    a raw ext4 image with a journal, which nothing writes to: machines run on overlays of it
make_disk() {
  cp -a "$2/modules/lib/modules" "$1/usr/lib/"
  cp -a "$root/test/board/guest/." "$1/"
  chown -R 0:0 "$1/etc/systemd/system" "$1/usr/local/lib/board"
  echo cardpad-board >"$1/etc/hostname"
  printf '127.0.0.1 localhost cardpad-board\n' >"$1/etc/hosts"
  : >"$1/etc/resolv.conf"
  echo 13c0ffee13c0ffee13c0ffee13c0ffee >"$1/etc/machine-id"
  mkdir -p "$1/etc/systemd/system/multi-user.target.wants"
  for unit in "$root"/test/board/guest/etc/systemd/system/board-*.service; do
    ln -sf "/etc/systemd/system/$(basename "$unit")" "$1/etc/systemd/system/multi-user.target.wants/"
  done
  # Nobody looks at this machine's screen, it has no network for apt, and what comes with an update is there already.
  for unit in getty.target apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
    e2scrub_all.timer e2scrub_reap.service ldconfig.service systemd-hwdb-update.service systemd-update-done.service \
    systemd-journal-catalog-update.service systemd-logind.service systemd-user-sessions.service \
    modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
  done
  # They write units for file systems, consoles and scripts that this machine does not have; a start and each reload of
  # systemd would run all of them.
  mkdir -p "$1/etc/systemd/system-generators"
  for generator in "$1"/usr/lib/systemd/system-generators/*; do
    ln -sf /dev/null "$1/etc/systemd/system-generators/$(basename "$generator")"
  done
  touch "$1/etc/.updated" "$1/var/.updated"
  rm -f "$3"
  truncate -s "${DISK_MB}M" "$3.new"
  /sbin/mke2fs -q -t ext4 -O has_journal -E lazy_itable_init=1,lazy_journal_init=1 -d "$1" "$3.new"
  mv "$3.new" "$3"
}

# A root of another processor is set up by that processor's own programs, which QEMU's user emulation runs. The kernel
# is told of it by hand: a container has no systemd that would do it.
emulate_arm64() {
  [ "$(uname -m)" = aarch64 ] && return
  types=/proc/sys/fs/binfmt_misc
  [ -e $types/register ] || mount -t binfmt_misc binfmt_misc $types
  [ -e $types/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64*.conf >$types/register
}
