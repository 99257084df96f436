#!/usr/bin/env bash
# What fuse-overlayfs has written is read by lamina-fuse, so images in an engine's store outlast the change: as a lower, what a
# container has changed through fuse-overlayfs is shown as fuse-overlayfs shows it, and as the kernel's overlay would.
# (Not the other way round: fuse-overlayfs 1.10 takes the kernel's attribute `origin`, a file handle, for a path.)
LAMINA_FORMER=${LAMINA_FORMER-$(command -v fuse-overlayfs)}  # before the scene gives that name to the program under test
export LAMINA_FORMER
. "$(dirname "$0")/scene.bash"
[ -n "$LAMINA_FORMER" ] || skip "there is no fuse-overlayfs"
base_image
mkdir lower kernel.upper kernel.work former.upper former.work mounted
tar --xattrs --xattrs-include='*' -xpf base.tar -C lower
# Without the attributes in which fuse-overlayfs keeps its own account: to others they are attributes like any.
plain() {
    grep -v '^user[.]fuseoverlayfs[.]' "$1" |
        awk '/^# file: / { held = $0; next } !NF { held = ""; next } held != "" { print held; held = "" } { print }'
}

layers() { echo "lowerdir=$scene/lower,upperdir=$scene/$1.upper,workdir=$scene/$1.work"; }
for script in first second; do
    mount -t overlay overlay -o "$(layers kernel)" mounted
    chroot mounted /bin/sh /bin/$script
    listing mounted kernel.$script
    umount mounted

    "$LAMINA_FORMER" -o "$(layers former)" "$scene/mounted" 2>/dev/null
    mounted_by ours "$scene/mounted"
    chroot mounted /bin/sh /bin/$script
    umount mounted

    lamina-fuse -o "lowerdir=$scene/former.upper:$scene/lower" "$scene/mounted"
    mounted_by ours "$scene/mounted"
    listing mounted ours.$script
    umount mounted
done
tells_something kernel.first kernel.second
same <(plain kernel.first) <(plain ours.first) "what a container has changed through fuse-overlayfs"
same <(plain kernel.second) <(plain ours.second) "what a second one has"
