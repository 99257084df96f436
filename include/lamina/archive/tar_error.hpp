// How an archive is refused: the limits that its reader sets, the reasons, and an error that says where. An archive
// is opened whole or not at all; what cannot be read as one unambiguous tree is refused here, not repaired.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <lamina/core/error.hpp>

namespace lamina {

// What an archive may cost the process that opens it. The defaults take any image layer in use today and bound what a
// hostile one can claim: a hundred bytes of sparse map can stand for exabytes of zeros, and no byte of the archive
// says so.
struct tar_limits {
    std::uint32_t objects = 16'000'000;                             // members, and directories that their names imply
    std::uint64_t index_bytes = std::uint64_t{4} << 30;             // memory that the index takes
    std::uint64_t name_bytes = std::uint64_t{1} << 30;              // names and targets of symbolic links, in all
    std::uint64_t extended_header_bytes = std::uint64_t{1} << 20;   // one pax header, one GNU long name
    std::uint64_t member_xattr_bytes = std::uint64_t{256} << 10;    // keys and values of one member
    std::uint64_t xattr_bytes = std::uint64_t{256} << 20;           // and of all
    std::uint64_t sparse_extents = 4'000'000;                       // of all members
    std::uint64_t apparent_bytes = std::uint64_t{64} << 40;         // sizes of all regular files, holes included
};

enum class tar_reason : std::uint8_t {
    source_failed,
    out_of_memory,
    truncated,
    lone_zero_block,
    bad_checksum,
    bad_number,
    bad_extended_header,
    doubled_header,
    dangling_header,
    bad_sparse_map,
    unsupported_member,
    empty_name,
    absolute_name,
    empty_component,
    dot_dot_component,
    nul_in_name,
    long_component,
    bare_whiteout_component,
    below_a_file,
    below_a_symlink,
    root_is_no_directory,
    directory_with_data,
    empty_symlink,
    link_to_nothing,
    link_to_a_directory,
    bad_link_name,
    bad_xattr,
    over_objects,
    over_index_bytes,
    over_name_bytes,
    over_extended_header_bytes,
    over_xattr_bytes,
    over_sparse_extents,
    over_apparent_bytes,
};

namespace detail {

struct tar_reason_text {
    errc code;
    std::string_view sentence;
};

// In the order of tar_reason.
inline constexpr tar_reason_text tar_reason_texts[] = {
    {errc::eio, "the source cannot be read"},
    {errc::enomem, "there is no memory for its index"},
    {errc::ebadmsg, "the archive ends before it does"},
    {errc::ebadmsg, "one zero block with more after it"},
    {errc::ebadmsg, "the header's checksum is wrong"},
    {errc::ebadmsg, "a number is malformed or does not fit"},
    {errc::ebadmsg, "an extended header is malformed"},
    {errc::ebadmsg, "two extended headers give it the same thing"},
    {errc::ebadmsg, "an extended header with no member after it"},
    {errc::ebadmsg, "the map of a sparse file is malformed or does not fit its data"},
    {errc::eopnotsupp, "a kind of member that only a set of several volumes has"},
    {errc::einval, "the name is empty"},
    {errc::einval, "the name is absolute"},
    {errc::einval, "the name has an empty component"},
    {errc::einval, "the name has the component '..'"},
    {errc::einval, "the name has a NUL"},
    {errc::enametoolong, "the name has a component over 255 bytes"},
    {errc::einval, "the name has the component '.wh.', '.wh..' or '.wh...'"},
    {errc::enotdir, "it lies below something that is not a directory"},
    {errc::eloop, "it lies below a symbolic link"},
    {errc::enotdir, "the root is not a directory"},
    {errc::ebadmsg, "a directory with data"},
    {errc::einval, "a symbolic link without a target"},
    {errc::enoent, "a hard link to nothing that came before it"},
    {errc::eperm, "a hard link to a directory"},
    {errc::einval, "a hard link to a name that no member may have"},
    {errc::ebadmsg, "an extended attribute is malformed or larger than 64 KiB"},
    {errc::e2big, "over the limit of objects"},
    {errc::e2big, "over the limit of the index's memory"},
    {errc::e2big, "over the limit of bytes in names"},
    {errc::e2big, "over the limit of an extended header"},
    {errc::e2big, "over the limit of bytes in extended attributes"},
    {errc::e2big, "over the limit of extents in sparse files"},
    {errc::e2big, "over the limit of the files' apparent size"},
};
static_assert(sizeof(tar_reason_texts) / sizeof(tar_reason_texts[0]) ==
              static_cast<unsigned>(tar_reason::over_apparent_bytes) + 1);

}  // namespace detail

// The errno that stands for a reason.
[[nodiscard]] constexpr errc code_of(tar_reason reason) noexcept {
    return detail::tar_reason_texts[static_cast<std::uint8_t>(reason)].code;
}
[[nodiscard]] constexpr std::string_view sentence(tar_reason reason) noexcept {
    return detail::tar_reason_texts[static_cast<std::uint8_t>(reason)].sentence;
}

// `offset` is where the header block of the member begins, or the block that is damaged or missing. `member` is its
// name as the archive has it, unchecked; empty where the damage lies before the name or in it.
struct tar_error {
    error what;
    std::uint64_t offset = 0;
    std::string member;
    tar_reason reason{};

    tar_error(tar_reason r, std::uint64_t at, std::string_view name = {})
        : what(code_of(r), operation::open), offset(at), member(name), reason(r) {}
    // A source that failed, with the error that it gave.
    tar_error(error failed, std::uint64_t at) : what(failed), offset(at), reason(tar_reason::source_failed) {}
    // What a result<void, tar_error> is filled with while it holds no error.
    tar_error(errc code) noexcept : what(code) {}

    operator error() const noexcept { return what; }
    friend bool operator==(tar_error const& a, errc b) noexcept { return a.what.code == b; }
    friend bool operator==(tar_error const& a, tar_reason b) noexcept { return a.reason == b; }
};

// One line for people: "tar: at byte 1536, member 'a/../b': the name has the component '..' (EINVAL)". Control
// characters, quotes and backslashes of the name are written as \ooo, since the name is hostile until it has been
// judged.
[[nodiscard]] inline std::string to_string(tar_error const& e) {
    constexpr std::size_t shown_max = 256;
    std::string text = "tar: at byte " + std::to_string(e.offset);
    if (!e.member.empty()) {
        text += ", member '";
        for (char const c : std::string_view(e.member).substr(0, shown_max)) {
            auto const byte = static_cast<unsigned char>(c);
            if (byte >= 0x20 && byte != 0x7f && c != '\'' && c != '\\') {
                text += c;
                continue;
            }
            text += '\\';
            for (int shift = 6; shift >= 0; shift -= 3)
                text += static_cast<char>('0' + ((byte >> shift) & 7));
        }
        text += e.member.size() > shown_max ? "...'" : "'";
    }
    text.append(": ").append(sentence(e.reason));
    if (auto const known = mnemonic(e.what.code); !known.empty())
        text.append(" (").append(known).append(")");
    return text;
}

}  // namespace lamina
