// Namespaces of one's own, in which a tree can be mounted and entered without the machine noticing: for root a mount
// namespace, for everybody else a user namespace about it.
//
// Decided here: who one is inside. Root stays root. Somebody else stays who they are, or is root there if they ask; and
// where they have subordinate ids (newuidmap, /etc/subuid), the other ids inside are those. What belongs to nobody inside
// (the machine's root, above all) is then shown as root's, and without subordinate ids as one's own: a namespace has no
// word for them, and the kernel lets nobody write where it has none.
//
// Concurrency: to be called while the process has one thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include <lamina/backend/adapt/squash_ids.hpp>

namespace lamina_program {

struct identity {
    uid_t uid = 0;  // inside
    gid_t gid = 0;
    bool user_namespace = false;
    lamina::squash_rule shown{};  // for the tree
};

// A line that says why not, or nothing.
using trouble = std::optional<std::string>;

// A process that stays outside and writes the maps of its parent, which only an outsider may with subordinate ids. It is
// forked before the parent goes inside, and asked afterwards.
class map_writer {
public:
    map_writer();
    map_writer(map_writer const&) = delete;
    map_writer& operator=(map_writer const&) = delete;
    ~map_writer();
    // Maps `inside` to the process's own ids and the rest to the subordinate ones. False if there are none.
    [[nodiscard]] bool write(bool as_root);

private:
    pid_t child_ = -1;
    int request_ = -1;
    int answer_ = -1;
};

// Moves this process into namespaces of its own, in which nothing that it mounts is seen outside.
[[nodiscard]] trouble confine(bool as_root, identity& who);

// What the tree is to have besides its own.
struct surroundings {
    std::string tree;                 // a mount
    std::string directory;            // the current directory to be
    std::vector<std::string> shared;  // of the machine, as they are; what the tree has no place for is left out
    std::vector<std::string> hidden;  // shown empty
};
// Makes the tree the root of this process, in a further mount namespace.
[[nodiscard]] trouble enter(surroundings const& around);

}  // namespace lamina_program
