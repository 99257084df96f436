// The poorest types that model the backend concepts: every primitive that a concept names, nothing else, and no
// answer but eopnotsupp. Generic code is compiled against them, so that it asks of a backend what the concept
// promises and no more: they cannot be copied, made from nothing, compared or derived from, none of their primitives
// is const unless it must be, and `file_type` knows nothing of the backend. They hold no state, so any number of
// threads may use one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/backend/concepts.hpp>

namespace lamina::archetype {

// What only a move can bring from one place to another. Each of the types below begins with one of these.
class only_movable {
public:
    struct made_by_the_test {};
    explicit only_movable(made_by_the_test) noexcept {}
    only_movable(only_movable&&) noexcept {}
    only_movable& operator=(only_movable&&) noexcept { return *this; }
    ~only_movable() = default;
};

class readable_file final : only_movable {
public:
    explicit readable_file(made_by_the_test t) noexcept : only_movable(t) {}

    result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return fail(errc::eopnotsupp, operation::read); }
    result<std::uint64_t> next_data(std::uint64_t) { return fail(errc::eopnotsupp, operation::read); }
    result<std::uint64_t> next_hole(std::uint64_t) { return fail(errc::eopnotsupp, operation::read); }
    result<attributes> status() { return fail(errc::eopnotsupp, operation::lookup); }
};

class writable_file final : only_movable {
public:
    explicit writable_file(made_by_the_test t) noexcept : only_movable(t) {}

    result<std::size_t> read_at(std::span<std::byte>, std::uint64_t) { return fail(errc::eopnotsupp, operation::read); }
    result<std::uint64_t> next_data(std::uint64_t) { return fail(errc::eopnotsupp, operation::read); }
    result<std::uint64_t> next_hole(std::uint64_t) { return fail(errc::eopnotsupp, operation::read); }
    result<attributes> status() { return fail(errc::eopnotsupp, operation::lookup); }

    result<std::size_t> write_at(std::span<std::byte const>, std::uint64_t) {
        return fail(errc::eopnotsupp, operation::write);
    }
    result<std::size_t> append(std::span<std::byte const>) { return fail(errc::eopnotsupp, operation::write); }
    result<void> resize(std::uint64_t) { return fail(errc::eopnotsupp, operation::resize); }
    result<void> sync(sync_kind) { return fail(errc::eopnotsupp, operation::sync); }
    result<void> set_mode(mode_bits) { return fail(errc::eopnotsupp, operation::set_mode); }
    result<void> set_owner(user_id, group_id) { return fail(errc::eopnotsupp, operation::set_owner); }
    result<void> set_times(time_change const&) { return fail(errc::eopnotsupp, operation::set_times); }
    result<void> set_xattr(std::string_view, std::string_view, xattr_flags) {
        return fail(errc::eopnotsupp, operation::set_xattr);
    }
};

namespace detail {

// What the two backends have in common; they differ in their file.
template <class File>
class readable : only_movable {
public:
    using file_type = File;
    explicit readable(made_by_the_test t) noexcept : only_movable(t) {}

    node root() const { return {}; }
    void retain(node) {}
    void release(node) {}
    result<std::optional<attributes>> lookup(node, name_ref) { return fail(errc::eopnotsupp, operation::lookup); }
    result<node> open_directory_at(node, name_ref) { return fail(errc::eopnotsupp, operation::lookup); }
    result<void> list_at(node, entry_sink) { return fail(errc::eopnotsupp, operation::list); }
    result<File> open_at(node, name_ref, open_flags) { return fail(errc::eopnotsupp, operation::open); }
    result<std::string> read_symlink_at(node, name_ref) { return fail(errc::eopnotsupp, operation::read_symlink); }
    result<std::optional<std::string>> get_xattr_at(node, name_ref, std::string_view) {
        return fail(errc::eopnotsupp, operation::get_xattr);
    }
    result<std::vector<std::string>> list_xattrs_at(node, name_ref) {
        return fail(errc::eopnotsupp, operation::list_xattrs);
    }
    capabilities able() const { return {}; }
};

}  // namespace detail

class readable_backend final : public detail::readable<readable_file> {
public:
    using readable::readable;
};

class writable_backend final : public detail::readable<writable_file> {
public:
    using readable::readable;

    result<writable_file> create_at(node, name_ref, mode_bits) { return fail(errc::eopnotsupp, operation::create); }
    result<void> create_directory_at(node, name_ref, mode_bits) {
        return fail(errc::eopnotsupp, operation::create_directory);
    }
    result<void> create_symlink_at(node, name_ref, std::string_view) {
        return fail(errc::eopnotsupp, operation::create_symlink);
    }
    result<void> create_node_at(node, name_ref, lamina::file_type, mode_bits, device_number) {
        return fail(errc::eopnotsupp, operation::create_node);
    }
    result<void> link_at(node, name_ref, node, name_ref) { return fail(errc::eopnotsupp, operation::link); }
    result<void> rename_at(node, name_ref, node, name_ref, rename_flags) {
        return fail(errc::eopnotsupp, operation::rename);
    }
    result<void> remove_at(node, name_ref) { return fail(errc::eopnotsupp, operation::remove); }
    result<void> remove_directory_at(node, name_ref) { return fail(errc::eopnotsupp, operation::remove_directory); }
    result<void> set_mode_at(node, name_ref, mode_bits) { return fail(errc::eopnotsupp, operation::set_mode); }
    result<void> set_owner_at(node, name_ref, user_id, group_id) {
        return fail(errc::eopnotsupp, operation::set_owner);
    }
    result<void> set_times_at(node, name_ref, time_change const&) {
        return fail(errc::eopnotsupp, operation::set_times);
    }
    result<void> set_xattr_at(node, name_ref, std::string_view, std::string_view, xattr_flags) {
        return fail(errc::eopnotsupp, operation::set_xattr);
    }
    result<void> remove_xattr_at(node, name_ref, std::string_view) {
        return fail(errc::eopnotsupp, operation::remove_xattr);
    }
    result<void> resize_at(node, name_ref, std::uint64_t) { return fail(errc::eopnotsupp, operation::resize); }
    result<void> sync_directory(node) { return fail(errc::eopnotsupp, operation::sync); }
    result<space_info> space() { return fail(errc::eopnotsupp, operation::space); }
};

// Usable where a concept is asked for by name alone.
[[nodiscard]] inline readable_backend a_readable_backend() noexcept {
    return readable_backend(only_movable::made_by_the_test{});
}
[[nodiscard]] inline writable_backend a_writable_backend() noexcept {
    return writable_backend(only_movable::made_by_the_test{});
}

static_assert(lamina::readable_file<readable_file> && !lamina::writable_file<readable_file>);
static_assert(lamina::writable_file<writable_file>);
static_assert(lamina::readable_backend<readable_backend> && !lamina::writable_backend<readable_backend>);
static_assert(lamina::writable_backend<writable_backend>);
static_assert(!makes_unnamed_files<writable_backend> && !has_work_area<writable_backend> &&
              !descends<writable_backend>);

}  // namespace lamina::archetype
