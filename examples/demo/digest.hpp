// A cheap checksum over a tree, to tell whether anything in it has changed. Not a cryptographic one: nobody tries to
// deceive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/lamina.hpp>

namespace demo {

class checksum {
public:
    void add(std::uint64_t word) noexcept {
        state_ = (state_ ^ word) * 0x9e3779b97f4a7c15ULL;
        state_ ^= state_ >> 32;
    }
    void add(std::span<std::byte const> bytes) noexcept {
        add(bytes.size());
        for (; bytes.size() >= 8; bytes = bytes.subspan(8))
            add(word(bytes.first(8)));
        add(word(bytes));
    }
    void add(std::string_view text) noexcept { add(std::as_bytes(std::span(text))); }
    void add(lamina::timestamp time) noexcept {
        add(static_cast<std::uint64_t>(time.seconds));
        add(time.nanoseconds);
    }
    [[nodiscard]] std::uint64_t value() const noexcept { return state_; }

private:
    [[nodiscard]] static std::uint64_t word(std::span<std::byte const> bytes) noexcept {
        std::uint64_t value = 0;
        if (!bytes.empty())
            std::memcpy(&value, bytes.data(), bytes.size());
        return value;
    }
    std::uint64_t state_ = 0;
};

// Paths that this user may not read, or that cannot be entered, with the reason.
struct left_out {
    std::set<std::string, std::less<>> paths;
    std::string first;  // and why
    void add(std::string_view path, lamina::error why) {
        if (paths.empty())
            first = lamina::to_string(lamina::path_error(why, std::string(path)));
        paths.emplace(path);
    }
};

template <class Tree>
lamina::result<void, lamina::path_error> add_contents(checksum& sum, Tree& tree, std::string_view path) {
    auto const at = lamina::path_view::parse(path);
    if (!at)
        return lamina::unexpected(lamina::path_error(at.error(), std::string(path)));
    auto file = tree.open(*at, lamina::open_flags::read);
    if (!file)
        return lamina::unexpected(lamina::path_error(file.error(), std::string(path)));
    std::vector<std::byte> buffer(std::size_t{256} << 10);
    for (std::uint64_t offset = 0;;) {
        auto const got = file->read_at(buffer, offset);
        if (!got)
            return lamina::unexpected(lamina::path_error(got.error(), std::string(path)));
        if (*got == 0)
            return {};
        sum.add(std::span<std::byte const>(buffer).first(*got));
        offset += *got;
    }
}

// What a lower is: of every object its name, type, size, mode, owner, times of modification and change, and link
// target; of files the contents too, of one in `one_in`.
struct fingerprint {
    struct object {
        std::string path;
        std::uint64_t sum = 0;
    };
    std::vector<object> objects;
    std::uint64_t files_read = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t sum = 0;
    left_out unreadable;
};

template <class Tree>
lamina::result<fingerprint, lamina::path_error> take_fingerprint(Tree& tree, std::uint64_t one_in) {
    fingerprint taken;
    checksum all;
    std::uint64_t files = 0;
    LAMINA_CHECK(tree.walk("", [&](lamina::walk_entry const& entry) {
        auto const& object = entry.object;
        auto const path = lamina::path_view::parse(entry.path).value();
        auto next = lamina::walk_action::next;
        checksum one;
        one.add(entry.path);
        one.add(static_cast<std::uint64_t>(object.type));
        one.add(std::uint64_t{object.mode} << 32 | object.uid);
        one.add(object.gid);
        one.add(object.size);
        one.add(object.mtime);
        one.add(object.ctime);
        if (object.is_symlink()) {
            one.add(tree.read_symlink(path).value_or(std::string()));
        } else if (object.is_directory()) {
            if (auto const listed = tree.list(path); !listed) {
                taken.unreadable.add(entry.path, listed.error());
                next = lamina::walk_action::skip;
            }
        } else if (object.is_regular() && files++ % one_in == 0) {
            if (auto const read = add_contents(one, tree, entry.path); !read) {
                taken.unreadable.add(entry.path, read.error());
            } else {
                ++taken.files_read;
                taken.bytes_read += object.size;
            }
        }
        taken.objects.push_back({std::string(entry.path), one.value()});
        all.add(one.value());
        return next;
    }));
    taken.sum = all.value();
    return taken;
}

// The first path at which two fingerprints differ.
inline std::string first_difference(fingerprint const& a, fingerprint const& b) {
    for (std::size_t i = 0; i != a.objects.size() && i != b.objects.size(); ++i)
        if (a.objects[i].path != b.objects[i].path || a.objects[i].sum != b.objects[i].sum)
            return a.objects[i].path;
    return a.objects.size() > b.objects.size() ? a.objects[b.objects.size()].path : b.objects[a.objects.size()].path;
}

}  // namespace demo
