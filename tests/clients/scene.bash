# Sourced first by each test here, with the test's arguments: a scene in which a container engine runs as its manual says, and
# leaves nothing behind. What it starts lives in namespaces of its own (processes, mounts, network, cgroups): with the first
# process the last one ends, no mount is left, and no host's file is written. Everything lies in a tmpfs, $scene.
#
# Given: $program, which is $LAMINA_FUSE or the test's first argument, and first in PATH as lamina-fuse and fuse-overlayfs;
# the image's root file system, base_image; and listings to compare what came out.
# A test that cannot run here calls skip, which CTest understands by the exit code.
set -euo pipefail
export LC_ALL=C

skip() {
    echo "skipped: $1"
    exit 77
}
fail() {
    echo "failed: $1" >&2
    exit 1
}
need() {
    local each
    for each in "$@"; do
        command -v "$each" >/dev/null || skip "there is no $each"
    done
}

if [ -z "${LAMINA_SCENE-}" ]; then
    program=${LAMINA_FUSE:-${1-}}
    [ -n "$program" ] || skip "there is no lamina-fuse: libfuse is missing"
    program=$(realpath "$(command -v "$program")") || fail "$program cannot be run"
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    [ -c /dev/fuse ] || skip "there is no /dev/fuse"
    need unshare findmnt setfattr getfattr busybox
    unshare --mount --pid --net --ipc --uts --cgroup --fork true 2>/dev/null || skip "namespaces cannot be made here"
    LAMINA_SCENE=$(mktemp -d "${TMPDIR:-/tmp}/lamina-scene.XXXXXX")
    export LAMINA_SCENE LAMINA_FUSE=$program
    status=0
    unshare --mount bash "$0" </dev/null || status=$?
    rmdir "$LAMINA_SCENE"
    exit "$status"
fi

scene=$LAMINA_SCENE
program=$LAMINA_FUSE
if ! mountpoint -q "$scene"; then  # around the scene: a cgroup for all that it starts, which goes when they are gone
    mount -t tmpfs -o mode=755 scene "$scene" 2>/dev/null || skip "nothing can be mounted here"
    mkdir "$scene/cgroups"
    mount -t cgroup2 cgroup2 "$scene/cgroups" 2>/dev/null || skip "there are no cgroups of version 2"
    group=$scene/cgroups/lamina-scene.$$
    mkdir "$group" 2>/dev/null || skip "no cgroup can be made here"
    status=0
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        exec timeout --kill-after=5 240 unshare --mount --pid --net --ipc --uts --cgroup --fork --mount-proc --kill-child bash "$0"
    ) || status=$?
    for _ in $(seq 100); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.05
    done
    exit "$status"
fi

mkdir "$scene"/{bin,tmp,home}
ln -s "$program" "$scene/bin/lamina-fuse"
ln -s "$program" "$scene/bin/fuse-overlayfs"
export PATH=$scene/bin:$PATH TMPDIR=$scene/tmp HOME=$scene/home XDG_RUNTIME_DIR=$scene/home
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup  # alone: engines refuse hosts that have both versions
export CONTAINERS_CONF=$scene/containers.conf  # what the host's says is not for here
: >"$CONTAINERS_CONF"
for each in /usr/lib/podman/netavark /usr/libexec/podman/netavark; do  # the other backend reads the host's configuration
    [ ! -x $each ] || printf '[network]\nnetwork_backend = "netavark"\n' >"$CONTAINERS_CONF"
done
ip link set lo up 2>/dev/null || true  # where there is no `ip`, engines complain, and need it not
cd "$scene"

# Leaves a root file system in base.tar: a shell, one of each thing that a layer can hold, and in /bin what two containers do
# with it one after the other: each kind of change of something lower, whiteouts, directories made anew.
base_image() {
    local root=$scene/base each
    mkdir -p "$root"/{bin,etc,tmp,srv/deep/er,opt/old,var/empty}
    cp "$(command -v busybox)" "$root/bin/busybox"
    "$root/bin/busybox" true || skip "busybox does not run"
    for each in sh ls cat rm mv cp mkdir chmod chown ln touch mknod mkfifo stat echo true; do
        ln -s busybox "$root/bin/$each"
    done
    chmod 1777 "$root/tmp"
    echo "from the image" >"$root/etc/motd"
    echo "owned" >"$root/etc/owned"
    chown 1000:2000 "$root/etc/owned"
    echo "set-id" >"$root/opt/set-id"
    chmod 6755 "$root/opt/set-id"
    echo "linked" >"$root/opt/link-a"
    ln "$root/opt/link-a" "$root/opt/link-b"
    ln -s ../etc/motd "$root/opt/symlink"
    mkfifo -m 640 "$root/opt/fifo"
    echo "old" >"$root/opt/old/file"
    echo "deep" >"$root/srv/deep/er/file"
    head -c 300000 /dev/zero | tr '\0' 'x' >"$root/srv/large"
    chmod 711 "$root/srv/deep"
    echo "capable" >"$root/opt/capable"
    # cap_net_raw=ep, as setcap writes it
    setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$root/opt/capable"
    setfattr -n user.note -v kept "$root/srv/large" 2>/dev/null || echo "note: tmpfs keeps no user attributes here"
    cat >"$root/bin/first" <<'SCRIPT'
set -e
echo more >>/etc/motd
chmod 600 /etc/owned
chown 5:6 /srv/deep/er
chmod 700 /opt/capable
rm /opt/symlink
rm -r /srv/deep/er
mkdir /srv/deep/er
echo new >/srv/deep/er/other
mkdir -p /var/made/here
ln /etc/motd /var/made/motd
ln -s nowhere /var/made/dangling
mkfifo /var/made/fifo
echo x >>/srv/large
stat -c '%s %h' /srv/large >/var/made/size
SCRIPT
    cat >"$root/bin/second" <<'SCRIPT'
set -e
rm -r /opt/old
echo "a file now" >/opt/old
mv /var/made /var/moved
rm /etc/motd /opt/link-b /opt/fifo
mkdir /opt/fifo
mv /srv/large /srv/larger
touch -d '2021-03-04 05:06:07' /etc/owned
rm -r /srv/deep
mkdir /srv/deep
SCRIPT
    find "$root" -depth -exec touch -h -d '2020-02-02 02:02:02 UTC' {} +
    tar --xattrs --xattrs-include='*' --sort=name -C "$root" -cf "$scene/base.tar" .
}

