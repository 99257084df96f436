// What was done to a disk, change by change and flush by flush, and what a power loss may leave of it.
//
// A change is one effect of one primitive on one object. It is sure once a flush has covered it, and until then it may
// be lost. Which of the changes that are not sure can be lost without the others is what file systems differ in:
//
//   journal   ext4, xfs. Metadata is kept as a prefix of what was done, whole primitives at a time. To flush a file
//             or a directory makes sure every change of metadata up to the last one that touched it, its name included.
//   weak      No order among primitives; each is kept or lost for itself. To flush a file makes sure its data, size,
//             attributes and extended attributes, but not its name; to flush a directory, its attributes and the names
//             in it.
//   torn      As weak, and a rename between two directories is two changes: either name is kept or lost for itself.
//
// With all of them data is kept or lost block by block, in any subset, until its file is flushed; the size that a
// write has given the file for itself; data that is lost reads as zeros, or as what was there. A flush of data only
// makes sure data and size. What has no descriptor, as a symbolic link or a device, cannot be flushed by itself: its
// attributes are sure after a flush of everything, or of something that a journal has behind them.
//
// The initial attributes of an object are there with its name. Times that the file system sets by itself are not
// followed, those that a caller sets are.
//
// Concurrency: values, none of their own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <lamina/backend/adapt/disk_image.hpp>

namespace lamina {

enum class disk_order : std::uint8_t { journal, weak, torn };

// A name of a directory means another object, or none.
struct name_changed {
    object_number object;  // the directory
    std::string name;
    object_number now;
    object_number before;
};
// What is empty stays as it is.
struct attributes_changed {
    object_number object;
    std::optional<mode_bits> mode{};
    std::optional<user_id> uid{};
    std::optional<group_id> gid{};
    std::optional<timestamp> atime{}, mtime{};
};
struct xattr_changed {
    object_number object;
    std::string key;
    std::optional<std::string> value;  // empty: removed
};
struct size_changed {
    object_number object;
    std::uint64_t size;
};
// All data of a file at once, as a clone gives it: metadata to the file system.
struct content_changed {
    object_number object;
    disk_object content;
};
// By a write past the end.
struct file_grew {
    object_number object;
    std::uint64_t size;
};
// Within one block.
struct block_written {
    object_number object;
    std::uint64_t offset;
    std::string bytes;
};
using disk_change = std::variant<name_changed, attributes_changed, xattr_changed, size_changed, content_changed,
                                 file_grew, block_written>;

inline void make_change(disk_change const& change, disk_image& image) {
    std::visit(
        [&]<class C>(C const& c) {
            disk_object& object = image.objects[c.object];
            if constexpr (std::is_same_v<C, name_changed>) {
                if (c.now == no_object)
                    object.names.erase(c.name);
                else
                    object.names.insert_or_assign(c.name, c.now);
            } else if constexpr (std::is_same_v<C, attributes_changed>) {
                object.mode = c.mode.value_or(object.mode);
                object.uid = c.uid.value_or(object.uid);
                object.gid = c.gid.value_or(object.gid);
                object.atime = c.atime.value_or(object.atime);
                object.mtime = c.mtime.value_or(object.mtime);
            } else if constexpr (std::is_same_v<C, xattr_changed>) {
                if (c.value)
                    object.xattrs.insert_or_assign(c.key, *c.value);
                else
                    object.xattrs.erase(c.key);
            } else if constexpr (std::is_same_v<C, size_changed>) {
                object.resize(c.size);
            } else if constexpr (std::is_same_v<C, content_changed>) {
                object.blocks = c.content.blocks;
                object.size = c.content.size;
            } else if constexpr (std::is_same_v<C, file_grew>) {
                object.size = std::max(object.size, c.size);
            } else {
                object.write(c.offset, c.bytes);
            }
        },
        change);
}

enum class flush_scope : std::uint8_t { data, everything, names, all };

struct disk_flush {
    flush_scope scope;
    object_number object = no_object;  // the file, or the directory of `names`
};

// How many states are tried where there are many. Deterministic: the same history gives the same states.
struct loss_limits {
    std::size_t exhaustive_up_to = 8;  // this many changes that can be lost for themselves: all subsets
    std::size_t samples = 64;          // else so many random subsets, beside the regular ones
};

class disk_history {
public:
    explicit disk_history(disk_image before) : base_(std::move(before)), latest_(base_) {}

