#!/bin/bash
# lamina-fuse.sh PROGRAM: mounts, changes, unmounts and compares; and what it says when it cannot.
# Exit 77: there is nothing to mount with here.
set -u
program=$1
scratch=$(mktemp -d)
failures=0

finish() {
    for mount in "$scratch"/*/; do
        mountpoint -q "$mount" && umount -l "$mount"
    done
    rm -rf "$scratch"
}
trap finish EXIT
expect() {  # expect WHAT COMMAND...
    local what=$1
    shift
    if "$@"; then echo "ok: $what"; else
        echo "NOT OK: $what"
        failures=$((failures + 1))
    fi
}
refuses() {  # refuses TEXT ARGUMENT...: exit 1 and one line that has TEXT
    local text=$1 said status
    shift
    said=$("$program" "$@" 2>&1)
    status=$?
    if [ $status = 1 ] && [ "$(wc -l <<< "$said")" = 1 ] && [[ $said == "lamina-fuse: "*"$text"* ]]; then
        echo "ok: refused: $said"
    else
        echo "NOT OK: '$*' gave $status: $said"
        failures=$((failures + 1))
    fi
}
ended() {  # waits until no process serves the mount "$1" of this scratch directory
    for _ in $(seq 300); do  # it flushes the upper first
        pgrep -r R,S,D -f "$scratch.*/$1\$" > /dev/null || return 0
        sleep 0.1
    done
    return 1
}
unmount() { umount "$scratch/$1" && ended "$1"; }

cd "$scratch" || exit 1
mkdir low low/d upper work mount second other
echo one > low/a
echo two > low/d/b
ln -s a low/link

refuses "no lowerdir" "$scratch/mount"
refuses "no mount point" -o lowerdir=low
refuses "No such file" -o lowerdir=missing "$scratch/mount"
refuses "No such file" -o lowerdir=low "$scratch/missing"
refuses "Not a directory" -o lowerdir=low "$scratch/low/a"
refuses "lies in lowerdir" -o lowerdir=low "$scratch/low/d"
refuses "lies in workdir" -o lowerdir=low,upperdir=upper,workdir=. "$scratch/mount"
refuses "are the same" -o lowerdir=low,upperdir=upper,workdir=upper "$scratch/mount"
refuses "is also lowerdir" -o lowerdir=low:upper,upperdir=upper,workdir=work "$scratch/mount"
refuses "lies in lowerdir" -o lowerdir=low,upperdir=low/d,workdir=work "$scratch/mount"
refuses "unknown option 'volatil'" -o lowerdir=low,volatil "$scratch/mount"
refuses "lowerdir 'low/a': tar" -o lowerdir=low/a "$scratch/mount"

if [ ! -c /dev/fuse ] || { [ "$(id -u)" != 0 ] && ! command -v fusermount3 > /dev/null; }; then
    [ $failures = 0 ] || exit 1
    echo "skipped: no /dev/fuse, or nothing to mount with"
    exit 77
fi
if ! said=$("$program" -o lowerdir=low "$scratch/mount" 2>&1); then
    [ $failures = 0 ] || exit 1
    echo "skipped: FUSE is not permitted here: $said"
    exit 77
fi

expect "without an upper it can be read" diff -r --no-dereference low mount
expect "and not written" bash -c '! echo x 2>/dev/null > mount/a'
expect "unmounted, the process ends" unmount mount

stack=lowerdir=low,upperdir=upper,workdir=work
said=$("$program" -o "$stack" "$scratch/mount" 2>&1)
expect "it returns when it is mounted" mountpoint -q mount
expect "it says nothing" test -z "$said"
echo more >> mount/a
rm mount/d/b
mkdir -p mount/new/dir
echo three > mount/new/dir/c
chmod 4755 mount/new/dir/c
expect "the lower is what it was" test "$(cat low/a low/d/b)" = "one
two"
expect "changes are seen" test "$(cat mount/a)" = "one
more"
refuses "in use by another mount" -o "$stack" "$scratch/second"
refuses "in use by another mount" -o lowerdir=low,upperdir=upper,workdir=other "$scratch/second"
cp -a mount copy
expect "unmounted, the process ends" unmount mount
expect "the upper has what was written" test "$(cat upper/new/dir/c)" = three
"$program" -o "$stack" "$scratch/mount"
expect "mounted again, all is there" diff -r --no-dereference copy mount
expect "modes too" test "$(stat -c %a mount/new/dir/c)" = 4755
expect "deleted stays deleted" test ! -e mount/d/b
pid=$(pgrep -f "$scratch/mount\$")
kill -TERM "$pid"
expect "SIGTERM unmounts and ends it" ended mount
expect "nothing is mounted" bash -c '! mountpoint -q mount'

# Archives as layers, the upper one deletes by an aufs whiteout.
mkdir -p image/etc top/etc
echo base > image/etc/name
echo gone > image/etc/motd
: > top/etc/.wh.motd
echo issue > top/etc/issue
tar -C image -cf base.tar . && tar -C top -cf top.tar .
mkdir upper2 work2
"$program" -o lowerdir=top.tar:base.tar,upperdir=upper2,workdir=work2 "$scratch/mount"
expect "archives are layers" test "$(ls mount/etc | tr '\n' ' ')" = "issue name "
echo changed > mount/etc/name
expect "and can be written above" test "$(cat mount/etc/name upper2/etc/name)" = "changed
changed"
expect "unmounted" unmount mount

if [ "$(id -u)" = 0 ]; then
    rm -rf upper work && mkdir upper work
    "$program" -o "$stack,uidmapping=0:1000:10,gidmapping=:0:2000:10" "$scratch/mount"
    expect "ids are mapped" test "$(stat -c %u:%g mount/a)" = 1000:2000
    chown 1003:2004 mount/a
    expect "in both directions" test "$(stat -c %u:%g upper/a)" = 3:4
    expect "unmounted" unmount mount
    "$program" -o "$stack,squash_to_uid=77,squash_to_gid=78" "$scratch/mount"
    expect "owners are squashed" test "$(stat -c %u:%g mount/a)" = 77:78
    expect "unmounted" unmount mount
    rm -rf upper work && mkdir upper work
    "$program" -o "$stack,xattr_permissions=2" "$scratch/mount"
    chown 5:6 mount/a && chmod 640 mount/a
    expect "owners are recorded" test "$(stat -c %u:%g:%a mount/a)" = 5:6:640
    expect "and not real" test "$(stat -c %u:%g upper/a)" = 0:0
    expect "unmounted" unmount mount
fi

[ $failures = 0 ]
