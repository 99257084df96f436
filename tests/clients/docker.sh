#!/usr/bin/env bash
# dockerd with the storage driver fuse-overlayfs, which runs the program of that name in its PATH: an image is imported, built by
# a Dockerfile, run, changed and committed, once with overlay2 and once so. Containers see the same trees, the daemon tells
# the same changes, and the layers that it saves hold the same files.
. "$(dirname "$0")/scene.bash"
need dockerd docker runc containerd
base_image

# serve <storage driver> <directory>: a daemon without any network. Sets `daemon`.
serve() {
    export DOCKER_HOST=unix://$2/socket DOCKER_CONFIG=$2/client DOCKER_BUILDKIT=0
    mkdir -p "$2"
    echo '{}' >"$2/daemon.json"
    dockerd --config-file "$2/daemon.json" --data-root "$2/data" --exec-root "$2/exec" --pidfile "$2/pid" -H "$DOCKER_HOST" \
        --storage-driver "$1" --bridge none --iptables=false --ip6tables=false \
        --default-ulimit nofile=1000:1000 >"$2/log" 2>&1 &
    daemon=$!
    for _ in $(seq 300); do
        [ "$(docker info -f '{{.Driver}}' 2>/dev/null)" = "$1" ] && return
        kill -0 $daemon 2>/dev/null || break
        sleep 0.1
    done
    tail -n 5 "$2/log" >&2
    [ "$1" = fuse-overlayfs ] || skip "dockerd does not start here, with $1 either"
    fail "dockerd does not start with fuse-overlayfs"
}
# tree <image> <file>
tree() {
    local container
    container=$(docker create "$1" /bin/true)
    mkdir "$2.tree"
    docker export "$container" | tar --xattrs --xattrs-include='*' -xpf - -C "$2.tree"
    docker rm "$container" >/dev/null
    listing "$2.tree" "$2"
}
mkdir context
printf 'FROM first\nCOPY motd /etc/motd-copied\nRUN ["/bin/sh", "/bin/second"]\n' >context/Dockerfile
echo copied >context/motd

for which in kernel ours; do
    [ $which = kernel ] && driver=overlay2 || driver=fuse-overlayfs
    serve $driver "$scene/$which"
    docker import -q base.tar base >/dev/null 2>&1 || docker import base.tar base >/dev/null
    docker run --name first --network none base /bin/sh -c '/bin/sh /bin/first && busybox mount | busybox head -n 1' \
        >$which.mount 2>$which.complaints || {
        cat $which.complaints >&2
        [ $which = ours ] || skip "docker cannot run a container here"
        fail "a container does not run"
    }
    docker diff first | sort >$which.diff
    docker commit first first >/dev/null
    docker rm first >/dev/null
    docker build -q --network none -t second context >/dev/null 2>$which.complaints || fail "docker build: $(cat $which.complaints)"
    docker run -d --name long --network none second /bin/sh -c 'while [ ! -e /go ]; do busybox sleep 0.05; done' >/dev/null
    docker exec long /bin/sh -c 'echo "by exec" >/etc/by-exec; mv /etc/by-exec /etc/moved; rm -r /opt; touch /go'
    [ "$(docker wait long)" = 0 ] || fail "a container fails ($which)"
    docker commit long third >/dev/null
    docker rm long >/dev/null
    for image in first second third; do
        tree $image $which.$image
    done
    mkdir $which.saved
    docker save third | tar -xf - -C $which.saved
    number=0
    for layer in $(grep -o '"Layers":[[][^]]*' $which.saved/manifest.json | sed 's/.*[[]//' | tr -d '"' | tr , ' '); do
        number=$((number + 1))
        mkdir -p $which.unpacked/$number
        tar --xattrs --xattrs-include='*' -xpf "$which.saved/$layer" -C $which.unpacked/$number
    done
    [ $number -ge 4 ] || fail "third has $number layers"
    listing $which.unpacked $which.layers
    kill $daemon
    wait $daemon || fail "dockerd ends with $? ($which)"
    [ -z "$(findmnt -n -r -o TARGET | grep "^$scene/$which/data/$driver/" || true)" ] || fail "$driver leaves mounts"
done
grep -q '^overlay on / ' kernel.mount || fail "the kernel's container runs on $(cat kernel.mount)"
grep -q ' on / type fuse' ours.mount || fail "our container runs on $(cat ours.mount)"
tells_something kernel.first kernel.second
tells_something kernel.second kernel.third
for step in first second third; do
    same kernel.$step ours.$step "the image $step"
done
same <(without_remade kernel.diff) <(without_remade ours.diff) "what docker diff tells"
same <(files_of_layers kernel.layers) <(files_of_layers ours.layers) "what the layers hold"
