// A memory tree as one side of a comparison: operations on places, each answering with an errno and what it told.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "memory_fixture.hpp"

namespace memory_test {

constexpr std::size_t slots = 3;  // open files, and directories whose nodes are held

// Where something is done: at `name` below the directories `above`, begun at the root or at a held directory.
struct place {
    std::optional<std::size_t> held;
    std::vector<std::string> above;
    std::string name;
};

// What a call did: its errno, and what it told.
struct answer {
    int code = 0;
    std::string told;
    friend bool operator==(answer const&, answer const&) = default;
};

// What is compared of an object. Sizes and blocks of directories are the file system's own.
struct description {
    lamina::attributes is;
    std::string data;  // content, target
    std::map<std::string, std::string> xattrs;
};

[[nodiscard]] inline std::string describe(lamina::attributes const& is) {
    bool const device = is.type == lamina::file_type::character || is.type == lamina::file_type::block;
    return fmt::format("{} {:04o} nlink {} owner {}:{} size {} rdev {}:{}", lamina::name(is.type), is.mode, is.nlink,
                       is.uid, is.gid, is.is_directory() ? 0 : is.size, device ? is.rdev.major : 0,
                       device ? is.rdev.minor : 0);
}

template <class Strings>
[[nodiscard]] std::string joined(Strings const& parts, std::string_view between) {
    std::string text;
    for (auto const& part : parts)
        text.append(text.empty() ? std::string_view() : between).append(part);
    return text;
}

class memory_side {
public:
    explicit memory_side(lamina::memory_options const& options) : tree(options) {}
    ~memory_side() {
        for (auto& held : directories)
            if (held)
                tree.release(*held);
    }

    // Calls f(node) for the directory of `at`.
    template <class F>
    answer in(place const& at, F f) {
        if (at.held && !directories[*at.held])
            return {0, "nothing held"};
        lamina::node here = at.held ? *directories[*at.held] : tree.root();
        tree.retain(here);
        for (auto const& name : at.above) {
            auto const next = tree.open_directory_at(here, name);
            tree.release(here);
            if (!next)
                return said(next);
            here = *next;
        }
        auto const done = f(here);
        tree.release(here);
        return done;
    }
    template <class T>
    static answer said(lamina::result<T> const& done, std::string told = {}) {
        return done ? answer{0, std::move(told)} : answer{static_cast<int>(done.error().code), {}};
    }
    template <class F>
    answer with(std::size_t slot, F f) {
        return files[slot] ? f(*files[slot]) : answer{0, "nothing open"};
    }