    // The disk before everything that is recorded, and after it if nothing is lost.
    [[nodiscard]] disk_image const& base() const noexcept { return base_; }
    [[nodiscard]] disk_image const& latest() const noexcept { return latest_; }
    // A point in the history is the number of records before it.
    [[nodiscard]] std::size_t now() const noexcept { return records_.size(); }

    void knows(object_number number, disk_object object) {
        base_.objects.insert_or_assign(number, object);
        latest_.objects.insert_or_assign(number, std::move(object));
    }
    // The changes of one primitive are given the same `step`.
    void add(std::uint64_t step, disk_change change) {
        make_change(change, latest_);
        records_.push_back({step, std::move(change)});
    }
    void add(disk_flush flush) { records_.push_back({0, std::move(flush)}); }
    // Everything so far is sure, and forgotten.
    void begin_anew() {
        base_ = latest_;
        records_.clear();
    }

    // Calls `visit(disk_image const&, std::size_t point)` for what a power loss between the points `first` and `last`
    // may leave, each state once, and returns how many there were. `point` is where in the history the state was met
    // first.
    template <class Visit>
    std::size_t for_each_loss(disk_order order, std::size_t first, std::size_t last, loss_limits limits,
                              Visit&& visit) const;

private:
    struct record {
        std::uint64_t step;
        std::variant<disk_change, disk_flush> what;
    };
    using choice = std::vector<bool>;
    using unit = std::vector<std::size_t>;  // records that are kept or lost together

    [[nodiscard]] disk_change const* change_at(std::size_t i) const noexcept {
        return std::get_if<disk_change>(&records_[i].what);
    }
    [[nodiscard]] disk_flush const* flush_at(std::size_t i) const noexcept {
        return std::get_if<disk_flush>(&records_[i].what);
    }
    [[nodiscard]] static bool is_data(disk_change const& c) noexcept {
        return std::holds_alternative<file_grew>(c) || std::holds_alternative<block_written>(c);
    }
    [[nodiscard]] static bool touches(disk_change const& c, object_number object) noexcept {
        if (auto const* const name = std::get_if<name_changed>(&c); name != nullptr)
            return name->object == object || name->now == object || name->before == object;
        return std::visit([&](auto const& any) { return any.object == object; }, c);
    }
    [[nodiscard]] static bool is_about_attributes(disk_change const& c) noexcept {
        return std::holds_alternative<attributes_changed>(c) || std::holds_alternative<xattr_changed>(c);
    }

    // Which of the records before `point` are sure there.
    [[nodiscard]] choice sure(disk_order order, std::size_t point) const;
    void flush_journal(disk_flush const& flush, std::size_t at, choice& kept) const;
    void flush_object(disk_order order, disk_flush const& flush, std::size_t at, choice& kept) const;

    [[nodiscard]] disk_image with(choice const& kept) const {
        disk_image image = base_;
        for (std::size_t i = 0; i < kept.size(); ++i)
            if (kept[i] && change_at(i) != nullptr)
                make_change(*change_at(i), image);
        return image;
    }
    // What the sure ones leave open, as `order` lets it be lost.
    [[nodiscard]] std::vector<unit> open_units(disk_order order, choice const& kept, bool metadata_too) const;

    template <class Use>
    static void for_each_subset(std::vector<unit> const& units, choice const& kept, loss_limits limits, Use&& use);

