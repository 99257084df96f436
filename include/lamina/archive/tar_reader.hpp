// The members of an archive, one after another, in one pass: header blocks, and the extended headers before them put
// together into one description each. What a name means for the tree is not judged here (tar_build.hpp does).
//
// Order, for each member: pax and GNU extended headers, until a header block of the member itself; its type and how
// much data it claims, compared with what the source holds, before anything is believed that could cost memory; then
// name, owner, times; last the map of a sparse file (tar_sparse_reader.hpp).
//
// Decided here:
// - The end is two zero blocks, and whatever comes after them is ignored; or the end of the source where a header
//   would begin, or after one zero block there. One zero block with more after it is damage: GNU tar stops there and
//   loses the rest.
// - A type that nobody defined is a regular file, as POSIX says. A name with a slash at its end makes a regular file
//   a directory, as in v7; if it has data, it is refused, because readers do not agree on where the next header is.
// - Links, devices, directories and fifos have no data, whatever their size says.
// - Two extended headers that would both name a member are refused: readers do not agree on which one counts.
// - GNU's incremental dumps are read as directories, volume labels are skipped, members continued from another volume
//   refused.
//
// Concurrency: belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <lamina/archive/tar_error.hpp>
#include <lamina/archive/tar_header.hpp>
#include <lamina/archive/tar_pax.hpp>
#include <lamina/archive/tar_sparse.hpp>
#include <lamina/archive/tar_sparse_reader.hpp>
#include <lamina/archive/tar_window.hpp>
#include <lamina/core/attributes.hpp>
#include <lamina/core/result.hpp>

namespace lamina::detail {

// One member. The views are valid until the next one is read.
struct tar_member {
    std::uint64_t offset = 0;  // of its header block
    std::string_view name;     // as the archive has it
    std::string_view link;     // target of a symbolic or hard link
    file_type type = file_type::unknown;
    bool is_hard_link = false;  // then type is unknown
    bool is_sparse = false;
    mode_bits mode = 0;
    user_id uid = 0;
    group_id gid = 0;
    device_number device;
    timestamp mtime;
    std::optional<timestamp> atime, ctime;
    std::uint64_t size = 0;  // of a regular file, holes included
    std::uint64_t data = 0;  // where its bytes begin, unless it is sparse
    std::span<sparse_extent const> extents;
    std::span<pax_xattr const> xattrs, global_xattrs;  // a key in both has its own value
};

// See tar_window for `Source`.
template <class Source>
class tar_reader {
public:
    // Requires: the source outlives the reader.
    tar_reader(Source const& source, std::uint64_t size, tar_limits const& limits)
        : window_(source, size), limits_(limits), sparse_(limits) {}

    // The next member into `member`; false at the end of the archive, and then nothing is changed.
    [[nodiscard]] result<bool, tar_error> next(tar_member& member) {
        if (has_records_)
            own_ = {};
        has_records_ = false;
        long_name_.reset();
        long_link_.reset();
        for (;;) {
            LAMINA_TRY(bool const more, at_header());
            if (!more) {
                if (has_records_ || long_name_ || long_link_)
                    return fail_at(tar_reason::dangling_header, position_);
                return false;
            }
            LAMINA_TRY(char const* const block, window_.block(position_));
            tar_header const header(block);
            if (!header.checksum_holds())
                return fail_at(tar_reason::bad_checksum, position_);
            switch (header.type()) {
            case 'x':
            case 'X':  // Solaris, before POSIX took over its format
                if (has_records_)
                    return fail_at(tar_reason::doubled_header, position_);
                LAMINA_CHECK(read_records(header, own_, own_text_, false));
                has_records_ = true;
                break;
            case 'g':
                LAMINA_CHECK(read_records(header, global_, global_text_, true));
                break;
            case 'L':
                LAMINA_CHECK(read_long(header, long_name_));
                break;
            case 'K':
                LAMINA_CHECK(read_long(header, long_link_));
                break;
            case 'V': {
                LAMINA_TRY(auto const size, data_size(header));
                position_ += tar_block_size + size;
                break;
            }
            case 'M':
            case 'N':
                return fail_at(tar_reason::unsupported_member, position_);
            default:
                LAMINA_CHECK(read_member(header, member));
                return true;
            }
        }
    }

private:
    using status = result<void, tar_error>;

    [[nodiscard]] static unexpected<tar_error> fail_at(tar_reason reason, std::uint64_t offset,
                                                       std::string_view name = {}) {
        return unexpected(tar_error(reason, offset, name));
    }
    [[nodiscard]] unexpected<tar_error> fail_member(tar_reason reason) const {
        return fail_at(reason, position_, name_);
    }