    answer create(place const& at, std::size_t slot, unsigned mode) {
        return in(at, [&](lamina::node dir) {
            auto made = tree.create_at(dir, at.name, mode);
            auto const done = said(made);
            if (made)
                files[slot] = std::move(*made);
            return done;
        });
    }
    answer make_directory(place const& at, unsigned mode) {
        return in(at, [&](lamina::node dir) { return said(tree.create_directory_at(dir, at.name, mode)); });
    }
    answer make_symlink(place const& at, std::string const& target) {
        return in(at, [&](lamina::node dir) { return said(tree.create_symlink_at(dir, at.name, target)); });
    }
    answer make_node(place const& at, lamina::file_type type, unsigned mode, lamina::device_number device) {
        return in(at, [&](lamina::node dir) { return said(tree.create_node_at(dir, at.name, type, mode, device)); });
    }
    answer link(place const& from, place const& to) {
        return in(from, [&](lamina::node one) {
            return in(to, [&](lamina::node two) { return said(tree.link_at(one, from.name, two, to.name)); });
        });
    }
    answer rename(place const& from, place const& to, unsigned flags) {
        return in(from, [&](lamina::node one) {
            return in(to, [&](lamina::node two) {
                return said(tree.rename_at(one, from.name, two, to.name, static_cast<lamina::rename_flags>(flags)));
            });
        });
    }
    answer remove(place const& at) {
        return in(at, [&](lamina::node dir) { return said(tree.remove_at(dir, at.name)); });
    }
    answer remove_directory(place const& at) {
        return in(at, [&](lamina::node dir) { return said(tree.remove_directory_at(dir, at.name)); });
    }
    answer set_mode(place const& at, unsigned mode) {
        return in(at, [&](lamina::node dir) { return said(tree.set_mode_at(dir, at.name, mode)); });
    }
    answer set_owner(place const& at, unsigned uid, unsigned gid) {
        return in(at, [&](lamina::node dir) { return said(tree.set_owner_at(dir, at.name, uid, gid)); });
    }
    answer set_times(place const& at, lamina::time_change const& times) {
        return in(at, [&](lamina::node dir) {
            auto const done = tree.set_times_at(dir, at.name, times);
            if (!done)
                return said(done);
            auto const is = status_of(tree, dir, at.name);
            return answer{0, set_times_told(times, is.atime, is.mtime)};
        });
    }
    answer set_xattr(place const& at, std::string const& key, std::string const& value, unsigned flags) {
        return in(at, [&](lamina::node dir) {
            return said(tree.set_xattr_at(dir, at.name, key, value, static_cast<lamina::xattr_flags>(flags)));
        });
    }
    answer remove_xattr(place const& at, std::string const& key) {
        return in(at, [&](lamina::node dir) { return said(tree.remove_xattr_at(dir, at.name, key)); });
    }
    answer resize(place const& at, std::uint64_t size) {
        return in(at, [&](lamina::node dir) { return said(tree.resize_at(dir, at.name, size)); });
    }
    answer read_symlink(place const& at) {
        return in(at, [&](lamina::node dir) {
            auto const target = tree.read_symlink_at(dir, at.name);
            return said(target, target ? *target : "");
        });
    }
    answer status(place const& at) {
        return in(at, [&](lamina::node dir) {
            auto const found = tree.lookup(dir, at.name);
            if (found && !*found)
                return answer{ENOENT, {}};
            return said(found, found ? describe(**found) : "");
        });
    }
    answer list(place const& at) {
        return in(at, [&](lamina::node dir) {
            std::vector<std::string> names;
            auto const done = tree.list_at(dir, [&](lamina::directory_entry const& entry) {
                names.push_back(fmt::format("{} {}", entry.name, lamina::name(entry.type)));
                return true;
            });
            std::sort(names.begin(), names.end());
            return said(done, joined(names, ", "));
        });
    }
    answer hold(place const& at, std::size_t slot) {
        return in(at, [&](lamina::node dir) {
            auto const opened = tree.open_directory_at(dir, at.name);
            if (opened) {
                if (directories[slot])
                    tree.release(*directories[slot]);
                directories[slot] = *opened;
            }
            return said(opened);
        });
    }
    answer open(place const& at, std::size_t slot, lamina::open_flags flags) {
        return in(at, [&](lamina::node dir) {
            auto opened = tree.open_at(dir, at.name, flags);
            auto const done = said(opened);
            if (opened)
                files[slot] = std::move(*opened);
            return done;
        });
    }
    answer make_unnamed(place const& at, std::size_t slot, unsigned mode) {
        return in(at, [&](lamina::node dir) {
            auto made = tree.create_unnamed(dir, mode);
            auto const done = said(made);
            if (made)
                files[slot] = std::move(*made);
            return done;
        });
    }
    answer publish(std::size_t slot, place const& at) {
        return with(slot, [&](lamina::memory_file& file) {
            return in(at, [&](lamina::node dir) { return said(tree.publish_at(file, dir, at.name)); });
        });
    }
    answer close(std::size_t slot) {
        files[slot].reset();
        return {};
    }
    answer write(std::size_t slot, std::uint64_t offset, std::string const& text) {
        return with(slot, [&](lamina::memory_file& file) {
            auto const done = file.write_at(bytes(text), offset);
            return said(done, done ? std::to_string(*done) : "");
        });
    }
    answer read(std::size_t slot, std::uint64_t offset, std::size_t count) {
        return with(slot, [&](lamina::memory_file& file) {
            std::string text(count, '?');
            auto const done = file.read_at(std::as_writable_bytes(std::span(text)), offset);
            return said(done, done ? text.substr(0, *done) : "");
        });
    }
    answer cut(std::size_t slot, std::uint64_t size) {
        return with(slot, [&](lamina::memory_file& file) { return said(file.resize(size)); });
    }
    answer change_mode(std::size_t slot, unsigned mode) {
        return with(slot, [&](lamina::memory_file& file) { return said(file.set_mode(mode)); });
    }
    answer file_status(std::size_t slot) {
        return with(slot, [&](lamina::memory_file& file) { return answer{0, describe(file.status().value())}; });
    }
    answer copy(std::size_t to, std::size_t from, std::uint64_t from_at, std::uint64_t to_at, std::uint64_t count) {
        return with(to, [&](lamina::memory_file& one) {
            return with(from, [&](lamina::memory_file& two) {
                auto const done = one.copy_range_from(two, from_at, to_at, count);
                return said(done, done ? std::to_string(*done) : "");
            });
        });
    }

    // Everything below the root, by path.
    [[nodiscard]] std::map<std::string, description> all() {
        std::map<std::string, description> found;
        gather(tree.root(), "", found);
        return found;
    }

    static std::string set_times_told(lamina::time_change const& times, lamina::timestamp atime,
                                      lamina::timestamp mtime) {
        using action = lamina::time_change::action;
        return fmt::format("{} {}", times.access == action::set ? atime.seconds : 0,
                           times.modification == action::set ? mtime.seconds * 1000 + mtime.nanoseconds / 1000 : 0);
    }

    lamina::memory_tree tree;
    std::array<std::optional<lamina::memory_file>, slots> files;
    std::array<std::optional<lamina::node>, slots> directories;

private:
    void gather(lamina::node dir, std::string const& above, std::map<std::string, description>& found) {
        auto const describe_one = [&](std::string const& name, std::string const& path) {
            auto& one = found[path];
            one.is = status_of(tree, dir, name);
            if (one.is.is_regular()) {
                auto file = tree.open_at(dir, name, lamina::open_flags::read).value();
                one.data = read_all(file);
            } else if (one.is.is_symlink()) {
                one.data = tree.read_symlink_at(dir, name).value();
            }
            for (auto const& key : tree.list_xattrs_at(dir, name).value())
                one.xattrs[key] = tree.get_xattr_at(dir, name, key).value().value();
        };
        if (above.empty())
            describe_one("", "/");
        for (auto const& name : names_in(tree, dir)) {
            describe_one(name, above + "/" + name);
            if (found[above + "/" + name].is.is_directory()) {
                auto const below = tree.open_directory_at(dir, name).value();
                gather(below, above + "/" + name, found);
                tree.release(below);
            }
        }
    }
};

}  // namespace memory_test
