// The state of one mount, and the few steps that every request takes on it: from a number to an object, from an object
// to where it lies in the tree, from there to an open file or to attributes. The requests are functions over this
// class: naming.hpp, metadata.hpp, data.hpp and directories.hpp.
//
// Files are not opened by request: the kernel is told that there is no OPEN (but see passthrough), so reading what it
// has in its cache asks nobody. A file is opened here when its data is first asked for, once for all who have it open,
// and stays so until others are wanted more. Nobody tells when the last one closes a file; so a regular file that is
// about to lose its last name is opened before, and held until the kernel forgets it. That keeps what unlink(2)
// promises to those who have it open.
//
// Concurrency: any number of requests at a time. The kernel orders those that change one directory, and those that
// change one object; what it leaves unordered (a read beside a rename) is judged by `moves` (object_table.hpp). Locks:
// the table's mutex, and no other; it is never held while the backend is called.
#pragma once

#include <malloc.h>  // malloc_trim

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/file_copy.hpp>
#include <lamina/backend/traits.hpp>
#include <lamina/core/xattr.hpp>
#include <lamina/fuse/long_requests.hpp>
#include <lamina/fuse/object_table.hpp>
#include <lamina/fuse/options.hpp>
#include <lamina/fuse/ordered_listing.hpp>
#include <lamina/fuse/translate.hpp>

namespace lamina::detail {

template <class File>
struct mounted_file {
    File file;
    bool writes = false;
    std::atomic<bool> used{true};  // since it was last looked at for closing
    mounted_file(File f, bool w) : file(std::move(f)), writes(w) {}
};

// What an object has beside its names, while it has any of it.
template <class File>
struct mounted_part {
    std::shared_ptr<mounted_file<File>> file;
    std::shared_ptr<ordered_listing const> names;  // of a directory
    bool names_stale = false;
    enum class inherits : std::uint8_t { unknown, nothing, acl } default_acl = inherits::unknown;
    std::optional<attributes> last;  // as it was when it lost its last name
    // Where files are opened by request:
    std::uint32_t opens = 0;
    int backing = 0;  // what the kernel reads and writes by itself; 0: nothing
};

template <readable_backend B>
class mount_server {
public:
    using backend = B;
    using file = mounted_file<file_of<B>>;
    using part = mounted_part<file_of<B>>;
    struct dispose {
        mount_server* server;
        void operator()(node directory, file_type type, std::unique_ptr<part> rest) const {
            if (type == file_type::directory && directory != server->tree.root())
                server->tree.release(directory);
            if (rest != nullptr && rest->file != nullptr)
                --server->open_files_;
        }
    };
    using table = object_table<part, dispose>;
    using object = typename table::object;
    using hold = typename table::hold;
    using shared_file = std::shared_ptr<file>;

    B& tree;
    mount_options const options;
    table objects;
    // As the kernel and this side agreed when the mount began.
    bool opens_by_request = false;
    bool passes_through = false;
    bool began = false;
    bool uses_rings = false;     // requests come by io_uring
    long_requests long_ones;     // of those that come so
    bool clears_set_id = false;  // the kernel tells when that is to be done
    bool opens_directories = false;

    mount_server(B& of, mount_options given) : tree(of), options(std::move(given)), objects(dispose{this}) {
        objects.add_root(tree.root());
    }

    // Errors: estale for a number that means nothing (any more).
    [[nodiscard]] result<hold> held(std::uint64_t id) {
        if (auto found = objects.find(id))
            return found;
        return fail(errc::estale);
    }
    [[nodiscard]] result<hold> held_directory(std::uint64_t id) {
        LAMINA_TRY(auto found, held(id));
        if (found->type != file_type::directory)
            return fail(errc::enotdir);
        return found;
    }

    // act(directory, name) at a place where the object lies. Errors: estale if it has no name; those of `act`.
    template <class F>
    auto at_place(object& of, F&& act) -> std::invoke_result_t<F&, node, name_ref> {
        if (of.type == file_type::directory)
            return act(of.directory, name_ref{});
        for (;;) {
            typename table::place where;
            if (!objects.locate(of, where))
                return fail(errc::estale);
            auto outcome = act(where.directory(), where.name());
            if (!objects.moved_since(of, where.moves))
                return outcome;
        }
    }

