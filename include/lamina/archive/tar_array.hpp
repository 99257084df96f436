// A growing array of plain values. Like std::vector, but growing and shrinking moves whole pages where they lie
// (realloc) instead of copying a hundred thousand records, a failure to get memory is an answer instead of an
// exception, and a header that uses six of them stays cheap to compile.
//
// Concurrency: as a std::vector.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace lamina::detail {

template <class T>
class tar_array {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= alignof(std::max_align_t));

public:
    tar_array() = default;
    tar_array(tar_array&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    tar_array& operator=(tar_array&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ~tar_array() { std::free(data_); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] T* data() noexcept { return data_; }
    [[nodiscard]] T const* data() const noexcept { return data_; }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
    [[nodiscard]] T const& operator[](std::size_t i) const noexcept { return data_[i]; }
    [[nodiscard]] T& back() noexcept { return data_[size_ - 1]; }
    [[nodiscard]] std::span<T const> part(std::size_t first, std::size_t count) const noexcept {
        return {data_ + first, count};
    }

    // Adds at the end. False, and nothing changed, if there is no memory. Requires: `added` does not point into the
    // array.
    [[nodiscard]] bool append(T const* added, std::size_t count) noexcept {
        if (count > capacity_ - size_ && !grow(count))
            return false;
        if (count != 0)
            std::memcpy(static_cast<void*>(data_ + size_), added, count * sizeof(T));
        size_ += count;
        return true;
    }
    [[nodiscard]] bool push(T const& added) noexcept {
        T const copy = added;
        return append(&copy, 1);
    }
    // Makes it `count` times `value`. False, and nothing changed, if there is no memory.
    [[nodiscard]] bool fill(std::size_t count, T const& value) noexcept {
        if (count > capacity_ && !reserve(count))
            return false;
        for (std::size_t i = 0; i < count; ++i)
            data_[i] = value;
        size_ = count;
        return true;
    }
    void pop() noexcept { --size_; }

    // Gives back what is held in reserve; where that fails, it stays in reserve.
    void shrink() noexcept {
        if (size_ != 0 && size_ != capacity_)
            (void)reserve(size_);
    }

private:
    static constexpr auto most = std::numeric_limits<std::size_t>::max() / sizeof(T);

    [[nodiscard]] bool grow(std::size_t more) noexcept {
        if (more > most - size_)
            return false;
        auto const needed = size_ + more;
        auto const half_more = capacity_ < most / 2 ? capacity_ + capacity_ / 2 : most;
        return reserve(half_more > needed ? half_more : needed) || reserve(needed);
    }
    [[nodiscard]] bool reserve(std::size_t count) noexcept {
        if (count > most)
            return false;
        void* const moved = std::realloc(static_cast<void*>(data_), count * sizeof(T));
        if (moved == nullptr)
            return false;
        data_ = static_cast<T*>(moved);
        capacity_ = count;
        return true;
    }

    T* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace lamina::detail