    disk_image base_;
    disk_image latest_;
    std::vector<record> records_;
};

inline disk_history::choice disk_history::sure(disk_order order, std::size_t point) const {
    choice kept(point, false);
    for (std::size_t at = 0; at < point; ++at) {
        auto const* const flush = flush_at(at);
        if (flush == nullptr)
            continue;
        if (flush->scope == flush_scope::all)
            std::fill(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(at), true);
        else if (order == disk_order::journal)
            flush_journal(*flush, at, kept);
        else
            flush_object(order, *flush, at, kept);
    }
    return kept;
}

inline void disk_history::flush_journal(disk_flush const& flush, std::size_t at, choice& kept) const {
    std::size_t end = 0;  // of the prefix that the flush makes sure
    for (std::size_t i = 0; i < at; ++i) {
        auto const* const change = change_at(i);
        if (change == nullptr)
            continue;
        if (is_data(*change)) {
            kept[i] = kept[i] || touches(*change, flush.object);
            continue;
        }
        // fdatasync(2) waits for what is needed to find the data again.
        bool const counts = flush.scope != flush_scope::data || !is_about_attributes(*change);
        if (touches(*change, flush.object) && counts)
            end = i + 1;
    }
    // A primitive is one transaction: the rest of it comes along.
    while (end != 0 && end < at && change_at(end) != nullptr && records_[end].step == records_[end - 1].step)
        ++end;
    for (std::size_t i = 0; i < end; ++i)
        if (change_at(i) != nullptr && !is_data(*change_at(i)))
            kept[i] = true;
}

inline void disk_history::flush_object(disk_order order, disk_flush const& flush, std::size_t at, choice& kept) const {
    for (std::size_t i = 0; i < at; ++i) {
        auto const* const change = change_at(i);
        if (change == nullptr)
            continue;
        auto const about = std::visit([](auto const& c) { return c.object; }, *change);
        bool const is_name = std::holds_alternative<name_changed>(*change);
        if (about != flush.object || (flush.scope == flush_scope::data && is_about_attributes(*change)))
            continue;
        kept[i] = true;
        if (!is_name || order == disk_order::torn)
            continue;
        for (std::size_t j = 0; j < at; ++j)  // a rename is kept whole
            if (change_at(j) != nullptr && records_[j].step == records_[i].step)
                kept[j] = kept[j] || std::holds_alternative<name_changed>(*change_at(j));
    }
}

inline std::vector<disk_history::unit> disk_history::open_units(disk_order order, choice const& kept,
                                                                bool metadata_too) const {
    std::vector<unit> units;
    std::uint64_t last_step = 0;
    for (std::size_t i = 0; i < kept.size(); ++i) {
        auto const* const change = change_at(i);
        if (change == nullptr || kept[i] || (!is_data(*change) && !metadata_too))
            continue;
        bool const is_name = std::holds_alternative<name_changed>(*change);
        if (is_name && order != disk_order::torn && last_step == records_[i].step)
            units.back().push_back(i);
        else
            units.push_back({i});
        last_step = is_name ? records_[i].step : 0;
    }
    return units;
}

template <class Use>
void disk_history::for_each_subset(std::vector<unit> const& units, choice const& kept, loss_limits limits, Use&& use) {
    std::size_t const count = units.size();
    auto const with = [&](auto&& keeps) {
        choice more = kept;
        for (std::size_t u = 0; u < count; ++u)
            if (keeps(u))
                for (auto const i : units[u])
                    more[i] = true;
        use(more);
    };
    if (count <= limits.exhaustive_up_to) {
        for (std::size_t subset = 0; subset < std::size_t{1} << count; ++subset)
            with([&](std::size_t u) { return (subset >> u & 1) != 0; });
        return;
    }
    for (std::size_t one = 0; one <= count; ++one) {
        with([&](std::size_t u) { return u < one; });
        with([&](std::size_t u) { return u >= one; });
        with([&](std::size_t u) { return u == one; });
        with([&](std::size_t u) { return u != one; });
    }
    std::uint64_t random = 0x9e3779b97f4a7c15u + count;  // xorshift64: the same subsets on every machine
    for (std::size_t sample = 0; sample < limits.samples; ++sample)
        with([&](std::size_t) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            return (random >> 32 & 1) != 0;
        });
}

template <class Visit>
std::size_t disk_history::for_each_loss(disk_order order, std::size_t first, std::size_t last, loss_limits limits,
                                        Visit&& visit) const {
    std::set<std::string> seen;
    auto const meet = [&](choice const& kept, std::size_t point) {
        disk_image const image = with(kept);
        if (seen.insert(image.digest()).second)
            visit(image, point);
    };
    for (std::size_t point = first; point <= last; ++point) {
        // Until the next flush nothing becomes sure: what may be left here may be left there as well.
        if (point != last && flush_at(point) == nullptr)
            continue;
        choice kept = sure(order, point);
        if (order != disk_order::journal) {
            for_each_subset(open_units(order, kept, true), kept, limits, [&](choice const& c) { meet(c, point); });
            continue;
        }
        // Every prefix of the journal that holds what is sure, and with each any part of the data.
        for (std::size_t end = 0;; ++end) {
            bool const is_journalled = end < point && change_at(end) != nullptr && !is_data(*change_at(end));
            if (end == point || (is_journalled && !kept[end] &&
                                 (end == 0 || records_[end].step != records_[end - 1].step)))
                for_each_subset(open_units(order, kept, false), kept, limits, [&](choice const& c) { meet(c, point); });
            if (end == point)
                break;
            if (is_journalled)
                kept[end] = true;
        }
    }
    return seen.size();
}

}  // namespace lamina
