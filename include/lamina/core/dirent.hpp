// Entries of a directory: one while it is being listed, and all of them as a snapshot.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <lamina/core/attributes.hpp>

namespace lamina {

// Never "." or "..". `type` is unknown where the backend cannot tell without a stat, `inode` 0 likewise.
struct directory_entry {
    std::string_view name;
    file_type type = file_type::unknown;
    std::uint64_t inode = 0;
};

// A reference to a callable bool(directory_entry const&); it returns false to end the listing. Not owning: it lives as
// long as the call that it is an argument of.
class entry_sink {
public:
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, entry_sink> &&
                 std::is_invocable_r_v<bool, F&, directory_entry const&>)
    entry_sink(F&& f) noexcept
        : object_(const_cast<void*>(static_cast<void const*>(std::addressof(f)))),
          call_([](void* object, directory_entry const& entry) -> bool {
              return (*static_cast<std::remove_reference_t<F>*>(object))(entry);
          }) {}

    bool operator()(directory_entry const& entry) const { return call_(object_, entry); }

private:
    void* object_;
    bool (*call_)(void*, directory_entry const&);
};

// A snapshot of a directory: all names in one buffer, in the order in which the backend gave them. Its positions are
// the cookies of semantics.md, case 16: they never change.
class listing {
public:
    void add(directory_entry const& entry) {
        records_.push_back({names_.size(), entry.inode, static_cast<std::uint32_t>(entry.name.size()), entry.type});
        names_.append(entry.name);
    }
    [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }
    [[nodiscard]] bool empty() const noexcept { return records_.empty(); }
    [[nodiscard]] directory_entry operator[](std::size_t i) const noexcept {
        auto const& r = records_[i];
        return {std::string_view(names_).substr(r.offset, r.length), r.type, r.inode};
    }

    class iterator {
    public:
        using value_type = directory_entry;
        using difference_type = std::ptrdiff_t;
        iterator() = default;
        iterator(listing const* of, std::size_t at) noexcept : of_(of), at_(at) {}
        directory_entry operator*() const noexcept { return (*of_)[at_]; }
        iterator& operator++() noexcept {
            ++at_;
            return *this;
        }
        iterator operator++(int) noexcept {
            auto const was = *this;
            ++at_;
            return was;
        }
        friend bool operator==(iterator const&, iterator const&) = default;

    private:
        listing const* of_ = nullptr;
        std::size_t at_ = 0;
    };
    [[nodiscard]] iterator begin() const noexcept { return {this, 0}; }
    [[nodiscard]] iterator end() const noexcept { return {this, size()}; }

private:
    struct record {
        std::size_t offset;
        std::uint64_t inode;
        std::uint32_t length;
        file_type type;
    };
    std::string names_;
    std::vector<record> records_;
};

}  // namespace lamina
