// One request to a backend or to an open file, as a value: which primitive, on what, with which arguments. It is what
// an adaptor sees of a primitive, what a trace shows and what a fault rule is compared with. The arguments are in it
// and not beside it, so that an adaptor changes one by changing the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <lamina/core/attributes.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/ident.hpp>
#include <lamina/core/open.hpp>
#include <lamina/core/path.hpp>
#include <lamina/core/result.hpp>

namespace lamina {

// The primitives by their names in backend/concepts.hpp; `file_` where an open file has one that the backend has too.
// An open_known_regular_at is an open_at.
enum class primitive : std::uint8_t {
    lookup,
    open_directory_at,
    descend,
    list_at,
    open_at,
    read_symlink_at,
    get_xattr_at,
    list_xattrs_at,
    handle_at,
    space,
    create_at,
    create_directory_at,
    create_symlink_at,
    create_node_at,
    create_unnamed,
    publish_at,
    link_at,
    rename_at,
    remove_at,
    remove_directory_at,
    remove_tree_at,
    set_mode_at,
    set_owner_at,
    set_times_at,
    set_xattr_at,
    remove_xattr_at,
    resize_at,
    sync_directory,
    sync_all,
    read_at,
    next_data,
    next_hole,
    file_status,
    verity_digest,
    write_at,
    append,
    copy_range_from,
    clone_from,
    file_resize,
    allocate,
    file_sync,
    file_set_mode,
    file_set_owner,
    file_set_times,
    file_set_xattr,
    file_remove_xattr,
    file_get_xattr,
    file_list_xattrs,
    file_flags,
    file_set_flags,
};
inline constexpr std::size_t primitive_count = static_cast<std::size_t>(primitive::file_set_flags) + 1;

namespace detail {

// What calling a primitive does to the tree.
enum class effect : std::uint8_t {
    none,
    change,  // of something that can be seen
    flush,   // of what is durable
};

struct primitive_text {
    std::string_view name;
    operation op;
    effect does;
};

inline constexpr primitive_text primitive_texts[] = {
    {"lookup", operation::lookup, effect::none},
    {"open_directory_at", operation::lookup, effect::none},
    {"descend", operation::lookup, effect::none},
    {"list_at", operation::list, effect::none},
    {"open_at", operation::open, effect::none},
    {"read_symlink_at", operation::read_symlink, effect::none},
    {"get_xattr_at", operation::get_xattr, effect::none},
    {"list_xattrs_at", operation::list_xattrs, effect::none},
    {"handle_at", operation::lookup, effect::none},
    {"space", operation::space, effect::none},
    {"create_at", operation::create, effect::change},
    {"create_directory_at", operation::create_directory, effect::change},
    {"create_symlink_at", operation::create_symlink, effect::change},
    {"create_node_at", operation::create_node, effect::change},
    {"create_unnamed", operation::create, effect::change},
    {"publish_at", operation::link, effect::change},
    {"link_at", operation::link, effect::change},
    {"rename_at", operation::rename, effect::change},
    {"remove_at", operation::remove, effect::change},
    {"remove_directory_at", operation::remove_directory, effect::change},
    {"remove_tree_at", operation::remove_directory, effect::change},
    {"set_mode_at", operation::set_mode, effect::change},
    {"set_owner_at", operation::set_owner, effect::change},
    {"set_times_at", operation::set_times, effect::change},
    {"set_xattr_at", operation::set_xattr, effect::change},
    {"remove_xattr_at", operation::remove_xattr, effect::change},
    {"resize_at", operation::resize, effect::change},
    {"sync_directory", operation::sync, effect::flush},
    {"sync_all", operation::sync, effect::flush},
    {"read_at", operation::read, effect::none},
    {"next_data", operation::read, effect::none},
    {"next_hole", operation::read, effect::none},
    {"status", operation::lookup, effect::none},
    {"verity_digest", operation::read, effect::none},
    {"write_at", operation::write, effect::change},
    {"append", operation::write, effect::change},
    {"copy_range_from", operation::write, effect::change},
    {"clone_from", operation::write, effect::change},
    {"resize", operation::resize, effect::change},
    {"allocate", operation::allocate, effect::change},
    {"sync", operation::sync, effect::flush},
    {"set_mode", operation::set_mode, effect::change},
    {"set_owner", operation::set_owner, effect::change},
    {"set_times", operation::set_times, effect::change},
    {"set_xattr", operation::set_xattr, effect::change},
    {"remove_xattr", operation::remove_xattr, effect::change},
    {"get_xattr", operation::get_xattr, effect::none},
    {"list_xattrs", operation::list_xattrs, effect::none},
    {"flags", operation::get_flags, effect::none},
    {"set_flags", operation::set_flags, effect::change},
};
static_assert(sizeof(primitive_texts) / sizeof(primitive_texts[0]) == primitive_count);

}  // namespace detail

// "create_at"; of an open file's primitives the member's name, "set_mode".
[[nodiscard]] constexpr std::string_view name(primitive p) noexcept {
    return detail::primitive_texts[static_cast<std::size_t>(p)].name;
}
// What errors of this primitive are reported as, and counters summed up under.
[[nodiscard]] constexpr operation operation_of(primitive p) noexcept {
    return detail::primitive_texts[static_cast<std::size_t>(p)].op;
}

// The fields that a primitive does not have keep their defaults.
struct call {
    primitive what;
    // Of an open file: where it was when it was opened, in adaptors whose files remember that.
    node directory{};
    name_ref name{};      // descend: all the names
    node to_directory{};  // link_at, rename_at
    name_ref to_name{};

    std::span<std::byte> into{};        // read_at
    std::span<std::byte const> from{};  // write_at, append
    std::uint64_t offset = 0;           // of reads, writes, next_*; the size for resizes; in the source for copies
    std::uint64_t to_offset = 0;        // copy_range_from
    std::uint64_t count = 0;            // copy_range_from; allocate: the length

    std::string_view key{};    // of xattrs
    std::string_view value{};  // set_xattr; create_symlink_at: the target
    time_change const* times = nullptr;
    open_flags opening{};  // also of an open file: how it was opened
    rename_flags renaming{};
    xattr_flags setting{};
    sync_kind syncing{};
    allocation allocating{};
    inode_flags flags{};  // set_flags
    file_type type = file_type::unknown;  // create_node_at
    mode_bits mode = 0;
    user_id uid = keep_user;
    group_id gid = keep_group;
    device_number rdev{};

    [[nodiscard]] constexpr operation op() const noexcept { return operation_of(what); }
    // Whether it can change what somebody sees. An open does by truncating.
    [[nodiscard]] constexpr bool mutates() const noexcept {
        return detail::primitive_texts[static_cast<std::size_t>(what)].does == detail::effect::change ||
               (what == primitive::open_at && has(opening, open_flags::truncate));
    }
    // Whether it only makes durable what has been changed.
    [[nodiscard]] constexpr bool flushes() const noexcept {
        return detail::primitive_texts[static_cast<std::size_t>(what)].does == detail::effect::flush;
    }
};

namespace detail {

// How many bytes of a file an answer has moved.
template <class Answer>
[[nodiscard]] constexpr std::uint64_t bytes_moved(call const& c, Answer const& answer) noexcept {
    if constexpr (std::is_same_v<Answer, result<std::size_t>> || std::is_same_v<Answer, result<std::uint64_t>>) {
        switch (c.what) {
        case primitive::read_at:
        case primitive::write_at:
        case primitive::append:
        case primitive::copy_range_from: return answer ? *answer : 0;
        default: break;  // an offset
        }
    }
    return 0;
}

}  // namespace detail

}  // namespace lamina
