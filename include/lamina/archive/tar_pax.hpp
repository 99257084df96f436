// The records of a pax extended header: "LENGTH KEYWORD=VALUE\n", values of any bytes. What they give to a member:
// its name, link target, size, owner and times, extended attributes (as star and GNU tar, and as libarchive write
// them), and the map of a sparse file (GNU, 0.0 and 0.1, and what announces 1.0).
//
// Not read, because a backend has no place for it: names of users and groups, comments, character sets (names are
// bytes), ACLs as text, SELinux labels outside SCHILY.xattr. A keyword that is none of these is no error: that is how
// pax grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/archive/pax_text.hpp>
#include <lamina/archive/tar_error.hpp>
#include <lamina/archive/tar_sparse.hpp>
#include <lamina/core/attributes.hpp>
#include <lamina/core/xattr.hpp>

namespace lamina::detail {

// A record with an empty value takes back what a global header said: the header block decides again.
template <class T>
class pax_value {
public:
    void give(T value) { *this = {std::move(value), state::given}; }
    void erase() { *this = {T{}, state::erased}; }
    [[nodiscard]] bool given() const noexcept { return state_ == state::given; }
    // Requires: given().
    [[nodiscard]] T const& operator*() const noexcept { return value_; }
    // The member's own word, else the global one; null if the header block decides.
    [[nodiscard]] static T const* of(pax_value const& own, pax_value const& global) noexcept {
        auto const& decides = own.state_ == state::absent ? global : own;
        return decides.given() ? &decides.value_ : nullptr;
    }

    pax_value() = default;

private:
    enum class state : std::uint8_t { absent, erased, given };
    pax_value(T value, state s) : value_(std::move(value)), state_(s) {}
    T value_{};
    state state_ = state::absent;
};

struct pax_xattr {
    std::string key;
    std::string value;
};

// What the GNU.sparse.* records of one member say, not yet compared with its data.
struct pax_sparse {
    std::optional<std::int64_t> major, minor;
    std::optional<std::int64_t> real_size;
    std::optional<std::int64_t> entries;         // 0.0 and 0.1
    std::string_view name;                       // 0.1 and 1.0: `path` is then an invented one
    std::optional<std::string_view> map;         // 0.1: "offset,length,..."
    std::vector<sparse_range> ranges;            // 0.0: one record per number
    std::optional<std::int64_t> pending_offset;  // 0.0: its length comes next

    [[nodiscard]] bool announced() const noexcept { return real_size || entries || major; }
    [[nodiscard]] bool map_is_in_the_data() const noexcept { return major == 1 && minor == 0; }
};

// What one extended header, or all global ones so far, say. Views point into the bytes that were read.
class pax_records {
public:
    pax_value<std::string_view> path, link_path;
    pax_value<std::uint64_t> size;
    pax_value<std::uint32_t> uid, gid;
    pax_value<timestamp> mtime, atime, ctime;
    std::vector<pax_xattr> xattrs;
    pax_sparse sparse;

    // Reads the records of one header into what is known already: a later record of one keyword wins. Of a global
    // header only owner, times and attributes are taken; a name or a size for all members alike is refused. Returns
    // what is wrong, if anything is.
    [[nodiscard]] std::optional<tar_reason> read(std::string_view bytes, bool global, tar_limits const& limits) {
        while (!bytes.empty()) {
            auto const space = bytes.substr(0, 20).find(' ');
            if (space == std::string_view::npos)
                return tar_reason::bad_extended_header;
            auto const length = parse_decimal(bytes.substr(0, space));
            if (!length || *length < 0 || static_cast<std::uint64_t>(*length) > bytes.size() ||
                static_cast<std::uint64_t>(*length) < space + 2)
                return tar_reason::bad_extended_header;
            auto record = bytes.substr(space + 1, static_cast<std::size_t>(*length) - space - 1);
            bytes.remove_prefix(static_cast<std::size_t>(*length));
            if (record.back() != '\n')
                return tar_reason::bad_extended_header;
            record.remove_suffix(1);
            auto const equals = record.find('=');
            auto const keyword = record.substr(0, equals);
            if (equals == std::string_view::npos || keyword.empty() || keyword.find('\0') != std::string_view::npos)
                return tar_reason::bad_extended_header;
            if (auto const wrong = take(keyword, record.substr(equals + 1), global, limits))
                return wrong;
        }
        return std::nullopt;
    }

private:
    using outcome = std::optional<tar_reason>;

