#!/usr/bin/env bash
# containerd with the fuse-overlayfs snapshotter, whose mounts are of the type fuse3.fuse-overlayfs: containerd runs mount.fuse3 for
# them, and that the program of this name. An image of two layers is unpacked, shown, and changed by containers, once by the
# snapshotter for the kernel's overlay and once by this one; trees and differences are the same.
. "$(dirname "$0")/scene.bash"
need containerd ctr runc mount.fuse3 sha256sum containerd-fuse-overlayfs-grpc
base_image

# An OCI image: the base, and a layer with whiteouts, as the specification spells them.
mkdir -p upper/opt upper/srv/deep upper/etc
touch upper/opt/.wh.symlink upper/opt/.wh.old upper/srv/deep/.wh..wh..opq
echo layered >upper/srv/deep/new
echo layered >upper/etc/motd
tar --sort=name --mtime='2020-03-03 UTC' -C upper -cf upper.tar .
mkdir -p oci/blobs/sha256
# blob <file> <media type>: into the layout; its descriptor.
blob() {
    local digest size
    digest=$(sha256sum <"$1" | cut -d ' ' -f 1)
    size=$(stat -c %s "$1")
    cp "$1" "oci/blobs/sha256/$digest"
    printf '{"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s}' "$2" "$digest" "$size"
}
layers=$(blob base.tar layer.v1.tar),$(blob upper.tar layer.v1.tar)
printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
    "$(dpkg --print-architecture 2>/dev/null || echo amd64)" \
    "$(grep -o 'sha256:[0-9a-f]*' <<<"$layers" | sed 's/.*/"&"/' | paste -s -d ,)" >config.json
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
    "$(blob config.json config.v1+json)" "$layers" >manifest.json
printf '{"schemaVersion":2,"manifests":[%s]}' \
    "$(blob manifest.json manifest.v1+json | sed 's/}$/,"annotations":{"org.opencontainers.image.ref.name":"local\/image:1"}}/')" \
    >oci/index.json
echo '{"imageLayoutVersion":"1.0.0"}' >oci/oci-layout
tar -C oci -cf image.tar .

containerd-fuse-overlayfs-grpc "$scene/snapshotter" "$scene/ours" >snapshotter.log 2>&1 &
cat >config.toml <<TOML
version = 2
root = "$scene/root"
state = "$scene/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$scene/socket"
[proxy_plugins.fuse-overlayfs]
type = "snapshot"
address = "$scene/snapshotter"
TOML
containerd --config config.toml >log 2>&1 &
engine() { ctr --address "$scene/socket" "$@"; }
for _ in $(seq 200); do
    [ -S snapshotter ] && engine version >/dev/null 2>&1 && break
    sleep 0.05
done
engine version >/dev/null || {
    tail -n 5 log snapshotter.log >&2
    skip "containerd does not start here"
}

for which in kernel ours; do
    [ $which = kernel ] && snapshotter=overlayfs || snapshotter=fuse-overlayfs
    engine images import --snapshotter $snapshotter image.tar >/dev/null
    # What a container sees, where containerd has mounted it.
    engine run -d --null-io --snapshotter $snapshotter --cpu-shares 0 local/image:1 shown /bin/busybox sleep 200
    root=$scene/state/io.containerd.runtime.v2.task/default/shown/rootfs
    mounted_by $which "$root"
    listing "$root" $which.listing
    engine tasks delete --force shown >/dev/null 2>&1 || true  # the exit code is that of what was killed
    engine containers delete shown
    for work in 'busybox mount | busybox head -n 1' 'rm -r /srv /opt/fifo; mkdir /srv; mv /etc/motd /etc/moved; chmod 4711 /opt/capable
        echo more >>/etc/owned; ln /etc/owned /etc/again; mkdir -p /new/dir; mkfifo /new/fifo; ln -s x /new/link'; do
        engine run --snapshotter $snapshotter --cpu-shares 0 local/image:1 one /bin/sh -c "$work" >$which.output ||
            fail "a container fails ($which)"
        [ -s $which.mount ] || mv $which.output $which.mount
        engine snapshots --snapshotter $snapshotter diff --media-type application/vnd.oci.image.layer.v1.tar one >$which.tar
        engine containers delete one
    done
    mkdir $which.diff
    tar --xattrs --xattrs-include='*' --warning=no-timestamp -xpf $which.tar -C $which.diff
    listing $which.diff $which.layer
done
grep -q '^overlay on / ' kernel.mount || fail "the kernel's container runs on $(cat kernel.mount)"
grep -q ' on / type fuse' ours.mount || fail "our container runs on $(cat ours.mount)"
tells_something kernel.listing kernel.layer
same kernel.listing ours.listing "what the image holds"
[ -s kernel.layer ] || fail "a container has changed nothing"
same <(files_of_layers kernel.layer) <(files_of_layers ours.layer) "what a container has changed"
