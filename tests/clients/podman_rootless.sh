#!/usr/bin/env bash
# podman.sh by a user without privilege: the mounts are made in a user namespace, by the same program.
rootless=yes
. "$(dirname "$0")/podman.sh"