    outcome take(std::string_view keyword, std::string_view value, bool global, tar_limits const& limits) {
        constexpr std::string_view schily = "SCHILY.xattr.";
        constexpr std::string_view libarchive = "LIBARCHIVE.xattr.";
        constexpr std::string_view gnu_sparse = "GNU.sparse.";
        // Files have far more often times than anything else here.
        if (keyword == "mtime")
            return take_time(mtime, value);
        if (keyword == "atime")
            return take_time(atime, value);
        if (keyword == "ctime")
            return take_time(ctime, value);
        if (keyword == "uid")
            return take_owner(uid, value);
        if (keyword == "gid")
            return take_owner(gid, value);
        // GNU tar writes '=' and '%' in a key as %3D and %25, because the keyword ends at the first '='.
        if (keyword.starts_with(schily))
            return take_xattr(decode_percent(keyword.substr(schily.size()), true), std::string(value), limits);
        if (keyword.starts_with(libarchive)) {
            auto decoded = decode_base64(value);
            if (!decoded)
                return tar_reason::bad_xattr;
            return take_xattr(decode_percent(keyword.substr(libarchive.size()), false), *std::move(decoded), limits);
        }
        bool const of_one_member = keyword == "path" || keyword == "linkpath" || keyword == "size";
        if (!of_one_member && !keyword.starts_with(gnu_sparse))
            return std::nullopt;
        if (global)
            return tar_reason::bad_extended_header;
        if (keyword == "path")
            return take_name(path, value);
        if (keyword == "linkpath")
            return take_name(link_path, value);
        if (keyword == "size")
            return take_size(value);
        return take_sparse(keyword.substr(gnu_sparse.size()), value, limits);
    }

    static outcome take_time(pax_value<timestamp>& to, std::string_view value) {
        if (value.empty()) {
            to.erase();
            return std::nullopt;
        }
        auto const time = parse_pax_time(value);
        if (!time)
            return tar_reason::bad_number;
        to.give(*time);
        return std::nullopt;
    }
    static outcome take_owner(pax_value<std::uint32_t>& to, std::string_view value) {
        if (value.empty()) {
            to.erase();
            return std::nullopt;
        }
        auto const id = parse_decimal(value);
        if (!id || *id < 0 || *id >= std::int64_t{keep_user})
            return tar_reason::bad_number;
        to.give(static_cast<std::uint32_t>(*id));
        return std::nullopt;
    }
    static outcome take_name(pax_value<std::string_view>& to, std::string_view value) {
        if (value.empty())
            to.erase();
        else
            to.give(value);
        return std::nullopt;
    }
    outcome take_size(std::string_view value) {
        if (value.empty()) {
            size.erase();
            return std::nullopt;
        }
        auto const bytes = parse_decimal(value);
        if (!bytes || *bytes < 0)
            return tar_reason::bad_number;
        size.give(static_cast<std::uint64_t>(*bytes));
        return std::nullopt;
    }

    // A key that no file of this system can have (macOS knows some without a namespace) is left out: nobody could ask
    // for it.
    outcome take_xattr(std::string key, std::string value, tar_limits const& limits) {
        if (key.empty() || value.size() > xattr_size_max)
            return tar_reason::bad_xattr;
        if (!xattr::is_valid(key))
            return std::nullopt;
        // Each counts for more than its bytes, which bounds their number and with it the search for a double.
        constexpr std::uint64_t overhead = 64;
        xattr_bytes_ += key.size() + value.size() + overhead;
        if (xattr_bytes_ > limits.member_xattr_bytes)
            return tar_reason::over_xattr_bytes;
        // libarchive writes each attribute in both spellings.
        for (auto& known : xattrs)
            if (known.key == key) {
                known.value = std::move(value);
                return std::nullopt;
            }
        xattrs.push_back({std::move(key), std::move(value)});
        return std::nullopt;
    }

    outcome take_sparse(std::string_view keyword, std::string_view value, tar_limits const& limits) {
        if (keyword == "name") {
            sparse.name = value;
            return std::nullopt;
        }
        if (keyword == "map") {
            sparse.map = value;
            return std::nullopt;
        }
        auto const number = parse_decimal(value);
        if (!number || *number < 0)
            return tar_reason::bad_sparse_map;
        if (keyword == "major")
            sparse.major = number;
        else if (keyword == "minor")
            sparse.minor = number;
        else if (keyword == "size" || keyword == "realsize")
            sparse.real_size = number;
        else if (keyword == "numblocks")
            sparse.entries = number;
        else if (keyword == "offset" && !sparse.pending_offset)
            sparse.pending_offset = number;
        else if (keyword == "numbytes" && sparse.pending_offset) {
            if (sparse.ranges.size() >= limits.sparse_extents)
                return tar_reason::over_sparse_extents;
            sparse.ranges.push_back(
                {static_cast<std::uint64_t>(*sparse.pending_offset), static_cast<std::uint64_t>(*number)});
            sparse.pending_offset.reset();
        } else {
            return tar_reason::bad_sparse_map;
        }
        return std::nullopt;
    }

    std::uint64_t xattr_bytes_ = 0;
};

}  // namespace lamina::detail