    // The file, opened before or now. Errors: those of opening it; estale if it has no name and was not open.
    [[nodiscard]] result<shared_file> file_of_object(object& of, bool writing) {
        shared_file known = objects.locked([&] { return of.part != nullptr ? of.part->file : nullptr; });
        if (known != nullptr && (known->writes || !writing)) {
            known->used.store(true, std::memory_order_relaxed);
            return known;
        }
        auto opened = at_place(of, [&](node directory, name_ref name) -> result<shared_file> {
            LAMINA_TRY(auto made, tree.open_at(directory, name, writing ? open_flags::read_write : open_flags::read));
            return std::make_shared<file>(std::move(made), writing);
        });
        if (!opened && opened.error() == errc::estale && writing && known != nullptr) {
            LAMINA_TRY(auto own, own_copy(known->file));
            opened = std::make_shared<file>(std::move(own), true);
            objects.forget_number(of);  // other names of the old one name something else now
        }
        if (!opened)
            return opened;
        return install(of, *std::move(opened));
    }
    // A file that was just created, or opened by request.
    shared_file install(object& of, shared_file opened) {
        shared_file replaced;
        bool fresh = false;
        auto kept = objects.locked([&] {
            auto& parts = of.parts();
            fresh = parts.file == nullptr;
            if (!fresh && (parts.file->writes || !opened->writes))
                return parts.file;
            replaced = std::exchange(parts.file, opened);
            return opened;
        });
        if (fresh) {
            ++open_files_;
            std::lock_guard const lock(opened_guard_);
            opened_.push_back(of.id);
        }
        close_some();
        return kept;
    }

    // As they are now. An object that has lost its last name answers for itself where it is open, else with what it
    // was.
    [[nodiscard]] result<attributes> attributes_of(object& of) {
        auto found = at_place(of, [&](node directory, name_ref name) -> result<attributes> {
            LAMINA_TRY(auto const there, tree.lookup(directory, name));
            if (!there || there->type != of.type)
                return fail(errc::enoent);
            return *there;
        });
        if (found) {
            // A lower directory is there yet.
            if (of.type == file_type::directory && is_removed(of))
                found->nlink = 0;
            return found;
        }
        auto const [open, last] = objects.locked([&] {
            return std::pair(of.part != nullptr ? of.part->file : nullptr,
                             of.part != nullptr ? of.part->last : std::nullopt);
        });
        if (!last)
            return found;
        if (open != nullptr)
            if (auto now = open->file.status()) {
                now->id = last->id;
                now->nlink = std::min(now->nlink, last->nlink);
                return now;
            }
        return *last;
    }

    [[nodiscard]] bool is_removed(object& of) {
        return objects.locked([&] { return !of.named && of.part != nullptr && of.part->last; });
    }

    // Whether to change this may mean to copy up a file that is large: small ones take less time than to wake a thread.
    [[nodiscard]] bool may_copy_up(object& of) {
        constexpr std::uint64_t large = std::uint64_t{1} << 20;
        if (of.type != file_type::regular ||
            objects.locked([&] { return of.part != nullptr && of.part->file != nullptr && of.part->file->writes; }))
            return false;
        auto const known = attributes_of(of);
        return !known || known->size > large;
    }
    [[nodiscard]] bool may_copy_up(std::uint64_t id) {
        auto const of = uses_rings ? objects.find(id) : hold();
        return of && may_copy_up(*of);
    }
    [[nodiscard]] bool may_copy_up(std::uint64_t directory, std::string_view name) {
        auto const in = uses_rings ? objects.find(directory) : hold();
        auto const of = in ? objects.find(*in, name) : hold();
        return of && may_copy_up(*of);
    }

    // The object that was found under a name, with one lookup more for the kernel; its number.
    [[nodiscard]] result<std::uint64_t> enter(object& directory, name_ref name, attributes const& found) {
        return objects.enter(directory, name, found, keeps_links(directory.directory, name, found),
                             [&] { return tree.open_directory_at(directory.directory, name); });
    }

    // Before a name of the object goes. If it is the last that is known, the object is made to work without.
    void prepare_parting(object& of) {
        bool const last_name = objects.locked([&] { return of.named && of.first.further == nullptr; });
        if (!last_name)
            return;
        auto known = attributes_of(of);
        if (!known)
            return;
        known->nlink = of.type == file_type::directory ? 0 : known->nlink - std::min<std::uint64_t>(known->nlink, 1);
        bool const may_be_open = objects.locked([&] {
            auto& parts = of.parts();
            parts.last = *known;
            return !opens_by_request || parts.opens != 0;
        });
        // To read, since to open it for writing would copy a lower file up; who writes yet gets a copy of his own.
        // Where that fails, those who have it open will be told when they read.
        if (of.type != file_type::regular || !may_be_open)
            return;
        auto const open = file_of_object(of, false);
        // Who writes to it by a handle writes to what has other names, which are not known here and may never be. In
        // the upper layer that costs nothing.
        if constexpr (has_data_descriptor<file_of<B>>)
            if (open && known->nlink != 0 && (*open)->file.descriptor_is_final())
                (void)file_of_object(of, true);
    }
    // The name went.
    void settle_parting(object& of) {
        if (objects.locked(
                [&] { return !of.named && of.part != nullptr && of.part->last && of.part->last->nlink == 0; }))
            objects.forget_number(of);
    }
    // The name did not go.
    void keep_parting(object& of) {
        objects.locked([&] {
            if (of.part != nullptr && of.named)
                of.part->last.reset();
        });
    }

