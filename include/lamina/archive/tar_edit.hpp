// Changes to the tree of an archive while it is built: a record made, or made again for a name that has had one; what
// records have beside themselves; and the limits of what all of it may take. What a member means is decided in
// tar_build.hpp.
//
// A name that a later member takes keeps its record, so that replacing costs no memory. Two things part a name from
// its record: a hard link that still needs the object in it, and the loss of the directory that the name was in,
// after which only the name itself, made again, finds the record.
//
// Concurrency: belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <lamina/archive/tar_array.hpp>
#include <lamina/archive/tar_error.hpp>
#include <lamina/archive/tar_index.hpp>
#include <lamina/archive/tar_pax.hpp>
#include <lamina/core/path.hpp>

namespace lamina::detail {

class tar_editor {
public:
    // The limit that a change would go over; empty for a change that was made.
    using refusal = std::optional<tar_reason>;

    // Requires: `index` is empty and outlives the editor.
    tar_editor(tar_index& index, tar_limits const& limits) noexcept : index_(&index), limits_(limits) {}

    // Before anything else: the root.
    [[nodiscard]] refusal begin() noexcept {
        tar_record root;
        root.set_children(no_tar_record, no_tar_record);
        return index_->slots_.fill(64, {}) && index_->records_.push(root) ? refusal() : tar_reason::out_of_memory;
    }

    [[nodiscard]] tar_index const& index() const noexcept { return *index_; }
    [[nodiscard]] tar_record& record(tar_record_number i) noexcept { return index_->records_[i]; }

    // A name in a directory: the slot of its record, if it ever had one, and the record, if it has one now.
    struct place {
        std::size_t slot = tar_index::no_slot;
        tar_record_number live = no_tar_record;
    };
    [[nodiscard]] place find(tar_record_number directory, name_ref name) const noexcept {
        auto const at = index_->find_slot(directory, name);
        if (at == tar_index::no_slot)
            return {};
        auto const number = index_->slots_[at].record;
        return {at, index_->records_[number].is_nameless ? no_tar_record : number};
    }

    // A record for a name, in the place of what has the name now: an empty directory, attributes all 0.
    // Requires: `known` is what find() tells of this name.
    [[nodiscard]] refusal make(tar_record_number directory, name_ref name, place known, tar_record_number& made) {
        auto const wrong =
            known.slot == tar_index::no_slot ? make_first(directory, name, made) : make_again(known, made);
        if (!wrong)
            record(made).set_children(no_tar_record, no_tar_record);
        return wrong;
    }

    // What most records do without; made so that stat(2) shows what it showed before. Null if there is no memory.
    [[nodiscard]] tar_rare* rare_for(tar_record_number i) noexcept {
        auto& of = record(i);
        if (of.rare == no_tar_record) {
            tar_rare made;
            made.atime = made.ctime = {of.mtime, of.mtime_nanoseconds};
            made.stored = of.size;
            if (!index_->rare_.push(made))
                return nullptr;
            of.rare = static_cast<std::uint32_t>(index_->rare_.size() - 1);
        }
        return &index_->rare_[of.rare];
    }

    // Keeps bytes beside the names, and says where.
    [[nodiscard]] refusal keep_name(std::string_view text, std::uint64_t& at) {
        auto& names = index_->names_;
        auto const most = limits_.name_bytes < addressable ? limits_.name_bytes : addressable;
        if (text.size() > most - names.size())
            return tar_reason::over_name_bytes;
        at = names.size();
        return names.append(text.data(), text.size()) ? refusal() : tar_reason::out_of_memory;
    }

    [[nodiscard]] refusal keep_extents(std::span<sparse_extent const> added, tar_rare& rare) {
        auto& extents = index_->extents_;
        auto const after = extents.size() + added.size();
        if (after > limits_.sparse_extents || after > addressable)
            return tar_reason::over_sparse_extents;
        rare.first_extent = static_cast<std::uint32_t>(extents.size());
        rare.extents = static_cast<std::uint32_t>(added.size());
        if (!extents.append(added.data(), added.size()))
            return tar_reason::out_of_memory;
        rare.stored = 0;
        for (auto const& extent : added)
            rare.stored += extent.length;
        return std::nullopt;
    }

    // The attributes of one object: its own, and the global ones that it does not have itself.
    [[nodiscard]] refusal keep_xattrs(std::span<pax_xattr const> own, std::span<pax_xattr const> global,
                                      tar_rare& rare) {
        rare.first_xattr = static_cast<std::uint32_t>(index_->xattrs_.size());
        rare.xattrs = 0;
        for (auto const& x : own)
            if (auto const over = keep_xattr(x, rare))
                return over;
        for (auto const& x : global) {
            bool overridden = false;
            for (auto const& mine : own)
                overridden = overridden || mine.key == x.key;
            if (!overridden)
                if (auto const over = keep_xattr(x, rare))
                    return over;
        }
        return std::nullopt;
    }

    [[nodiscard]] bool over_memory() const noexcept { return index_->memory_bytes() > limits_.index_bytes; }

    // After the last change: counts the directories in each directory, and gives back what the arrays hold in reserve.
    [[nodiscard]] refusal finish() noexcept {
        auto& records = index_->records_;
        std::size_t live = 0;
        for (tar_record_number i = 1; i < records.size(); ++i) {
            if (records[i].is_nameless)
                continue;
            ++live;
            if (records[i].is_directory())
                ++records[records[i].parent].size;
        }
        if (!resize_slots(live + live / 3 + 1))
            return tar_reason::out_of_memory;
        records.shrink();
        index_->names_.shrink();
        index_->rare_.shrink();
        index_->extents_.shrink();
        index_->xattrs_.shrink();
        index_->xattr_bytes_.shrink();
        return std::nullopt;
    }

private:
    using slot = tar_index::slot;
    static constexpr std::uint64_t addressable = std::numeric_limits<std::uint32_t>::max();

