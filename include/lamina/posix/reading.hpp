// The half of posix_directory that finds, lists and reads, and what both halves stand on: a name of a node as
// arguments of one system call.
//
// Concurrency: any member from any thread; nothing here changes but the records (tree.hpp).
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/posix/enter.hpp>
#include <lamina/posix/file.hpp>
#include <lamina/posix/fwd.hpp>
#include <lamina/posix/handle.hpp>
#include <lamina/posix/listing.hpp>
#include <lamina/posix/probe.hpp>
#include <lamina/posix/xattr.hpp>

namespace lamina {

struct posix_options {
    // Enter what is mounted below the root. Otherwise a mount is a boundary: it can be looked up, and to enter or
    // open it is exdev. (Attributes that are set by the name of a mount point are set on what is mounted: Linux has
    // no other call.)
    bool cross_mounts = false;
    // Reading and listing leave access times alone, where the kernel grants that: to the owner, and to CAP_FOWNER.
    // Reading a symbolic link always counts as an access.
    bool no_atime = true;
    // Use nothing newer than Linux 4.11: for tests, and under a filter that kills instead of refusing.
    bool old_calls_only = false;
    // How many directories below the root may stay open for this backend. 0: all such backends together keep 1,024,
    // or a quarter of RLIMIT_NOFILE if that is less. The root is always open.
    std::size_t max_descriptors = 0;
};

namespace detail {

// Requires, of every member: the node is held, and the name is one component or empty.
class directory_reading {
public:
    using file_type = posix_file;

    [[nodiscard]] node root() const noexcept { return to_node(state_->root); }
    void retain(node held) { tree().retain(record_of(held)); }
    void release(node held) { tree().release(&record_of(held)); }

    // What this directory can do: assumed from its file system and the process's privileges, or known from a trial.
    [[nodiscard]] capabilities able() const noexcept { return state_->able.load(std::memory_order_relaxed); }

    // The attributes of what is there, a link itself. Empty if there is no such name. A mount point shows what is
    // mounted on it. Errors: enoent if `name` is empty and the directory has been removed.
    [[nodiscard]] result<std::optional<attributes>> lookup(node dir, name_ref name) {
        struct stat object;
        auto const found = on_object(operation::lookup, dir, name, [&](int at, char const* text, int flags) {
            return ::fstatat(at, text, &object, flags | AT_NO_AUTOMOUNT);
        });
        if (!found) {
            if (found.error() == errc::enoent && !name.empty())
                return std::optional<attributes>();
            return unexpected(found.error());
        }
        if (name.empty() && object.st_nlink == 0)
            return fail(errc::enoent, operation::lookup);
        return std::optional<attributes>(to_attributes(object));
    }

    // A retained node. Errors: enoent, enotdir (also for a link), exdev for a mount, eacces.
    [[nodiscard]] result<node> open_directory_at(node dir, name_ref name) {
        if (name.empty()) {
            retain(dir);
            return dir;
        }
        terminated_name const text(name.text);
        if (text.judged() != errc::ok)
            return fail(text.judged(), operation::lookup);
        LAMINA_TRY(auto* const record, open_child(tree(), record_of(dir), name, text.c_str(),
                                                          state_->how, *state_->budget));
        return to_node(record);
    }

    // See concept `descends`.
    [[nodiscard]] descent descend(node from, std::string_view names) {
        return descend_from(tree(), record_of(from), names, state_->how, *state_->budget);
    }

    // Each call reads a directory opened for it alone, with one buffer, and calls the sink with nothing held.
    // Errors: enoent, estale, eacces without read permission.
    [[nodiscard]] result<void> list_at(node dir, entry_sink sink) {
        owned_fd opened;
        {
            LAMINA_TRY(auto at, pin(dir, operation::list));
            opened = open_for_listing(at.fd(), state_->no_atime);
        }
        if (!opened)
            return last_error(operation::list);
        return read_entries(opened.get(), sink);
    }

