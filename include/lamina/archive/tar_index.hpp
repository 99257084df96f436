// The tree of an archive: one record per name, with all that stat(2) tells, in arrays that are addressed by 32-bit
// numbers. A name costs 56 bytes, its own bytes, and 11 in a table that finds it by directory and name in one probe
// or two; attributes that few members have (access times, extended attributes, maps, further links) lie beside it.
//
// A hard link is a record that names the record of the object; both are then one inode, whose number is the latter's
// position and one. A record whose name was taken away by a later member, while links keep its object, stays without
// a name.
//
// Concurrency: built by one thread (tar_build.hpp), never changed afterwards, read by any number without a lock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include <lamina/archive/tar_array.hpp>
#include <lamina/archive/tar_sparse.hpp>
#include <lamina/core/attributes.hpp>
#include <lamina/core/path.hpp>

namespace lamina::detail {

using tar_record_number = std::uint32_t;
inline constexpr tar_record_number no_tar_record = 0xffffffff;
inline constexpr tar_record_number tar_root = 0;

struct tar_record {
    // regular: where its data begins; symlink: where in the names its target begins; device: major << 32 | minor;
    // hard link: the object's record; directory: first child | last child << 32.
    std::uint64_t place = 0;
    std::uint64_t size = 0;  // regular: bytes; symlink: of the target; directory: how many directories are in it
    std::int64_t mtime = 0;
    std::uint32_t mtime_nanoseconds = 0;
    user_id uid = 0;
    group_id gid = 0;
    tar_record_number parent = tar_root;
    tar_record_number next = no_tar_record;  // in the same directory
    std::uint32_t name = 0;                  // where in the names it begins
    std::uint32_t rare = no_tar_record;
    std::uint16_t mode = 0;
    std::uint8_t name_size = 0;
    file_type type : 4 = file_type::directory;
    bool is_link : 1 = false;
    bool is_nameless : 1 = false;

    [[nodiscard]] bool is_directory() const noexcept { return type == file_type::directory && !is_link; }
    [[nodiscard]] tar_record_number first_child() const noexcept { return static_cast<tar_record_number>(place); }
    [[nodiscard]] tar_record_number last_child() const noexcept { return static_cast<tar_record_number>(place >> 32); }
    void set_children(tar_record_number first, tar_record_number last) noexcept {
        place = std::uint64_t{last} << 32 | first;
    }
};
static_assert(sizeof(tar_record) == 56);

struct tar_rare {
    timestamp atime, ctime;
    std::uint64_t stored = 0;  // bytes of a sparse file that are not holes
    std::uint32_t links = 0;   // names beside the record's own
    std::uint32_t first_xattr = 0, xattrs = 0;
    std::uint32_t first_extent = 0, extents = 0;
};

// A key and, directly behind it, its value.
struct tar_xattr {
    std::uint32_t at;
    std::uint32_t value_size;
    std::uint8_t key_size;
};

class tar_index {
public:
    [[nodiscard]] tar_record const& operator[](tar_record_number i) const noexcept { return records_[i]; }

    // The live record of `name` in `directory`, which may be a hard link; no_tar_record if there is none.
    [[nodiscard]] tar_record_number find(tar_record_number directory, name_ref name) const noexcept {
        auto const at = find_slot(directory, name);
        if (at == no_slot || records_[slots_[at].record].is_nameless)
            return no_tar_record;
        return slots_[at].record;
    }

    // What a record stands for: itself, unless it is a hard link.
    [[nodiscard]] tar_record_number object_of(tar_record_number i) const noexcept {
        return records_[i].is_link ? static_cast<tar_record_number>(records_[i].place) : i;
    }

    [[nodiscard]] std::string_view name_of(tar_record const& record) const noexcept {
        return {names_.data() + record.name, record.name_size};
    }

    // The rest takes objects, not hard links.
    [[nodiscard]] std::string_view target_of(tar_record const& symlink) const noexcept {
        return {names_.data() + symlink.place, static_cast<std::size_t>(symlink.size)};
    }
    // Null for nearly all.
    [[nodiscard]] tar_rare const* rare_of(tar_record const& record) const noexcept {
        return record.rare == no_tar_record ? nullptr : &rare_[record.rare];
    }
    // Empty for a file without holes.
    [[nodiscard]] std::span<sparse_extent const> extents_of(tar_rare const& rare) const noexcept {
        return extents_.part(rare.first_extent, rare.extents);
    }
    [[nodiscard]] std::span<tar_xattr const> xattrs_of(tar_record const& record) const noexcept {
        auto const* const rare = rare_of(record);
        if (rare == nullptr)
            return {};
        return xattrs_.part(rare->first_xattr, rare->xattrs);
    }
    [[nodiscard]] std::string_view key_of(tar_xattr const& x) const noexcept {
        return {xattr_bytes_.data() + x.at, x.key_size};
    }
    [[nodiscard]] std::string_view value_of(tar_xattr const& x) const noexcept {
        return {xattr_bytes_.data() + x.at + x.key_size, x.value_size};
    }