stores=$scene
as_user=()
# Makes a user for the scene, who has ids to give to containers and may mount with FUSE; afterwards "${as_user[@]}" before a
# command runs it as that user, and $stores is theirs.
become_user() {
    need setpriv newuidmap newgidmap fusermount3
    local file
    for file in passwd group subuid subgid; do
        cp "/etc/$file" "$scene/$file" 2>/dev/null || : >"$scene/$file"
    done
    echo "lamina-scene:x:54321:54321::$scene/user:/bin/sh" >>"$scene/passwd"
    echo "lamina-scene:x:54321:" >>"$scene/group"
    echo "lamina-scene:1000000:65536" | tee "$scene/subuid" >"$scene/subgid"
    for file in passwd group subuid subgid; do
        [ -e "/etc/$file" ] || skip "there is no /etc/$file"
        mount --bind "$scene/$file" "/etc/$file"
    done
    mkdir "$scene/devices" "$scene/user"
    mount -t tmpfs -o mode=755 devices "$scene/devices"
    mknod -m 666 "$scene/devices/fuse" c 10 229 2>/dev/null || skip "no device can be made here"
    mount --bind "$scene/devices/fuse" /dev/fuse
    chown 54321:54321 "$scene/user"
    chmod 1777 "$scene/tmp"
    stores=$scene/user
    export HOME=$stores XDG_RUNTIME_DIR=$stores USER=lamina-scene
    as_user=(setpriv --reuid 54321 --regid 54321 --clear-groups)
    "${as_user[@]}" unshare --user --map-root-user true 2>/dev/null || skip "a user may not make a user namespace here"
}

# listing <directory> <file>: one line for each object with everything but times, of which those of directories are the
# engine's; then contents, which names are one file (their count is not told: the kernel's also counts names that a whiteout
# hides), times that somebody set, and attributes.
listing() {
    (
        cd "$1"
        find . ! -path . \( -type f -o -type l \) -printf '%P\t%y %m %U:%G %s %l\n' \
            -o ! -path . -printf '%P\t%y %m %U:%G\n' | sort
        find . -type f -exec sha256sum {} + | sort -k 2
        find . ! -type d -links +1 -printf '%i %P\n' | sort | awk '{ names[$1] = names[$1] " = " $2 }
            END { for (i in names) if (names[i] ~ /=.*=/) print names[i] }' | sort
        find . -type f -newermt 2020-01-01 ! -newermt 2022-01-01 -printf '%P\t%t\n' | sort
        find . ! -path . -print0 | sort -z | xargs -0 -r getfattr -h -d -m '^(user|security|trusted)[.]' -e hex
    ) >"$2"
}
# files_of_layers <listing of layers_of>: without directories, of which an engine puts in more or fewer, and without whiteouts,
# for which there are several spellings.
files_of_layers() { grep -v -e $'\td [0-7]* [0-9:]*$' -e '/[.]wh[.]' "$1"; }
# without_remade <changes>: without the directory that a container removed and made again. Engines that read the kernel's upper
# tell it as removed; those that compare two trees tell what it lost.
without_remade() { grep -v ' /srv/deep/er' "$1"; }
# tells_something <listing> <listing>: or the comparison of empty lists would prove something.
tells_something() {
    [ "$(wc -l <"$1")" -gt 40 ] || fail "a listing of few lines: $1"
    ! cmp -s "$1" "$2" || fail "the second step changed nothing"
}
# mounted_by <kernel|ours> <mount point>
mounted_by() {
    local type
    type=$(findmnt -n -o FSTYPE -T "$2")
    case $1:$type in
        kernel:overlay | ours:fuse*) ;;
        *) fail "$2 is a mount of type $type" ;;
    esac
}
# same <file> <file> <what>
same() { diff -u "$1" "$2" || fail "$3 differs between the kernel's overlay (-) and $program (+)"; }

# layers_of <OCI layout, extracted> <directory>: unpacks each layer by itself, whiteouts as the files that they are in a tar.
layers_of() {
    local manifest layer number=0
    manifest=$(grep -o '"manifests":\[{[^]]*' "$1/index.json" | grep -o 'sha256:[0-9a-f]*' | head -n 1)
    for layer in $(grep -o '"layers":[[][^]]*' "$1/blobs/${manifest/://}" | grep -o 'sha256:[0-9a-f]*'); do
        number=$((number + 1))
        mkdir -p "$2/$number"
        tar --xattrs --xattrs-include='*' -xpf "$1/blobs/${layer/://}" -C "$2/$number"
    done
    [ "$number" -gt 1 ] || fail "$1 has $number layers"
}