    // A regular file. One system call more than open_known_regular_at: the type is asked first, since to open a
    // device or a fifo has effects of its own. Errors: enoent, eisdir, eloop, enxio, exdev, eacces, einval (flags).
    [[nodiscard]] result<posix_file> open_at(node dir, name_ref name, open_flags flags) {
        struct stat object;
        LAMINA_CHECK(on_object(operation::open, dir, name, [&](int at, char const* text, int how) {
            return ::fstatat(at, text, &object, how | AT_NO_AUTOMOUNT);
        }));
        if (S_ISDIR(object.st_mode))
            return fail(errc::eisdir, operation::open);
        if (S_ISLNK(object.st_mode))
            return fail(errc::eloop, operation::open);
        if (!S_ISREG(object.st_mode))
            return fail(errc::enxio, operation::open);
        return open_known_regular_at(dir, name, flags);
    }

    // The same without the look. What has meanwhile become a device or a fifo is opened without waiting, a directory
    // only for reading, a link never. Requires: the caller has just seen a regular file there.
    [[nodiscard]] result<posix_file> open_known_regular_at(node dir, name_ref name, open_flags flags) {
        int const mode = to_open_mode(flags);
        if (mode < 0)
            return fail(errc::einval, operation::open);
        owned_fd opened;
        LAMINA_CHECK(on_name(operation::open, dir, name, errc::eisdir, [&](int at, char const* text) {
            bool const quiet = state_->no_atime && mode == O_RDONLY;
            opened = open_name(at, text, mode | open_always | (quiet ? O_NOATIME : 0), state_->how);
            if (!opened && quiet && errno == EPERM)
                opened = open_name(at, text, mode | open_always, state_->how);
            return opened ? 0 : -1;
        }));
        return posix_file(std::move(opened));
    }

    // The target's bytes. Errors: enoent, einval if it is no link.
    [[nodiscard]] result<std::string> read_symlink_at(node dir, name_ref name) {
        std::string large;
        char small[256];
        char* buffer = small;
        std::size_t size = sizeof small;
        for (;;) {
            ssize_t length = 0;
            LAMINA_CHECK(on_name(operation::read_symlink, dir, name, errc::einval, [&](int at, char const* text) {
                length = ::readlinkat(at, text, buffer, size);
                return length < 0 ? -1 : 0;
            }));
            if (static_cast<std::size_t>(length) < size)
                return std::string(buffer, static_cast<std::size_t>(length));
            large.resize(size * 8);  // it may be cut off
            buffer = large.data();
            size = large.size();
        }
    }

    // Empty if there is no such attribute, or none at all in this file system. Errors: enoent, erange (the key).
    [[nodiscard]] result<std::optional<std::string>> get_xattr_at(node dir, name_ref name, std::string_view key) {
        return with(operation::get_xattr, dir, name, [&](int at, char const* text) {
            return get_attribute(at, text, key, state_->how);
        });
    }
    // Empty also where this file system has none. Errors: enoent.
    [[nodiscard]] result<std::vector<std::string>> list_xattrs_at(node dir, name_ref name) {
        return with(operation::list_xattrs, dir, name,
                    [&](int at, char const* text) { return list_attributes(at, text, state_->how); });
    }

    // What names the object for good; no link is followed. Errors: enoent; eopnotsupp where the file system has no
    // handles or no UUID, and for what is mounted below the root.
    [[nodiscard]] result<object_handle> handle_at(node dir, name_ref name) {
        LAMINA_TRY(auto const* const source, handles());
        return with(operation::lookup, dir, name, [&](int at, char const* text) -> result<object_handle> {
            LAMINA_TRY(auto found, bare_handle_of(at, text));
            if (found.mount != source->mount)
                return fail(errc::eopnotsupp, operation::lookup);
            return object_handle{source->file_system, found.type, std::move(found.id)};
        });
    }
    [[nodiscard]] std::optional<std::uint64_t> inode_of(object_handle const& handle) {
        auto const source = handles();
        if (!source || (*source)->file_system != handle.file_system)
            return std::nullopt;
        return inode_in(handle);
    }

protected:
    directory_reading(owned_fd root, posix_options const& options) : state_(std::make_unique<state>()) {
        state_->how = {options.cross_mounts, options.old_calls_only, file_system(root.get()).identity()};
        state_->no_atime = options.no_atime;
        state_->able.store(assume_capabilities(root.get(), state_->how), std::memory_order_relaxed);
        state_->budget = &tree().use_budget(options.max_descriptors);
        state_->root = tree().plant(std::move(root), state_->how, *state_->budget);
    }
    directory_reading(directory_reading&&) = default;
    directory_reading& operator=(directory_reading&&) = default;
    ~directory_reading() = default;

