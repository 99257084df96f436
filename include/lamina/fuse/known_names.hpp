// The names that the kernel knows, by directory and text: a hash table of chains through the names themselves.
//
// Concurrency: that of the table of objects (object_table.hpp), whose mutex guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <lamina/fuse/object.hpp>

namespace lamina::detail {

template <class Part>
class known_names {
public:
    using object = mounted_object<Part>;
    using name = mounted_name<Part>;

    [[nodiscard]] name* find(object const& directory, name_ref text) const noexcept {
        for (name* n = buckets_[bucket_of(directory, text.hash)]; n != nullptr; n = n->in_bucket)
            if (n->hash == text.hash && n->directory == &directory && n->text() == text.text)
                return n;
        return nullptr;
    }
    // Requires: no name of this text in its directory.
    void add(name& one) {
        if (size_ >= buckets_.size())
            resize(buckets_.size() * 2);
        put(one);
        ++size_;
    }
    // Requires: it is there.
    void remove(name& one) {
        name** at = &buckets_[bucket_of(*one.directory, one.hash)];
        while (*at != &one)
            at = &(*at)->in_bucket;
        *at = one.in_bucket;
        --size_;
        // Memory is given back when most of it is not needed any more.
        if (buckets_.size() > 4096 && size_ < buckets_.size() / 8)
            resize(buckets_.size() / 4);
    }

private:
    [[nodiscard]] std::size_t bucket_of(object const& directory, std::uint32_t hash) const noexcept {
        return mix(directory.id, std::uint64_t{hash} | 0x9e3779b97f4a7c15) & (buckets_.size() - 1);
    }
    void put(name& one) noexcept {
        name*& bucket = buckets_[bucket_of(*one.directory, one.hash)];
        one.in_bucket = bucket;
        bucket = &one;
    }
    void resize(std::size_t size) {
        std::vector<name*> old(size, nullptr);
        old.swap(buckets_);
        for (name* n : old)
            while (n != nullptr) {
                name* const next = n->in_bucket;
                put(*n);
                n = next;
            }
    }

    std::vector<name*> buckets_ = std::vector<name*>(64, nullptr);  // a power of two of them
    std::size_t size_ = 0;
};

}  // namespace lamina::detail