    // When the kernel has shrunk its caches, so does this process: glibc keeps what was freed between what was not.
    void count_forgotten(std::size_t count) noexcept {
        constexpr std::size_t worth_it = 50'000;
        if (forgotten_.fetch_add(count) + count < worth_it)
            return;
        forgotten_ = 0;
#ifdef __GLIBC__
        malloc_trim(0);
#endif
    }

    void names_changed(object& directory) {
        objects.locked([&] {
            if (directory.part != nullptr)
                directory.part->names_stale = true;
        });
    }

    // Whether what is made in a directory takes its ACL from it, and not its mode from the umask.
    [[nodiscard]] bool has_default_acl(object& directory) {
        using inherits = typename part::inherits;
        if (!options.acls || !options.xattrs)
            return false;
        auto const known =
            objects.locked([&] { return directory.part != nullptr ? directory.part->default_acl : inherits::unknown; });
        if (known != inherits::unknown)
            return known == inherits::acl;
        auto const found = tree.get_xattr_at(directory.directory, name_ref{}, xattr::acl_default);
        bool const has = found && found->has_value();
        if (found || found.error() == errc::eopnotsupp)
            objects.locked([&] { directory.parts().default_acl = has ? inherits::acl : inherits::nothing; });
        return has;
    }
    void default_acl_changed(object& directory) {
        objects.locked([&] {
            if (directory.part != nullptr)
                directory.part->default_acl = part::inherits::unknown;
        });
    }

private:
    // Whether all names of what was found stay one object, whatever is done to it.
    [[nodiscard]] bool keeps_links(node directory, name_ref name, attributes const& found) {
        if (found.nlink < 2 || found.is_directory() || !tree.able().has(capability::separates_links))
            return true;
        if constexpr (has_data_descriptor<file_of<B>>)
            if (found.is_regular())
                if (auto open = tree.open_at(directory, name, open_flags::read))
                    return open->descriptor_is_final();
        return false;
    }
    // The content of a file whose name is gone, where it can be written: in a file without a name.
    [[nodiscard]] result<file_of<B>> own_copy(file_of<B>& from) {
        if constexpr (makes_unnamed_files<B>) {
            LAMINA_TRY(auto const as, from.status());
            LAMINA_TRY(auto made, tree.create_unnamed(tree.root(), 0600));
            std::vector<std::byte> buffer(std::size_t{1} << 16);
            LAMINA_CHECK(copy_content(from, made, as, tree.able(), buffer));
            LAMINA_CHECK(made.set_owner(as.uid, as.gid));
            if constexpr (reads_xattrs<file_of<B>>) {
                LAMINA_TRY(auto const keys, from.list_xattrs());
                for (auto const& key : keys) {
                    LAMINA_TRY(auto const value, from.get_xattr(key));
                    if (value)
                        LAMINA_CHECK(made.set_xattr(key, *value, xattr_flags::none));
                }
            }
            LAMINA_CHECK(made.set_mode(as.mode));
            LAMINA_CHECK(made.set_times(time_change::both(as.atime, as.mtime)));
            return made;
        } else {
            (void)from;
            return fail(errc::estale);
        }
    }

    // Closes what was not used lately, while too many files are open. What has no name any more stays.
    void close_some() {
        for (std::size_t looked = 0; looked < 64; ++looked) {
            std::uint64_t oldest = 0;
            {
                std::lock_guard const lock(opened_guard_);
                // Also those that ended open are taken out, or the list would grow with each file there ever was.
                bool const outgrown = opened_.size() > 2 * (open_files_ + options.open_files);
                if (opened_.empty() || (open_files_ <= options.open_files && !outgrown))
                    return;
                oldest = opened_.front();
                opened_.pop_front();
            }
            auto const of = objects.find(oldest);
            if (!of)
                continue;
            shared_file closing;
            bool const stays = objects.locked([&] {
                if (of->part == nullptr || of->part->file == nullptr)
                    return false;
                if (open_files_ <= options.open_files)
                    return true;
                // What is about to lose its last name (prepare_parting) is as what has lost it.
                if (!of->named || of->part->last || of->part->opens != 0 || of->part->file->used.exchange(false))
                    return true;
                closing = std::move(of->part->file);
                return false;
            });
            if (stays) {
                std::lock_guard const lock(opened_guard_);
                opened_.push_back(oldest);
            } else if (closing != nullptr) {
                --open_files_;
            }
        }
    }

    std::atomic<std::size_t> forgotten_{0};
    std::mutex opened_guard_;
    std::deque<std::uint64_t> opened_;  // oldest first; some are closed by now
    std::atomic<std::size_t> open_files_{0};
};

}  // namespace lamina::detail
