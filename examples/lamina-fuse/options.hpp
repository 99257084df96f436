// What the command line of lamina-fuse says, as a value. Pure: nothing is opened, no path is looked at, nothing is
// printed; the meaning of each option is in docs/lamina-fuse.md. Any thread may parse.
//
// Decided here: the words are fuse-overlayfs's, and further those of the kernel's overlayfs, of mount(8) and our own. An
// option that is given twice with different values is an error and not a choice; of flags that contradict each other
// (ro and rw) the last one counts, as with mount(8). What nobody knows is an error, for a misspelt `volatile` must not
// pass for one, except where mount(8) leaves words to others (x-*, _netdev, comment=).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/backend/adapt/id_map.hpp>
#include <lamina/stack/policy.hpp>

namespace lamina_fuse {

// Where the owner and mode of each object are recorded, if not in the object itself.
enum class recorded_permissions : std::uint8_t { off, privileged, user };

struct options {
    bool help = false;
    bool version = false;
    bool foreground = false;
    bool debug = false;

    std::string source;                 // the word before the mount point, which mount(8) gives; not used
    std::string mountpoint;
    std::vector<std::string> lowers;    // topmost first, none twice
    std::optional<std::string> upper;
    std::optional<std::string> work;

    bool read_only = false;
    bool sync = true;                   // fsync=0 and volatile: false
    bool xattrs = true;
    bool acls = true;
    bool static_nlink = false;
    bool passthrough = false;
    bool io_uring = true;
    bool user_xattrs = false;           // userxattr: marks under user.overlay. in any case
    unsigned workers = 0;               // 0: chosen
    std::optional<bool> writeback;      // empty: as the library finds good
    std::optional<double> timeout;      // seconds
    std::string name;                   // fsname; empty: the default

    // host:container:size, so `outside` is the layer's and `inside` what the mount shows.
    std::optional<lamina::id_map> users;
    std::optional<lamina::id_map> groups;
    std::optional<std::uint32_t> squash_user;
    std::optional<std::uint32_t> squash_group;
    recorded_permissions recorded = recorded_permissions::off;

    lamina::redirects redirect = lamina::redirects::follow;
    lamina::metacopies metacopy = lamina::metacopies::follow;
    lamina::indexing index = lamina::indexing::automatic;
    lamina::verification verify = lamina::verification::automatic;
    lamina::block_copies blocks = lamina::block_copies::off;

    std::vector<std::string> generic;   // for mount(2): nosuid, allow_other, ...
    std::vector<std::string> labels;    // context=... and its like, which only a kernel with SELinux takes
};

// The options, or one line that says what is wrong with them.
struct parsed {
    std::optional<options> value;
    std::string error;
};

// `arguments` without the program's name.
[[nodiscard]] parsed parse(std::span<char const* const> arguments);

// The steps of it, which tests want to see by themselves.
// At each `separator` that no backslash precedes; backslashes stay. With `quotes`, none between double quotes.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator, bool quotes = false);
// Backslash and a character is that character, backslash and three octal digits that byte.
[[nodiscard]] std::string unescape(std::string_view text);
// Empty for what is no mapping: a number missing or too large, ranges that overlap.
[[nodiscard]] std::optional<lamina::id_map> parse_mapping(std::string_view text);

}  // namespace lamina_fuse