    // A file that is all hole has a map too, an empty one: the difference between it and a file without a map is
    // `stored`.
    [[nodiscard]] static bool is_sparse(tar_record const& record, tar_rare const* rare) noexcept {
        return rare != nullptr && record.type == file_type::regular && rare->stored != record.size;
    }

    [[nodiscard]] attributes attributes_of(tar_record_number i, std::uint64_t device) const noexcept {
        auto const& record = records_[i];
        auto const* const rare = rare_of(record);
        attributes a;
        a.type = record.type;
        a.mode = record.mode;
        a.uid = record.uid;
        a.gid = record.gid;
        a.id = {device, inode_of(i)};
        a.mtime = {record.mtime, record.mtime_nanoseconds};
        a.atime = rare != nullptr ? rare->atime : a.mtime;
        a.ctime = rare != nullptr ? rare->ctime : a.mtime;
        a.nlink = std::uint64_t{record.is_nameless ? 0u : 1u} + (rare != nullptr ? rare->links : 0u);
        switch (record.type) {
        case file_type::directory:
            a.nlink = 2 + record.size;
            break;
        case file_type::regular:
            a.size = record.size;
            a.blocks = blocks(is_sparse(record, rare) ? rare->stored : record.size);
            break;
        case file_type::symlink:
            a.size = record.size;
            break;
        case file_type::character:
        case file_type::block:
            a.rdev = {static_cast<std::uint32_t>(record.place >> 32), static_cast<std::uint32_t>(record.place)};
            break;
        default:
            break;
        }
        return a;
    }

    [[nodiscard]] static std::uint64_t inode_of(tar_record_number object) noexcept { return std::uint64_t{object} + 1; }

    // Differs for any two archives whose trees differ in more than attributes that few members have, but for a chance of
    // one in 2^64 or so; the same each time the same archive is read. Not for use against those who want two to be equal.
    [[nodiscard]] std::array<std::uint64_t, 2> fingerprint() const noexcept {
        std::array<std::uint64_t, 2> sum{0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};
        auto const take = [&sum](std::uint64_t word) {
            for (auto& half : sum) {
                half = (half ^ word) * 0xff51afd7ed558ccd;
                half ^= half >> 32;
                word = word << 29 | word >> 35;  // so that the halves tell of different things
            }
        };
        for (tar_record_number i = 0; i != records_.size(); ++i) {
            auto const& record = records_[i];
            take(record.place);
            take(record.size);
            take(static_cast<std::uint64_t>(record.mtime));
            take(std::uint64_t{record.mtime_nanoseconds} << 32 | record.parent);
            take(std::uint64_t{record.uid} << 32 | record.gid);
            take(std::uint64_t{record.mode} << 8 | static_cast<std::uint64_t>(record.type) << 1 | record.is_link);
            for (char const c : name_of(record))
                take(static_cast<unsigned char>(c));
        }
        return sum;
    }

    // Records, those without a name included.
    [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }
    // Memory in use; what vectors hold in reserve while the index is built is not counted.
    [[nodiscard]] std::uint64_t memory_bytes() const noexcept {
        return records_.size() * sizeof(tar_record) + slots_.size() * sizeof(slot) + names_.size() +
               rare_.size() * sizeof(tar_rare) + extents_.size() * sizeof(sparse_extent) +
               xattrs_.size() * sizeof(tar_xattr) + xattr_bytes_.size();
    }

private:
    friend class tar_editor;

    struct slot {
        std::uint32_t hash = 0;
        tar_record_number record = no_tar_record;
    };
    static constexpr std::size_t no_slot = std::numeric_limits<std::size_t>::max();

    [[nodiscard]] static std::uint64_t blocks(std::uint64_t bytes) noexcept { return bytes / 512 + (bytes % 512 != 0); }

    [[nodiscard]] static std::uint32_t slot_hash(tar_record_number directory, name_ref name) noexcept {
        return static_cast<std::uint32_t>(mix(std::uint64_t{directory} << 32 | name.hash, 0x9e3779b97f4a7c15ULL) >> 32);
    }
    // Any number of slots will do, which saves the half-empty table of a power of two.
    [[nodiscard]] std::size_t home_of(std::uint32_t hash) const noexcept {
        return static_cast<std::size_t>(std::uint64_t{hash} * slots_.size() >> 32);
    }
    // Requires: a slot is empty.
    [[nodiscard]] std::size_t find_slot(tar_record_number directory, name_ref name) const noexcept {
        auto const hash = slot_hash(directory, name);
        for (auto at = home_of(hash);; at = at + 1 == slots_.size() ? 0 : at + 1) {
            auto const& s = slots_[at];
            if (s.record == no_tar_record)
                return no_slot;
            if (s.hash != hash)
                continue;
            auto const& record = records_[s.record];
            if (record.parent == directory && name_of(record) == name.text)
                return at;
        }
    }

    tar_array<tar_record> records_;
    tar_array<slot> slots_;
    tar_array<char> names_;
    tar_array<tar_rare> rare_;
    tar_array<sparse_extent> extents_;
    tar_array<tar_xattr> xattrs_;
    tar_array<char> xattr_bytes_;
};

}  // namespace lamina::detail
