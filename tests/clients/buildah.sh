#!/usr/bin/env bash
# buildah with mount_program (containers-storage.conf(5)): an image is built in a container and by a Containerfile, once over
# the kernel's overlay and once over lamina-fuse. After each step both show the same tree, also when each reads what the
# other has built, and both layers hold the same files.
. "$(dirname "$0")/scene.bash"
need buildah
base_image

# engine <kernel|ours> <word for buildah>...
engine() {
    local store=$scene/$1 options=()
    [ "$1" = kernel ] || options=(--storage-opt "overlay.mount_program=$scene/bin/lamina-fuse")
    shift
    buildah --root "$store/root" --runroot "$store/run" --storage-driver overlay "${options[@]}" "$@"
}
# tree <kernel|ours> <image> <file>: what a container of the image sees.
tree() {
    local container
    container=$(engine "$1" from --pull-never "$2")
    listing "$(engine "$1" mount "$container")" "$3"
    mounted_by "$1" "$(engine "$1" mount "$container")"
    engine "$1" rm "$container" >/dev/null
}
printf 'FROM base\nRUN /bin/sh /bin/first\n' >Containerfile.first
printf 'FROM first\nRUN /bin/sh /bin/second\n' >Containerfile.second

for which in kernel ours; do
    container=$(engine $which from scratch)
    engine $which add -q "$container" base.tar / >/dev/null
    engine $which run --isolation chroot "$container" -- /bin/stat -f / >/dev/null
    engine $which commit -q "$container" base >/dev/null
    for step in first second; do
        engine $which build -q --isolation chroot --layers --pull-never -t $step -f Containerfile.$step "$scene" >/dev/null
        tree $which $step $which.$step
    done
    engine $which push -q second "oci:$scene/$which.oci:second"
    layers_of "$scene/$which.oci" "$scene/$which.unpacked"
    listing "$scene/$which.unpacked" $which.layers
done
tells_something kernel.first kernel.second
same kernel.first ours.first "the image of one step"
same kernel.second ours.second "the image of two steps"
same <(files_of_layers kernel.layers) <(files_of_layers ours.layers) "what the layers hold"

tree kernel "$(engine kernel pull -q oci:ours.oci:second)" kernel.of-ours
tree ours "$(engine ours pull -q oci:kernel.oci:second)" ours.of-kernels
same kernel.second kernel.of-ours "what the kernel shows of our image"
same kernel.second ours.of-kernels "what we show of the kernel's image"
