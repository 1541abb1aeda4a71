# Makes the phone's file system and runs the daemon on it.
#   unshare -r -m --pid --fork --kill-child sh namespace.sh COMMAND...
# Stays process 1 of its namespace, so that it takes orphans in, and all end with it.
#
# Of the environment:
#   PHONE_ROOT           folder that becomes the phone's /
#   PHONE_STORAGE_BYTES  size of its /data/local/tmp
#   PHONE_USERLAND       folder with the usr, bin, lib... of its programs; empty: this machine's /
#   PHONE_SHARED         a folder of this machine that it has at the same path
#   PHONE_EMULATOR       runs its programs where they are for arm64; else empty
set -e
root=$PHONE_ROOT userland=$PHONE_USERLAND

bind_read_only() {
  mount --bind "$1" "$2"
  mount -o remount,bind,ro "$2"
}

mount -t proc proc "$root/proc"
for file in cpuinfo meminfo version; do
  bind_read_only "$root/fake/proc/$file" "$root/proc/$file"
done
bind_read_only "$root/fake/proc/boot_id" "$root/proc/sys/kernel/random/boot_id"
# Of a Debian, /bin and its like are links into /usr, or folders of their own.
for folder in usr bin sbin lib lib32 lib64 etc/alternatives; do
  if [ -L "$userland/$folder" ]; then
    ln -s "$(readlink "$userland/$folder")" "$root/$folder"
  elif [ -d "$userland/$folder" ]; then
    mkdir -p "$root/$folder"
    bind_read_only "$userland/$folder" "$root/$folder"
  fi
done
case $PHONE_SHARED in
  /usr | /usr/*) ;;
  *)
    mkdir -p "$root$PHONE_SHARED"
    bind_read_only "$PHONE_SHARED" "$root$PHONE_SHARED"
    ;;
esac
if [ -n "$PHONE_EMULATOR" ]; then
  mount -t binfmt_misc binfmt_misc "$root/fake/binfmt"
  # F: opened now, for the phone has no such file.
  elf='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf %s ":arm64:M::$elf:$mask:$PHONE_EMULATOR:F" > "$root/fake/binfmt/register"
fi
for device in null zero full random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o "size=$PHONE_STORAGE_BYTES,mode=771" tmpfs "$root/data/local/tmp"
"$@"
