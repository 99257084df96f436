// An object that the kernel knows, and a name by which it knows it; and the slots in which objects lie.
//
// 128 bytes for an object with its first name, if that has up to 27 bytes. Slots come in chunks, which never move; a
// chunk that is empty is given back.
//
// Concurrency: that of the table (object_table.hpp), whose mutex guards all of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/core/attributes.hpp>
#include <lamina/core/ident.hpp>
#include <lamina/core/path.hpp>

namespace lamina::detail {

template <class Part>
struct mounted_object;

// A name in a directory, and the object that it names.
template <class Part>
struct mounted_name {
    mounted_name* in_bucket = nullptr;
    mounted_object<Part>* directory = nullptr;
    mounted_object<Part>* object = nullptr;
    mounted_name* further = nullptr;  // of the same object
    std::uint32_t hash = 0;
    std::uint8_t length = 0;
    std::array<char, 27> inside{};
    // Longer ones lie outside; the pointer is kept in `inside`.
    [[nodiscard]] std::string_view text() const noexcept {
        if (length <= inside.size())
            return {inside.data(), length};
        char* outside = nullptr;
        std::memcpy(&outside, inside.data(), sizeof outside);
        return {outside, length};
    }
    void set(name_ref name) {
        hash = name.hash;
        length = static_cast<std::uint8_t>(name.text.size());
        char* target = inside.data();
        if (length > inside.size()) {
            target = new char[length];
            std::memcpy(inside.data(), &target, sizeof target);
        }
        std::memcpy(target, name.text.data(), length);
    }
    void clear() noexcept {
        if (length > inside.size())
            delete[] text().data();
        length = 0;
    }
};

template <class Part>
struct mounted_object {
    std::uint64_t id = 0;       // 0: an empty slot
    std::uint64_t lookups = 0;  // that the kernel holds
    std::uint32_t holds = 0;    // requests at work, and known names in this directory
    std::uint32_t moves = 0;
    node directory{};            // of a directory: retained
    file_id same_as;             // what the backend called it last
    std::unique_ptr<Part> part;  // what only few objects have
    file_type type = file_type::unknown;
    bool resting = false;
    bool by_number = false;    // known by `same_as`, too
    bool named = false;        // `first` is in use
    std::uint16_t moving = 0;  // requests that are changing one of its names
    mounted_name<Part> first;

    [[nodiscard]] Part& parts() {
        if (part == nullptr)
            part = std::make_unique<Part>();
        return *part;
    }
};

// A request's grip on an object: while it lives, so does the object.
template <class Table>
class object_hold {
public:
    using object = typename Table::object;

    object_hold() = default;
    // Takes over one of the object's `holds`.
    object_hold(Table& table, object& of) noexcept : table_(&table), object_(&of) {}
    object_hold(object_hold&& other) noexcept : table_(other.table_), object_(std::exchange(other.object_, nullptr)) {}
    object_hold& operator=(object_hold&& other) noexcept {
        std::swap(table_, other.table_);
        std::swap(object_, other.object_);
        return *this;
    }
    ~object_hold() {
        if (object_ != nullptr)
            table_->let_go(*object_);
    }
    [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }
    [[nodiscard]] object* operator->() const noexcept { return object_; }
    [[nodiscard]] object& operator*() const noexcept { return *object_; }

private:
    Table* table_ = nullptr;
    object* object_ = nullptr;
};

struct hash_of_number {
    std::size_t operator()(file_id id) const noexcept { return mix(id.inode, id.device | 0x9e3779b97f4a7c15); }
};

template <class Part>
class object_slots {
public:
    using object = mounted_object<Part>;

    // Null if no object has the number.
    [[nodiscard]] object* find(std::uint64_t id) const noexcept {
        auto const index = static_cast<std::uint32_t>(id) - 1;
        if (id == 0 || index / chunk_size >= chunks_.size() || chunks_[index / chunk_size] == nullptr)
            return nullptr;
        object& slot = chunks_[index / chunk_size]->slots[index % chunk_size];
        return slot.id == id ? &slot : nullptr;
    }
    // An empty object with a number that was never given before. The first one's is 1.
    [[nodiscard]] object& take() {
        std::uint32_t const number = chunk_with_room();
        chunk& in = *chunks_[number];
        std::uint32_t const at = in.free[chunk_size - ++in.used];
        ++size_;
        object& slot = in.slots[at];
        slot.id = stamp_++ << 32 | (number * chunk_size + at + 1);
        return slot;
    }
    void give_back(object& of) {
        auto const index = static_cast<std::uint32_t>(of.id) - 1;
        std::uint32_t const number = index / chunk_size;
        of = object();
        --size_;
        chunk& in = *chunks_[number];
        if (in.used == chunk_size)
            with_room_.push_back(number);
        in.free[chunk_size - in.used--] = static_cast<std::uint16_t>(index % chunk_size);
        if (in.used == 0 && size_ >= chunk_size) {
            chunks_[number].reset();
            vacant_.push_back(number);
        }
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    template <class F>
    void for_each(F&& f) {
        for (auto& each : chunks_)
            if (each != nullptr)
                for (auto& slot : each->slots)
                    if (slot.id != 0)
                        f(slot);
    }

private:
    static constexpr std::uint32_t chunk_size = 1024;
    struct chunk {
        std::array<object, chunk_size> slots;
        std::array<std::uint16_t, chunk_size> free;  // the first `chunk_size - used` are
        std::uint32_t used = 0;
    };

    [[nodiscard]] std::uint32_t chunk_with_room() {
        while (!with_room_.empty()) {
            auto const& last = chunks_[with_room_.back()];
            if (last != nullptr && last->used != chunk_size)
                return with_room_.back();
            with_room_.pop_back();
        }
        if (vacant_.empty()) {
            vacant_.push_back(static_cast<std::uint32_t>(chunks_.size()));
            chunks_.emplace_back();
        }
        std::uint32_t const number = vacant_.back();
        vacant_.pop_back();
        chunks_[number] = std::make_unique<chunk>();
        for (std::uint32_t i = 0; i != chunk_size; ++i)
            chunks_[number]->free[i] = static_cast<std::uint16_t>(chunk_size - 1 - i);
        with_room_.push_back(number);
        return number;
    }

    std::vector<std::unique_ptr<chunk>> chunks_;
    std::vector<std::uint32_t> with_room_;  // some of these may have none any more
    std::vector<std::uint32_t> vacant_;
    std::uint64_t stamp_ = 0;
    std::size_t size_ = 0;
};

}  // namespace lamina::detail