    [[nodiscard]] status naming_member(status outcome) const {
        if (outcome)
            return {};
        auto failed = std::move(outcome).error();
        failed.member = name_;
        return unexpected(std::move(failed));
    }

    // Whether a header block stands at the position; false at the archive's end.
    [[nodiscard]] result<bool, tar_error> at_header() {
        if (position_ == window_.size())
            return false;
        LAMINA_TRY(char const* const block, window_.block(position_));
        if (!tar_header(block).is_zero())
            return true;
        auto const second = position_ + tar_block_size;
        if (second == window_.size())
            return false;
        LAMINA_TRY(char const* const after, window_.block(second));
        if (!tar_header(after).is_zero())
            return fail_at(tar_reason::lone_zero_block, position_);
        return false;
    }

    // How many bytes of whole blocks follow the header of anything but a member.
    [[nodiscard]] result<std::uint64_t, tar_error> data_size(tar_header const& header) const {
        auto const size = header.number(tar_fields::size);
        if (!size || *size < 0)
            return fail_at(tar_reason::bad_number, position_);
        if (!window_.holds(position_ + tar_block_size, static_cast<std::uint64_t>(*size)))
            return fail_at(tar_reason::truncated, position_);
        return *tar_padded(static_cast<std::uint64_t>(*size));
    }

    // The data of an extended header into `text`.
    [[nodiscard]] status read_text(tar_header const& header, std::string& text) {
        auto const size = header.number(tar_fields::size);
        LAMINA_TRY(auto const padded, data_size(header));
        if (static_cast<std::uint64_t>(*size) > limits_.extended_header_bytes)
            return fail_at(tar_reason::over_extended_header_bytes, position_);
        auto const count = static_cast<std::size_t>(*size);
        auto const data = position_ + tar_block_size;
        // One that lies in the window, as nearly all do, costs no read of its own.
        if (count <= tar_block_size && count != 0) {
            LAMINA_TRY(char const* const block, window_.block(data));
            text.assign(block, count);
        } else {
            text.resize(count);
            LAMINA_CHECK(window_.read({reinterpret_cast<std::byte*>(text.data()), count}, data));
        }
        position_ = data + padded;
        return {};
    }

    [[nodiscard]] status read_records(tar_header const& header, pax_records& records, std::string& text, bool global) {
        auto const at = position_;
        LAMINA_CHECK(read_text(header, text));
        if (auto const wrong = records.read(text, global, limits_))
            return fail_at(*wrong, at);
        return {};
    }

    [[nodiscard]] status read_long(tar_header const& header, std::optional<std::string>& name) {
        if (name)
            return fail_at(tar_reason::doubled_header, position_);
        LAMINA_CHECK(read_text(header, name.emplace()));
        while (name->ends_with('\0'))
            name->pop_back();
        return {};
    }

    [[nodiscard]] status read_member(tar_header const& header, tar_member& member) {
        member = {};
        member.offset = position_;
        LAMINA_CHECK(take_name(header));
        member.name = name_;
        auto const kind = header.type();
        member.type = type_of(kind);
        member.is_hard_link = kind == '1';

        auto const* const pax_size = pax_value<std::uint64_t>::of(own_.size, global_.size);
        std::optional<std::uint64_t> stored;
        if (pax_size != nullptr)
            stored = *pax_size;
        else if (auto const size = header.number(tar_fields::size); size && *size >= 0)
            stored = static_cast<std::uint64_t>(*size);
        // Whatever it says for these, nothing follows; old writers gave a link the size of what it leads to.
        if (kind >= '1' && kind <= '6')
            stored = 0;
        if (!stored)
            return fail_member(tar_reason::bad_number);

        LAMINA_CHECK(take_attributes(header, member));
        bool const gnu_sparse = kind == 'S';
        if (member.type == file_type::regular && names_a_directory(name_)) {
            if (*stored != 0 || gnu_sparse || own_.sparse.announced())
                return fail_member(tar_reason::directory_with_data);
            member.type = file_type::directory;
        }
        if (own_.sparse.announced() && (member.type != file_type::regular || gnu_sparse))
            return fail_member(tar_reason::bad_sparse_map);

        member.size = *stored;
        member.data = position_ + tar_block_size;
        if (gnu_sparse) {
            LAMINA_CHECK(naming_member(sparse_.read_gnu(window_, header, position_)));
            member.data = sparse_.data();
        }
        if (!window_.holds(member.data, *stored))
            return fail_member(tar_reason::truncated);
        auto const next_header = member.data + *tar_padded(*stored);
        if (own_.sparse.announced())
            LAMINA_CHECK(naming_member(sparse_.read_pax(window_, own_.sparse, position_, member.data, *stored)));
        if (gnu_sparse || own_.sparse.announced()) {
            LAMINA_CHECK(naming_member(sparse_.lay_out(member.data + *stored, position_)));
            member.size = sparse_.file_size();
            member.data = sparse_.data();
            member.extents = sparse_.extents();
            member.is_sparse = !sparse_.is_whole();
        }

        if (member.type != file_type::regular)
            member.size = 0;
        if (member.size > limits_.apparent_bytes - apparent_bytes_)
            return fail_member(tar_reason::over_apparent_bytes);
        apparent_bytes_ += member.size;
        position_ = next_header;
        return {};
    }

