// Steps carried out on a tree of any kind: on the model and on what is tested by the same lines.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/paths.hpp>

#include "model/step.hpp"

namespace model {

inline constexpr unsigned slots = 4;

// Carries steps out on one tree, and keeps the handles that they open. Requires: the tree outlives it.
template <class B>
class performer {
public:
    explicit performer(B& tree) : tree_(tree) {}

    [[nodiscard]] outcome perform(step const& s) {
        auto const a = lamina::path::parse(s.a);
        if (!a)
            return {a.error().code, {}};
        lamina::path_view const path = *a;
        auto const last = s.follow ? lamina::links::follow : lamina::links::no_follow;
        using enum lamina::open_flags;
        switch (s.what) {
        case op::write: return told(tree_.write(path, bytes_for(s.n, s.m)));
        case op::append: return told(tree_.append(path, bytes_for(s.n, s.m)));
        case op::resize: return told(tree_.resize(path, s.n));
        case op::truncate: return told(tree_.open(path, lamina::open_flags::write | truncate));
        case op::create: return told(tree_.open(path, lamina::open_flags::write | create | exclusive, bits(s.n)));
        case op::make_directory: return told(tree_.create_directory(path, bits(s.n)));
        case op::make_directories: return told(tree_.create_directories(path));
        case op::symlink: return told(tree_.create_symlink(s.b, path));
        case op::node: return told(tree_.create_node(path, s.type, bits(s.n), device(s)));
        case op::link:
        case op::rename:
        case op::copy: return between(s, path);
        case op::remove: return told(tree_.remove(path));
        case op::remove_all: {
            // How many objects went is told by what is there afterwards: a tree removed in one step counts as one.
            auto const removed = tree_.remove_all(path);
            if (!removed)
                return told(removed);
            return {lamina::errc::ok, *removed == 0 ? "nothing" : "something"};
        }
        case op::mode: return told(tree_.permissions(path, bits(s.n), last));
        case op::owner: return told(tree_.owner(path, static_cast<lamina::user_id>(s.n), static_cast<lamina::group_id>(s.m), last));
        case op::times: return told(tree_.times(path, times(s), last));
        case op::set_xattr: return told(tree_.set_xattr(path, s.b, value_for(s), s.setting, last));
        case op::remove_xattr: return told(tree_.remove_xattr(path, s.b, last));
        case op::status: {
            auto const found = s.follow ? tree_.status(path) : tree_.symlink_status(path);
            return found ? outcome{lamina::errc::ok, describe(*found)} : told(found);
        }
        case op::read: return answered(tree_.read(path));
        case op::list: return listed(path);
        case op::target: return answered(tree_.read_symlink(path));
        case op::xattr: return answered(tree_.get_xattr(path, s.b, last));
        case op::handle_open: return open_handle(s, path);
        default: return s.what == op::handle_close ? close(s) : on_handle(s);
        }
    }
    void close_all() {
        for (auto& handle : handles_)
            handle.reset();
    }

private:
    using file = lamina::file_of<B>;

    template <class T, class E>
    static outcome told(lamina::result<T, E> const& r) {
        return {r ? lamina::errc::ok : static_cast<lamina::error>(r.error()).code, {}};
    }
    static outcome answered(lamina::result<std::string> r) {
        return r ? outcome{lamina::errc::ok, *std::move(r)} : outcome{r.error().code, {}};
    }
    static lamina::mode_bits bits(std::uint64_t n) { return static_cast<lamina::mode_bits>(n & 07777); }
    static lamina::device_number device(step const& s) {
        if (s.type != lamina::file_type::character && s.type != lamina::file_type::block)
            return {};
        return {1, static_cast<std::uint32_t>(s.m)};
    }
    static lamina::time_change times(step const& s) {
        if (s.n == 0)
            return lamina::time_change::touch();
        return lamina::time_change::both({static_cast<std::int64_t>(s.n / 2), 5}, {static_cast<std::int64_t>(s.n), static_cast<std::uint32_t>(s.m)});
    }
    static std::string describe(lamina::attributes const& a) {
        object o;
        o.type = a.type;
        o.mode = a.is_symlink() ? 0777 : a.mode;
        o.uid = a.uid;
        o.gid = a.gid;
        o.nlink = a.is_directory() ? 0 : a.nlink;
        o.rdev = a.rdev;
        o.mtime = a.mtime.seconds < present ? a.mtime : lamina::timestamp{};
        return model::describe(o) + " size " + std::to_string(a.is_directory() ? 0 : a.size);
    }

    outcome between(step const& s, lamina::path_view a) {
        auto const parsed = lamina::path::parse(s.b);
        if (!parsed)
            return {parsed.error().code, {}};
        lamina::path_view const b = *parsed;
        if (s.what == op::link)
            return told(tree_.create_hard_link(a, b));
        if (s.what == op::rename)
            return told(tree_.rename(a, b, s.flags));
        return told(tree_.copy(a, b));
    }
    outcome listed(lamina::path_view path) {
        auto const found = tree_.list(path);
        if (!found)
            return told(found);
        std::vector<std::string> names;
        for (auto const entry : *found)
            names.emplace_back(entry.name);
        std::sort(names.begin(), names.end());
        std::string text;
        for (auto const& name : names)
            text += name + '/';
        return {lamina::errc::ok, text};
    }
    outcome open_handle(step const& s, lamina::path_view path) {
        handles_[s.slot].reset();
        auto opened = tree_.open(path, lamina::open_flags::read_write | (s.n != 0 ? lamina::open_flags::create : lamina::open_flags::read));
        if (!opened)
            return told(opened);
        handles_[s.slot].emplace(*std::move(opened));
        return {};
    }
    outcome close(step const& s) {
        handles_[s.slot].reset();
        return {};
    }
    outcome on_handle(step const& s) {
        if (!handles_[s.slot])
            return {lamina::errc::ebadf, {}};
        file& f = *handles_[s.slot];
        std::string const bytes = bytes_for(s.m % 5000, s.m);
        auto const span = std::as_bytes(std::span(bytes));
        switch (s.what) {
        case op::handle_write: return told(lamina::paths::write_all_at(f, span, s.n));
        case op::handle_append: return bytes.empty() ? outcome{} : told(f.append(span));
        case op::handle_resize: return told(f.resize(s.n));
        case op::handle_read: return answered(lamina::paths::read_all(f));
        case op::handle_status: {
            auto const found = f.status();
            return found ? outcome{lamina::errc::ok, describe(*found)} : told(found);
        }
        case op::handle_mode: return told(f.set_mode(bits(s.n)));
        case op::handle_owner: return told(f.set_owner(static_cast<lamina::user_id>(s.n), static_cast<lamina::group_id>(s.m)));
        case op::handle_times: return told(f.set_times(times(s)));
        case op::handle_xattr: return told(f.set_xattr(s.b, value_for(s), s.setting));
        default: return {lamina::errc::enosys, {}};
        }
    }

    B& tree_;
    std::array<std::optional<file>, slots> handles_;
};

}  // namespace model
