# Makes the phone's file system and runs the daemon on it.
#   unshare -r -m --pid --fork --kill-child sh namespace.sh ROOT STORAGE_BYTES PYTHON COMMAND...
# PYTHON is the folder that holds this machine's Python, for fake binaries written in it.
# Stays process 1 of its namespace, so that it takes orphans in, and all end with it.
set -e
root=$1 storage_bytes=$2 python=$3
shift 3

bind_read_only() {
  mount --bind "$1" "$2"
  mount -o remount,bind,ro "$2"
}

mount -t proc proc "$root/proc"
for file in cpuinfo meminfo version; do
  bind_read_only "$root/fake/proc/$file" "$root/proc/$file"
done
# The host's programs and libraries; /bin and its like are links into /usr, or folders of their own.
for folder in usr bin sbin lib lib32 lib64 etc/alternatives; do
  if [ -L "/$folder" ]; then
    ln -s "$(readlink "/$folder")" "$root/$folder"
  elif [ -d "/$folder" ]; then
    mkdir -p "$root/$folder"
    bind_read_only "/$folder" "$root/$folder"
  fi
done
case $python in
  /usr | /usr/*) ;;
  *)
    mkdir -p "$root$python"
    bind_read_only "$python" "$root$python"
    ;;
esac
for device in null zero full random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t tmpfs -o "size=$storage_bytes,mode=771" tmpfs "$root/data/local/tmp"
"$@"
