// A read-only backend out of three functions over paths, for layers that are easy to answer from and not worth more:
// a table in the program, an archive somebody else parses, a service.
//
// F has
//     result<std::optional<attributes>> status(path_view)     of the object itself; empty if there is none
//     result<void> list(path_view, entry_sink)                each entry of a directory once
//     result<std::size_t> read(path_view, std::uint64_t offset, std::span<std::byte>)     0 at the end of the file
// and, where it has such things,
//     result<std::string> read_symlink(path_view)
//     result<std::vector<std::pair<std::string, std::string>>> xattrs(path_view)          keys and values
// Paths are relative, without "." or "..", the root is empty; symbolic links are never in the middle of one. What F
// answers is checked: a name that no directory can hold fails the listing with ebadmsg, as does a read of more than
// was asked.
//
// A node is the path of a directory, kept once while anybody retains it; at most `nodes_max` of them at a time.
//
// Concurrency: the table of nodes has a mutex, held for look-ups in it only. F is called from any thread, many at a
// time.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/backend/fwd.hpp>
#include <lamina/backend/paths.hpp>
#include <lamina/backend/traits.hpp>

namespace lamina {

// What from_paths needs of its functions.
template <class F>
concept path_functions =
    requires(F& f, path_view path, entry_sink sink, std::uint64_t offset, std::span<std::byte> into) {
        { f.status(path) } -> std::same_as<result<std::optional<attributes>>>;
        { f.list(path, sink) } -> std::same_as<result<void>>;
        { f.read(path, offset, into) } -> std::same_as<result<std::size_t>>;
    };
template <class F>
concept path_functions_with_symlinks = path_functions<F> && requires(F& f, path_view path) {
    { f.read_symlink(path) } -> std::same_as<result<std::string>>;
};
template <class F>
concept path_functions_with_xattrs = path_functions<F> && requires(F& f, path_view path) {
    { f.xattrs(path) } -> std::same_as<result<std::vector<std::pair<std::string, std::string>>>>;
};

namespace detail {

// The directories that somebody holds.
class path_nodes {
public:
    struct directory {
        path where;
        std::uint64_t references = 0;
    };

    explicit path_nodes(std::size_t limit) : limit_(limit) { root_ = &*by_path_.try_emplace(std::string()).first; }

    [[nodiscard]] node root() const noexcept { return to_node(root_); }
    [[nodiscard]] path const& where(node n) const noexcept { return from_node(n)->second.where; }
    // Errors: enfile if all nodes are in use.
    [[nodiscard]] result<node> hold(path const& where) {
        std::lock_guard const lock(mutex_);
        auto at = by_path_.find(where.bytes());
        if (at == by_path_.end()) {
            if (by_path_.size() > limit_)
                return fail(errc::enfile, operation::lookup);
            at = by_path_.try_emplace(where.bytes()).first;
            at->second.where = where;
        }
        ++at->second.references;
        return to_node(&*at);
    }
    void retain(node n) {
        std::lock_guard const lock(mutex_);
        ++from_node(n)->second.references;
    }
    void release(node n) {
        std::lock_guard const lock(mutex_);
        auto* const held = from_node(n);
        if (--held->second.references == 0 && held != root_)
            by_path_.erase(by_path_.find(held->first));
    }
    // How many directories are held, the root not counted.
    [[nodiscard]] std::size_t size() const {
        std::lock_guard const lock(mutex_);
        return by_path_.size() - 1;
    }

private:
    // Its elements stay where they are, so a node is the address of one, and its path can be read without the mutex.
    using table = std::map<std::string, directory, std::less<>>;
    using entry = table::value_type;

    [[nodiscard]] static node to_node(entry* e) noexcept {
        return static_cast<node>(reinterpret_cast<std::uintptr_t>(e));
    }
    [[nodiscard]] static entry* from_node(node n) noexcept {
        return reinterpret_cast<entry*>(static_cast<std::uintptr_t>(n));
    }

    mutable std::mutex mutex_;
    table by_path_;
    entry* root_;
    std::size_t limit_;
};

}  // namespace detail

template <class F>
class from_paths : public path_interface<from_paths<F>> {
    using functions = typename held<F>::type;
    static_assert(path_functions<functions>,
                  "lamina::from_paths: this type lacks one of the functions status, list and read, or one has another "
                  "signature than path_functions (backend/from_paths.hpp) asks for");

    struct state {
        held<F> f;
        detail::path_nodes nodes;
        std::uint64_t device;
        state(F&& functions_given, std::size_t limit)
            : f(std::forward<F>(functions_given)),
              nodes(limit),
              device(next_device()) {}
    };

public:
    static constexpr std::size_t nodes_max = 65536;

    // An open file is its path: it reads what is there when it is read.
    class file {
    public:
        // Errors: ebadmsg if the function claims to have read more than it was asked to.
        result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
            std::size_t done = 0;
            while (done < into.size()) {
                auto const left = into.subspan(done);
                LAMINA_TRY(std::size_t const count, of_->f.get().read(path_, offset + done, left));
                if (count > left.size())
                    return fail(errc::ebadmsg, operation::read);
                if (count == 0)
                    break;
                done += count;
            }
            return done;
        }
        result<std::uint64_t> next_data(std::uint64_t offset) {
            LAMINA_TRY(auto const object, status());
            return offset < object.size ? offset : object.size;
        }
        result<std::uint64_t> next_hole(std::uint64_t) {
            LAMINA_TRY(auto const object, status());
            return object.size;
        }
        // Errors: estale if it is no longer there.
        result<attributes> status() {
            LAMINA_TRY(auto const object, look(*of_, path_));
            return object ? result<attributes>(*object) : fail(errc::estale, operation::lookup);
        }

