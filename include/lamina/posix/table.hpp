// The records by parent and name.
//
// Decided here: several records may have one name: the directory that is there now, ones that were removed or
// replaced while somebody holds them, and a mere name on the way to a directory that somebody holds.
//
// Concurrency: all of it belongs to the tree's mutex.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <lamina/core/path.hpp>
#include <lamina/posix/record.hpp>

namespace lamina::detail {

class record_table {
public:
    struct found {
        bool any_opened = false;
        directory_record* same = nullptr;          // of the identity that was asked for
        directory_record* unidentified = nullptr;  // open, but nobody has asked yet which directory it is
        directory_record* never_opened = nullptr;
    };
    [[nodiscard]] found look(directory_record const& parent, name_ref name,
                             std::optional<directory_identity> const& identity) noexcept {
        found known;
        for (auto* record = bucket(parent, name.hash); record != nullptr; record = record->next_in_bucket) {
            if (!is_named(*record, parent, name))
                continue;
            if (!record->is_identified && !record->is_open()) {
                known.never_opened = record;
                continue;
            }
            known.any_opened = true;
            if (!record->is_identified)
                known.unidentified = record;
            else if (identity && record->is_same(*identity))
                known.same = record;
        }
        return known;
    }
    // Any record of that name, the youngest first; null if there is none.
    [[nodiscard]] directory_record* find(directory_record const& parent, name_ref name) noexcept {
        for (auto* record = bucket(parent, name.hash); record != nullptr; record = record->next_in_bucket)
            if (is_named(*record, parent, name))
                return record;
        return nullptr;
    }

    // By its parent and name, which stay as they are until it is unlinked.
    void link(directory_record& record) {
        if (records_ >= buckets_.size())
            rehash(buckets_.size() * 2);
        push(record);
        ++records_;
    }
    void unlink(directory_record& record) {
        auto** at = &bucket(*record.parent, record.hash);
        while (*at != &record)
            at = &(*at)->next_in_bucket;
        *at = record.next_in_bucket;
        --records_;
        if (records_ * 8 < buckets_.size() && buckets_.size() > buckets_min)
            rehash(std::max(buckets_.size() / 4, buckets_min));
    }

private:
    static constexpr std::size_t buckets_min = 64;

    [[nodiscard]] directory_record*& bucket(directory_record const& parent, std::uint32_t hash) noexcept {
        auto const mixed = mix(reinterpret_cast<std::uintptr_t>(&parent) ^ hash, 0x9e3779b97f4a7c15ULL);
        return buckets_[static_cast<std::size_t>(mixed) & (buckets_.size() - 1)];
    }
    [[nodiscard]] static bool is_named(directory_record const& record, directory_record const& parent,
                                       name_ref name) noexcept {
        return record.parent == &parent && record.hash == name.hash && record.name == name.text;
    }
    void push(directory_record& record) noexcept {
        auto& head = bucket(*record.parent, record.hash);
        record.next_in_bucket = head;
        head = &record;
    }
    // A power of two.
    void rehash(std::size_t size) {
        std::vector<directory_record*> old(size);
        old.swap(buckets_);
        for (auto* record : old)
            while (record != nullptr) {
                auto* const next = record->next_in_bucket;
                push(*record);
                record = next;
            }
    }

    std::vector<directory_record*> buckets_ = std::vector<directory_record*>(buckets_min);
    std::size_t records_ = 0;
};

}  // namespace lamina::detail
