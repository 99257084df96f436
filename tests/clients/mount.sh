#!/usr/bin/env bash
# mount(8): `mount -t fuse.lamina-fuse`, and a line of fstab, by way of mount.fuse, which runs the program with a source before
# the mount point and what mount(8) adds to the options; and mount.fuse3 as containerd runs it for a mount of the type
# fuse3.lamina-fuse.
. "$(dirname "$0")/scene.bash"
need mount.fuse mount.fuse3
base_image
mount --bind "$scene/bin" /usr/local/sbin  # mount(8) gives its helpers the PATH that it was built with
mkdir lower kernel.upper kernel.work ours.upper ours.work kernel ours
tar --xattrs --xattrs-include='*' -xpf base.tar -C lower

mount -t overlay overlay -o "lowerdir=$scene/lower,upperdir=$scene/kernel.upper,workdir=$scene/kernel.work" kernel
words="lowerdir=$scene/lower,upperdir=$scene/ours.upper,workdir=$scene/ours.work"
mount -t fuse.lamina-fuse layers -o "$words,nosuid,noatime,allow_other" ours
mounted_by ours "$scene/ours"
options=$(findmnt -n -o OPTIONS ours)
for option in rw nosuid noatime allow_other; do
    [[ ,$options, == *,$option,* ]] || fail "mounted with $options, without $option"
done
for which in kernel ours; do
    for script in first second; do
        chroot $which /bin/sh /bin/$script
    done
    listing $which $which.second
done
[ "$(wc -l <kernel.second)" -gt 40 ] || fail "a listing of few lines"
same kernel.second ours.second "the tree"
umount ours
! mountpoint -q ours || fail "umount leaves it"

# fstab's, read only, with options that are only mount(8)'s.
echo "layers $scene/ours fuse.lamina-fuse ro,noauto,nofail,x-note,lowerdir=$scene/ours.upper:$scene/lower 0 0" >fstab
mount -T fstab "$scene/ours"
listing ours ours.again
same kernel.second ours.again "the tree as lower directories"
! touch ours/x 2>/dev/null || fail "a mount that is read-only can be written to"
umount ours

mount.fuse3 overlay "$scene/ours" -o "$words" -t lamina-fuse
listing ours ours.third
same kernel.second ours.third "the tree as containerd mounts it"
umount ours

# What cannot be mounted is said, with an exit code.
! mount -t fuse.lamina-fuse layers -o "lowerdir=$scene/nowhere" ours 2>complaint || fail "a missing layer is mounted"
[ -s complaint ] || fail "a missing layer is refused without a word"
! mountpoint -q ours || fail "what failed is mounted"
umount kernel