    [[nodiscard]] static directory_tree& tree() { return directory_tree::of_process(); }
    [[nodiscard]] resolution how() const noexcept { return state_->how; }
    void learn(capabilities known) noexcept { state_->able.store(known, std::memory_order_relaxed); }

    [[nodiscard]] static result<pinned_directory> pin(node dir, operation op) { return tree().pin(record_of(dir), op); }

    // call(descriptor, name), where an empty name means the directory and the call knows what to do with it.
    template <class Call>
    static auto with(operation op, node dir, name_ref name, Call&& call) -> decltype(call(0, "")) {
        terminated_name const text(name.text);
        if (text.judged() != errc::ok)
            return fail(text.judged(), op);
        LAMINA_TRY(auto const at, pin(dir, op));
        return call(at.fd(), text.c_str());
    }
    // call(descriptor, name, flags), a system call that takes AT_EMPTY_PATH. 0 is success.
    template <class Call>
    [[nodiscard]] static result<void> on_object(operation op, node dir, name_ref name, Call&& call) {
        int const flags = name.empty() ? AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
        return with(op, dir, name, [&](int at, char const* text) -> result<void> {
            if (uninterrupted([&] { return call(at, text, flags); }) != 0)
                return last_error(op);
            return {};
        });
    }
    // call(descriptor, name), a system call that wants a name; without one the answer is `if_empty`. 0 is success.
    template <class Call>
    [[nodiscard]] static result<void> on_name(operation op, node dir, name_ref name, errc if_empty, Call&& call) {
        if (name.empty())
            return fail(if_empty, op);
        return with(op, dir, name, [&](int at, char const* text) -> result<void> {
            if (uninterrupted([&] { return call(at, text); }) != 0)
                return last_error(op);
            return {};
        });
    }

private:
    // Never waits (a fifo, a lease), never becomes a controlling terminal.
    static constexpr int open_always = O_NONBLOCK | O_NOCTTY;

    // The access mode and what goes with it; -1 if `flags` make no sense here.
    [[nodiscard]] static constexpr int to_open_mode(open_flags flags) noexcept {
        if (has(flags, open_flags::create | open_flags::exclusive))
            return -1;
        bool const reads = has(flags, open_flags::read);
        bool const writes = wants_write(flags);
        if (!reads && !writes)
            return -1;
        int mode = !writes ? O_RDONLY : reads ? O_RDWR : O_WRONLY;
        if (has(flags, open_flags::append))
            mode |= O_APPEND;
        if (has(flags, open_flags::truncate))
            mode |= O_TRUNC;
        return mode;
    }

    // Asked for once: most layers are never asked for a handle.
    [[nodiscard]] result<handle_source const*> handles() {
        std::call_once(state_->handles_asked, [this] {
            auto const at = pin(root(), operation::lookup);
            if (!at) {
                state_->handles_from = unexpected(at.error());
                return;
            }
            owned_fd const opened = open_for_listing(at->fd(), state_->no_atime);
            state_->handles_from = opened ? find_handle_source(opened.get()) : last_error(operation::lookup);
        });
        if (!state_->handles_from)
            return unexpected(state_->handles_from.error());
        return &*state_->handles_from;
    }

    // Behind a pointer, so that a directory can be moved while nodes and files of it are held.
    struct state {
        resolution how;
        bool no_atime = true;
        std::atomic<capabilities> able;
        descriptor_budget* budget = nullptr;
        directory_record* root = nullptr;
        std::once_flag handles_asked;
        result<handle_source> handles_from = fail(errc::eopnotsupp, operation::lookup);

        state() = default;
        state(state const&) = delete;
        state& operator=(state const&) = delete;
        ~state() {
            if (root != nullptr)
                tree().release(root);
            if (budget != nullptr)
                tree().drop_budget(*budget);
        }
    };
    std::unique_ptr<state> state_;
};

}  // namespace detail
}  // namespace lamina
