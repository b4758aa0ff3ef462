# Sourced by scripts/test-board: Debian's kernel as QEMU starts it, the modules that a board needs, and a first root
# that loads the disk's driver. Makes $1 with: vmlinux, initrd, modules/, version.
#
# The kernel is Debian 12's: its headers compile with the gcc of Debian 12 and of Debian 13, and a root of Debian 13 runs
# on it. gpio-sim is not in Debian's kernels (CONFIG_GPIO_SIM is not set), but is in the source package of each.

KERNEL_RELEASE=bookworm
# What a root's disk and the host's channels want, and what readers are behind.
FIRST_MODULES="virtio_pci virtio_blk ext4"
BOARD_MODULES="virtio_console virtio_net virtio_rng configfs autofs4 xhci_pci ftdi_sio cdc_acm i2c-dev"

# kernel_version ARCHITECTURE    for instance 6.1.0-56-amd64: the one that Debian's metapackage stands for
kernel_version() {
  apt_of $KERNEL_RELEASE "$1" apt-cache depends "linux-image-$1" | sed -n 's/.*Depends: linux-image-//p' | head -1
}

# A bzImage has to be decompressed by the emulated processor; the ELF file in it is started at once (PVH entry).
extract_vmlinux() { # BZIMAGE VMLINUX
  start=$(LC_ALL=C grep -abo -m1 -P '\xfd7zXZ\x00' "$1" | head -1 | cut -d: -f1)
  [ -n "$start" ] || return 1
  # Behind the compressed kernel come four bytes that are not xz's.
  tail -c "+$((start + 1))" "$1" | xz -dc --single-stream >"$2"
}

# An I2C bus of ours, and gpio-sim from Debian's own source of this kernel. IRQ_SIM, which it selects, is not set either, so that it is linked in;
# that file uses irq_to_desc(), which no module may: generic_handle_irq() does the same by number.
build_modules() { # VERSION FOLDER
  headers="$2/x/usr/src/linux-headers-$1"
  source=$(basename "$2"/debs/linux-source-*.deb | sed 's/_.*//')
  for deb in "$2"/debs/linux-headers-* "$2"/debs/linux-kbuild-* "$2"/debs/linux-compiler-*; do dpkg -x "$deb" "$2/x"; done
  sed -i "s#include /usr/src#include $2/x/usr/src#" "$headers/Makefile"
  dpkg --fsys-tarfile "$2"/debs/linux-source-*.deb | tar xO "./usr/src/$source.tar.xz" >"$2/source.tar.xz"
  mkdir -p "$2/own"
  xz -dc -T0 "$2/source.tar.xz" | tar x -C "$2/own" --occurrence=1 --strip-components=3 \
    "$source/drivers/gpio/gpio-sim.c" "$source/drivers/gpio/gpiolib.h" "$source/kernel/irq/irq_sim.c"
  sed -i 's/handle_simple_irq(irq_to_desc(irqnum));/generic_handle_irq(irqnum);/' "$2/own/irq_sim.c"
  cp "$root/test/board/image/i2c-memory.c" "$2/own/"
  printf 'obj-m := gpio-simx.o i2c-memory.o\ngpio-simx-y := gpio-sim.o irq_sim.o\n' >"$2/own/Kbuild"
  make -s -C "$headers" M="$2/own" CC=gcc modules >&2
}

# module_files VERSION IMAGE-ROOT MODULE ...    their files in the order of loading
module_files() {
  files_version=$1 files_root=$2
  shift 2
  for module in "$@"; do
    modprobe -d "$files_root" -S "$files_version" --show-depends "$module" || return 1
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

make_kernel() { # FOLDER ARCHITECTURE
  kernel="$1" arch=$2 work="$1.work"
  rm -rf "$kernel" "$work"
  apt_of $KERNEL_RELEASE "$arch" apt-get update -qq
  version=$(kernel_version "$arch")
  abi=${version%-"$arch"} series=$(echo "$version" | cut -d. -f1,2)
  packages="linux-image-$version busybox-static"
  [ "$arch" = amd64 ] && packages="$packages linux-headers-$version linux-headers-$abi-common linux-kbuild-$series
    linux-compiler-gcc-12-x86 linux-source-$series"
  # shellcheck disable=SC2086
  fetch_packages $KERNEL_RELEASE "$arch" "$work/debs" $packages
  mkdir -p "$work/x" "$kernel/modules"
  dpkg -x "$work"/debs/busybox-static_*.deb "$work/x"
  dpkg -x "$work"/debs/linux-image-*.deb "$work/image"
  case $arch in
  amd64)
    extract_vmlinux "$work/image/boot/vmlinuz-$version" "$kernel/vmlinux"
    build_modules "$version" "$work"
    mkdir -p "$work/image/lib/modules/$version/extra"
    cp "$work"/own/*.ko "$work/image/lib/modules/$version/extra/"
    modules="$BOARD_MODULES gpio-simx i2c-memory"
    ;;
  arm64)
    cp "$work/image/boot/vmlinuz-$version" "$kernel/vmlinux"
    modules=$BOARD_MODULES
    ;;
  esac
  depmod -b "$work/image" "$version"
  pack_initrd "$version" "$work" "$kernel/initrd"
  # shellcheck disable=SC2086
  module_files "$version" "$work/image" $FIRST_MODULES $modules | while read -r file; do
    (cd "$work/image" && cp --parents "${file#"$work/image/"}" "$kernel/modules/")
  done
  cp "$work/image/lib/modules/$version"/modules.builtin* "$work/image/lib/modules/$version/modules.order" \
    "$kernel/modules/lib/modules/$version/"
  depmod -b "$kernel/modules" "$version" 2>/dev/null
  echo "$version" >"$kernel/version"
  rm -rf "$work"
}

pack_initrd() { # VERSION WORK-FOLDER INITRD
  first="$2/first"
  mkdir -p "$first/bin" "$first/modules" "$first/root" "$first/dev"
  cp "$2/x/bin/busybox" "$first/bin/busybox"
  number=100
  # shellcheck disable=SC2086
  for file in $(module_files "$1" "$2/image" $FIRST_MODULES); do
    cp "$file" "$first/modules/$number-$(basename "$file")"
    number=$((number + 1))
  done
  cp "$root/test/board/image/init" "$first/init"
  chmod 755 "$first/init"
  (cd "$first" && find . | cpio --quiet -o -H newc) >"$3"
}
