#!/bin/bash
# lamina.sh PROGRAM: what `lamina mount` and `lamina run` do to a tree, and that nothing of it is left behind.
# Exit 77: there is nothing to mount with here.
set -u
program=$1
scratch=$(mktemp -d)
export TMPDIR=$scratch/temporary
failures=0

finish() {
    mountpoint -q "$scratch/mount" && umount -l "$scratch/mount"
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
same() {  # same WHAT WANTED GOT
    if [ "$2" = "$3" ]; then echo "ok: $1"; else
        printf 'NOT OK: %s\nwanted: %s\ngot:    %s\n' "$1" "$2" "$3"
        failures=$((failures + 1))
    fi
}
run() { "$program" run "$@"; }
left_behind() { find "$TMPDIR" -mindepth 1; }

cd "$scratch" || exit 1
mkdir low upper work mount temporary
echo one > low/a
echo two > low/b

run --upper upper --discard -- true > /dev/null 2>&1
same "contradictions are for the usage" 2 $?
run > /dev/null 2>&1
same "so is no command" 2 $?
"$program" mount --lower low --durability soon mount > /dev/null 2>&1
same "and a wrong word" 2 $?
said=$("$program" mount --lower missing mount 2>&1)
same "a missing layer is a line" "lamina: lowerdir 'missing': No such file or directory" "$said"

if [ ! -r /dev/fuse ] || ! said=$(run -q -- true 2>&1); then
    [ $failures = 0 ] || exit 1
    echo "skipped: /dev/fuse or namespaces are not to be had here: ${said:-}"
    exit 77
fi

# mount
"$program" mount --lower low --upper upper --work work --durability none --metacopy on "$scratch/mount"
same "mounted" 0 $?
echo three > mount/c && rm mount/a
umount mount || fusermount3 -u mount
same "the upper has it" "three" "$(cat upper/c)"
same "the lower is what it was" "one" "$(cat low/a)"

# run: a tree of its own
mark=lamina-test-$$
run -- sh -c "echo x > '$scratch/low/$mark'; rm '$scratch/low/b'; exit 3" 2> said
same "the status is the command's" 3 $?
same "the changes are told" "A ${scratch#/}/low/$mark D ${scratch#/}/low/b" "$(sort said | xargs)"
same "and are not the machine's" "a b" "$(ls low | xargs)"
same "nothing is left" "" "$(left_behind)"

same "the current directory is the same" "$scratch/low" "$(cd low && run -q -- pwd)"
same "input and output are the command's" "through" "$(echo through | run -q -- cat)"
expect "/proc is there" run -q -- test -r /proc/self/status
expect "/dev is there" run -q -- sh -c 'echo x > /dev/null'
run -q -- sh -c 'kill -TERM $$'
same "a signal is 128 more" 143 $?
run -q -- /nothing/there 2> said
same "what is not there is 127" 127 $?
run -q -- /etc/passwd 2> said
same "what cannot be executed is 126" 126 $?
run --changes list -- touch "$scratch/low/$mark" 2> said
same "the changes go where they are wanted" "A ${scratch#/}/low/$mark" "$(cat list)"

# what a command leaves running, and signals
run -q -- sh -c "sleep 987 & setsid sleep 988 & :"
expect "what it left running is ended" bash -c '! pgrep -fx "sleep 98[78]"'
"$program" run -q -- sleep 986 &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
same "SIGTERM reaches the command" 143 $?
"$program" run -q -- sleep 985 &
pid=$!
sleep 1
kill -KILL $pid
wait $pid 2> /dev/null
for _ in $(seq 50); do [ -z "$(left_behind)" ] && break || sleep 0.1; done
same "killed, it leaves nothing" "" "$(left_behind)"
expect "nor anybody" bash -c '! pgrep -fx "sleep 985"'

# run: kept, and other layers
mkdir kept
run -q --upper kept/changes -- sh -c "echo new > '$scratch/low/new'"
same "kept changes are in the upper" "new" "$(cat "kept/changes$scratch/low/new")"
same "and are there again" "new" "$(run -q --upper kept/changes -- cat "$scratch/low/new")"
run --keep -q -- touch "$scratch/low/$mark" 2> said
place=$(sed -n 's/^lamina: kept in //p' said)
expect "--keep tells where" test -e "$place$scratch/low/$mark"
rm -rf "$(dirname "$place")"
echo four > "$scratch/shared"
run -q --share "$scratch/shared" -- sh -c "echo five > '$scratch/shared'"
same "what is shared is the machine's" five "$(cat shared)"

# as somebody else, and as root without being it
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null && [ -n "$(find /dev/fuse -perm -006)" ]; then
    chmod 755 "$scratch" && chmod 777 temporary && cp "$program" ./program
    somebody() { setpriv --reuid=4711 --regid=4711 --clear-groups ./program run "$@"; }
    if somebody -q -- true 2> said; then
        same "somebody stays who they are" 4711 "$(somebody -q -- id -u)"
        same "or is root inside" 0 "$(somebody -q --root -- id -u)"
        somebody --root -- sh -c "chown 0:0 '$scratch/low/a'; echo more >> '$scratch/low/a'; rm '$scratch/low/b'" 2> said
        same "and may change what is root's" "C ${scratch#/}/low/a
D ${scratch#/}/low/b" "$(cat said)"
        same "nothing is left" "" "$(left_behind)"
    else
        echo "skipped: no user namespaces: $(cat said)"
    fi
fi
[ $failures = 0 ]