    private:
        friend class from_paths;
        file(state& of, path where) : of_(&of), path_(std::move(where)) {}
        state* of_;
        path path_;
    };
    using file_type = file;

    explicit from_paths(F&& functions_given, std::size_t limit = nodes_max)
        : state_(std::make_unique<state>(std::forward<F>(functions_given), limit)) {}

    [[nodiscard]] node root() const { return state_->nodes.root(); }
    void retain(node n) { state_->nodes.retain(n); }
    void release(node n) { state_->nodes.release(n); }
    [[nodiscard]] capabilities able() const { return {}; }
    // How many directories besides the root somebody holds.
    [[nodiscard]] std::size_t held_nodes() const { return state_->nodes.size(); }

    result<std::optional<attributes>> lookup(node directory, name_ref name) {
        LAMINA_TRY(auto const where, place(directory, name));
        return look(*state_, where);
    }
    // Errors: also enfile if `nodes_max` directories are held.
    result<node> open_directory_at(node directory, name_ref name) {
        LAMINA_TRY(auto const where, place(directory, name));
        LAMINA_TRY(auto const object, look(*state_, where));
        if (!object)
            return fail(errc::enoent, operation::lookup);
        if (!object->is_directory())
            return fail(errc::enotdir, operation::lookup);
        return state_->nodes.hold(where);
    }
    // Errors: also ebadmsg for an entry that no directory can hold.
    result<void> list_at(node directory, entry_sink sink) {
        bool damaged = false;
        LAMINA_CHECK(state_->f.get().list(state_->nodes.where(directory), [&](directory_entry const& entry) {
            damaged = judge_name(entry.name) != errc::ok;
            return !damaged && sink(entry);
        }));
        return damaged ? fail(errc::ebadmsg, operation::list) : result<void>();
    }
    result<file> open_at(node directory, name_ref name, open_flags flags) {
        LAMINA_TRY(auto where, place(directory, name));
        LAMINA_TRY(auto const object, look(*state_, where));
        if (!object)
            return fail(errc::enoent, operation::open);
        if (object->is_directory())
            return fail(errc::eisdir, operation::open);
        if (object->is_symlink())
            return fail(errc::eloop, operation::open);
        if (!object->is_regular())
            return fail(errc::enxio, operation::open);
        if (wants_write(flags))
            return fail(errc::erofs, operation::open);
        return file(*state_, std::move(where));
    }
    result<std::string> read_symlink_at(node directory, name_ref name) {
        LAMINA_TRY(auto const where, place(directory, name));
        LAMINA_TRY(auto const object, look(*state_, where));
        if (!object)
            return fail(errc::enoent, operation::read_symlink);
        if (!object->is_symlink())
            return fail(errc::einval, operation::read_symlink);
        if constexpr (path_functions_with_symlinks<functions>)
            return state_->f.get().read_symlink(where);
        else
            return fail(errc::eopnotsupp, operation::read_symlink);
    }
    result<std::optional<std::string>> get_xattr_at(node directory, name_ref name, std::string_view key) {
        LAMINA_TRY(auto all, all_xattrs(directory, name, operation::get_xattr));
        for (auto& [k, value] : all)
            if (k == key)
                return std::optional<std::string>(std::move(value));
        return std::optional<std::string>();
    }
    result<std::vector<std::string>> list_xattrs_at(node directory, name_ref name) {
        LAMINA_TRY(auto all, all_xattrs(directory, name, operation::list_xattrs));
        std::vector<std::string> keys;
        for (auto& [key, value] : all)
            keys.push_back(std::move(key));
        return keys;
    }

private:
    using attribute_list = std::vector<std::pair<std::string, std::string>>;

    [[nodiscard]] static std::uint64_t next_device() noexcept {
        static std::atomic<std::uint64_t> last{0};
        return (std::uint64_t{1} << 63) | ++last;  // no real device has that bit
    }

    [[nodiscard]] result<path> place(node directory, name_ref name) const {
        auto const& where = state_->nodes.where(directory);
        return name.empty() ? result<path>(where) : where.child(name.text);
    }

    // Objects without a number get one from their path: two with one number would be taken for hard links of each
    // other. As in hash_name, it depends on where the program was loaded, so that nobody can prepare names that
    // collide.
    [[nodiscard]] static result<std::optional<attributes>> look(state& of, path const& where) {
        auto object = of.f.get().status(where);
        if (!object || !*object || (*object)->id != file_id{})
            return object;
        constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ULL;
        std::uint64_t number = odd ^ reinterpret_cast<std::uintptr_t>(&detail::hash_anchor);
        for (char const c : where.bytes())
            number = detail::mix(number ^ static_cast<unsigned char>(c), odd);
        (*object)->id = {of.device, number};
        return object;
    }

    [[nodiscard]] result<attribute_list> all_xattrs(node directory, name_ref name, operation op) {
        LAMINA_TRY(auto const where, place(directory, name));
        LAMINA_TRY(auto const object, look(*state_, where));
        if (!object)
            return fail(errc::enoent, op);
        if constexpr (path_functions_with_xattrs<functions>)
            return state_->f.get().xattrs(where);
        else
            return attribute_list();
    }

    std::unique_ptr<state> state_;
};

template <class F>
from_paths(F&&) -> from_paths<F>;
template <class F>
from_paths(F&&, std::size_t) -> from_paths<F>;

}  // namespace lamina