    [[nodiscard]] static file_type type_of(char kind) noexcept {
        switch (kind) {
        case '1':
            return file_type::unknown;
        case '2':
            return file_type::symlink;
        case '3':
            return file_type::character;
        case '4':
            return file_type::block;
        case '5':
        case 'D':
            return file_type::directory;
        case '6':
            return file_type::fifo;
        default:
            return file_type::regular;
        }
    }

    [[nodiscard]] static bool names_a_directory(std::string_view name) noexcept {
        return name.ends_with('/') || name == "." || name.ends_with("/.");
    }

    [[nodiscard]] status take_name(tar_header const& header) {
        auto const& sparse_name = own_.sparse.name;
        bool const has_sparse_name = own_.sparse.announced() && !sparse_name.empty();
        if (has_sparse_name)
            name_.assign(sparse_name);
        else if (own_.path.given())
            name_.assign(*own_.path);
        else if (!long_name_)
            header.name_into(name_);
        if (long_name_) {
            if (has_sparse_name || own_.path.given())
                return fail_member(tar_reason::doubled_header);
            name_.assign(*long_name_);
        }
        if (own_.link_path.given() && long_link_)
            return fail_member(tar_reason::doubled_header);
        return {};
    }

    [[nodiscard]] status take_attributes(tar_header const& header, tar_member& member) {
        auto const mode = header.number(tar_fields::mode);
        auto const uid = owner(header, tar_fields::uid, own_.uid, global_.uid);
        auto const gid = owner(header, tar_fields::gid, own_.gid, global_.gid);
        auto const* const pax_mtime = pax_value<timestamp>::of(own_.mtime, global_.mtime);
        auto const mtime = pax_mtime != nullptr ? std::optional<std::int64_t>(0) : header.number(tar_fields::mtime);
        if (!mode || !uid || !gid || !mtime)
            return fail_member(tar_reason::bad_number);
        member.mode = static_cast<mode_bits>(*mode) & 07777;
        member.uid = *uid;
        member.gid = *gid;
        member.mtime = pax_mtime != nullptr ? *pax_mtime : timestamp{*mtime, 0};
        if (auto const* const atime = pax_value<timestamp>::of(own_.atime, global_.atime))
            member.atime = *atime;
        if (auto const* const ctime = pax_value<timestamp>::of(own_.ctime, global_.ctime))
            member.ctime = *ctime;
        member.xattrs = own_.xattrs;
        member.global_xattrs = global_.xattrs;

        if (member.is_hard_link || member.type == file_type::symlink) {
            if (own_.link_path.given())
                link_.assign(*own_.link_path);
            else if (long_link_)
                link_.assign(*long_link_);
            else
                link_.assign(header.text(tar_fields::link));
            member.link = link_;
        }
        if (member.type == file_type::character || member.type == file_type::block) {
            auto const major = id(header.number(tar_fields::device_major));
            auto const minor = id(header.number(tar_fields::device_minor));
            if (!major || !minor)
                return fail_member(tar_reason::bad_number);
            member.device = {*major, *minor};
        }
        return {};
    }

    [[nodiscard]] static std::optional<std::uint32_t> id(std::optional<std::int64_t> number) noexcept {
        // 0xffffffff is nobody: chown(2) takes it for "as it is".
        if (!number || *number < 0 || *number >= std::int64_t{keep_user})
            return std::nullopt;
        return static_cast<std::uint32_t>(*number);
    }
    [[nodiscard]] static std::optional<std::uint32_t> owner(tar_header const& header, tar_field field,
                                                            pax_value<std::uint32_t> const& own,
                                                            pax_value<std::uint32_t> const& global) noexcept {
        if (auto const* const given = pax_value<std::uint32_t>::of(own, global))
            return *given;
        return id(header.number(field));
    }

    tar_window<Source> window_;
    tar_limits limits_;
    std::uint64_t position_ = 0;  // where the next header begins
    std::uint64_t apparent_bytes_ = 0;
    pax_records own_, global_;
    bool has_records_ = false;
    std::string own_text_, global_text_;
    std::optional<std::string> long_name_, long_link_;
    std::string name_, link_;
    tar_sparse_reader<Source> sparse_;
};

}  // namespace lamina::detail