    [[nodiscard]] refusal make_first(tar_record_number directory, name_ref name, tar_record_number& made) {
        auto& slots = index_->slots_;
        if (index_->size() + 1 > slots.size() / 4 * 3 && !resize_slots(slots.size() * 2))
            return tar_reason::out_of_memory;
        auto const hash = tar_index::slot_hash(directory, name);
        std::uint64_t kept = 0;
        if (auto const over = keep_name(name.text, kept))
            return over;
        if (auto const over = append(directory, static_cast<std::uint32_t>(kept), name.text.size(), made))
            return over;
        insert({hash, made});
        return std::nullopt;
    }

    [[nodiscard]] refusal make_again(place known, tar_record_number& made) {
        made = index_->slots_[known.slot].record;
        bool const was_there = known.live != no_tar_record;
        if (was_there && !clear(made))
            return tar_reason::out_of_memory;
        auto const old = record(made);
        if (names_beside_its_own(old) != 0) {
            record(made).is_nameless = true;
            if (auto const over = append(old.parent, old.name, old.name_size, made))
                return over;
            index_->slots_[known.slot].record = made;
            return std::nullopt;
        }
        tar_record fresh;
        fresh.parent = old.parent;
        fresh.name = old.name;
        fresh.name_size = old.name_size;
        fresh.rare = old.rare;
        fresh.next = was_there ? old.next : no_tar_record;
        record(made) = fresh;
        if (old.rare != no_tar_record)
            index_->rare_[old.rare] = {};
        if (!was_there)
            append_child(old.parent, made);  // it left the list when its directory was cleared
        return std::nullopt;
    }

    [[nodiscard]] refusal append(tar_record_number directory, std::uint32_t name, std::size_t name_size,
                                 tar_record_number& made) {
        if (index_->size() > limits_.objects || index_->size() >= no_tar_record)  // the root is not counted
            return tar_reason::over_objects;
        if (index_->memory_bytes() + sizeof(tar_record) > limits_.index_bytes)
            return tar_reason::over_index_bytes;
        made = static_cast<tar_record_number>(index_->size());
        tar_record added;
        added.parent = directory;
        added.name = name;
        added.name_size = static_cast<std::uint8_t>(name_size);
        if (!index_->records_.push(added))
            return tar_reason::out_of_memory;
        append_child(directory, made);
        return std::nullopt;
    }

    void append_child(tar_record_number directory, tar_record_number child) noexcept {
        auto const first = record(directory).first_child();
        if (first == no_tar_record) {
            record(directory).set_children(child, child);
        } else {
            record(record(directory).last_child()).next = child;
            record(directory).set_children(first, child);
        }
    }

    // Takes back what hangs on a record's being what it is: a link's count, everything below a directory. False if
    // there is no memory for the way down.
    [[nodiscard]] bool clear(tar_record_number i) noexcept {
        if (record(i).is_link)
            forget_link(i);
        if (!record(i).is_directory())
            return true;
        tar_array<tar_record_number> directories;
        if (!directories.push(i))
            return false;
        while (!directories.empty()) {
            auto const directory = directories.back();
            directories.pop();
            for (auto child = record(directory).first_child(); child != no_tar_record; child = record(child).next) {
                if (record(child).is_nameless)
                    continue;
                record(child).is_nameless = true;
                if (record(child).is_link)
                    forget_link(child);
                else if (record(child).is_directory() && !directories.push(child))
                    return false;
            }
        }
        return true;
    }

    void forget_link(tar_record_number link) noexcept {
        --index_->rare_[record(index_->object_of(link)).rare].links;  // counting it made the `rare`
    }

    [[nodiscard]] std::uint32_t names_beside_its_own(tar_record const& of) const noexcept {
        auto const* const rare = index_->rare_of(of);
        return rare != nullptr && !of.is_link ? rare->links : 0;
    }

    [[nodiscard]] refusal keep_xattr(pax_xattr const& x, tar_rare& rare) {
        auto& bytes = index_->xattr_bytes_;
        auto const after = bytes.size() + x.key.size() + x.value.size();
        if (after > limits_.xattr_bytes || after > addressable || index_->xattrs_.size() >= addressable)
            return tar_reason::over_xattr_bytes;
        tar_xattr const entry{static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(x.value.size()),
                              static_cast<std::uint8_t>(x.key.size())};
        if (!index_->xattrs_.push(entry) || !bytes.append(x.key.data(), x.key.size()) ||
            !bytes.append(x.value.data(), x.value.size()))
            return tar_reason::out_of_memory;
        ++rare.xattrs;
        return std::nullopt;
    }

    void insert(slot added) noexcept {
        auto& slots = index_->slots_;
        auto at = index_->home_of(added.hash);
        while (slots[at].record != no_tar_record)
            at = at + 1 == slots.size() ? 0 : at + 1;
        slots[at] = added;
    }

    // Moves every slot by the hash that it holds; no name is read. Names that are gone are left out. False if there
    // is no memory.
    [[nodiscard]] bool resize_slots(std::size_t count) noexcept {
        tar_array<slot> old;
        if (!old.fill(count, {}))
            return false;
        std::swap(old, index_->slots_);
        for (std::size_t i = 0; i < old.size(); ++i)
            if (old[i].record != no_tar_record && !record(old[i].record).is_nameless)
                insert(old[i]);
        return true;
    }

    tar_index* index_;
    tar_limits limits_;
};

}  // namespace lamina::detail
