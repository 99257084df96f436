#!/usr/bin/env bash
# podman with mount_program (containers-storage.conf(5)): an image is imported, containers change it, are stopped, started
# again, copied into and committed, once over the kernel's overlay and once over lamina-fuse; both show the same trees and
# tell the same changes.
. "$(dirname "$0")/scene.bash"
need podman crun
base_image
[ -z "${rootless-}" ] || become_user
cd "$stores"

# engine <kernel|ours> <word for podman>...
engine() {
    local store=$stores/$1 options=()
    [ "$1" = kernel ] || options=(--storage-opt "overlay.mount_program=$scene/bin/lamina-fuse")
    shift
    "${as_user[@]}" podman --root "$store/root" --runroot "$store/run" --tmpdir "$store/tmp" \
        --storage-driver overlay "${options[@]}" --runtime crun --cgroup-manager cgroupfs \
        --events-backend none --log-level error "$@"
}
# inside <function> <argument>...: where the engine's mounts are seen.
inside() {
    if [ -z "${rootless-}" ]; then
        "$@"
    else
        engine "$2" unshare bash -c "set -euo pipefail; as_user=(); scene='$scene' stores='$stores'
            $(declare -f engine listing mounted_by fail show tidy leftovers)
            \"\$@\"" - "$@"
    fi
}
# show <kernel|ours> <container> <file>
show() { listing "$(engine "$1" mount "$2")" "$3"; }
# tidy <kernel|ours> <container>: what the test itself has put there.
tidy() {
    local root
    root=$(engine "$1" mount "$2")
    mounted_by "$1" "$root"
    rm -f "$root"/tmp/{go,mount}
    engine "$1" umount "$2" >/dev/null
}
leftovers() { findmnt -n -r -o TARGET | grep "^$stores/$1/root/overlay/.*/merged" || true; }
# Without cgroups, and with limits that a process without CAP_SYS_RESOURCE may set too.
alone=(--network none --cgroups disabled --ulimit nofile=1000:1000 --ulimit nproc=1000:1000)

for which in kernel ours; do
    engine $which import -q "$scene/base.tar" base >/dev/null
    engine $which run --name first "${alone[@]}" base /bin/sh /bin/first
    engine $which diff first | sort >$which.diff
    engine $which commit -q first first >/dev/null

    # The second container runs while somebody else writes to it, is stopped, and goes on with what it had.
    engine $which run -d --name second "${alone[@]}" first /bin/sh -c 'while [ ! -e /tmp/go ]; do busybox sleep 0.05; done
        /bin/sh /bin/second && busybox mount | busybox head -n 1 >/tmp/mount' >/dev/null
    echo copied >copied
    engine $which cp copied second:/opt/copied
    engine $which exec second /bin/sh -c 'echo "by exec" >/opt/by-exec; touch /tmp/go'
    [ "$(engine $which wait second)" = 0 ] || fail "the second container failed on $which"
    engine $which cp second:/tmp/mount $which.mount
    engine $which start second >/dev/null  # once more: it fails at once, with what is gone
    [ "$(engine $which wait second)" = 1 ] || fail "a container that is started again does not see its own changes ($which)"
    inside tidy $which second
    engine $which commit -q second second >/dev/null
    engine $which rm -f first second >/dev/null
    for image in first second; do
        container=$(engine $which create "${alone[@]}" $image /bin/true)
        inside show $which "$container" $which.$image
        engine $which rm -f "$container" >/dev/null
    done
    left=$(inside leftovers $which)
    [ -z "$left" ] || fail "mounts are left ($which): $left"
done
grep -q '^overlay on / ' kernel.mount || fail "the kernel's container runs on $(cat kernel.mount)"
grep -q ' on / type fuse' ours.mount || fail "our container runs on $(cat ours.mount)"
tells_something kernel.first kernel.second
same <(without_remade kernel.diff) <(without_remade ours.diff) "what podman diff tells"
same kernel.first ours.first "the first image"
same kernel.second ours.second "the second image"
