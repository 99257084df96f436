// A writable backend for the tests of adaptors: small enough to be seen through, and with every optional primitive,
// so that what an adaptor passes on can be told from what it leaves out. It counts retained nodes and keeps what
// owners it is told.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <lamina/backend/paths.hpp>
#include <lamina/backend/concepts.hpp>

namespace lamina::testing {

struct small_object {
    attributes about;
    std::string bytes;  // of a file, or a link's target
    std::map<std::string, std::shared_ptr<small_object>, std::less<>> names;
    std::map<std::string, std::string, std::less<>> xattrs;
};

class small_file {
public:
    small_file(std::shared_ptr<std::mutex> mutex, std::shared_ptr<small_object> object, bool writes)
        : mutex_(std::move(mutex)),
          object_(std::move(object)),
          writes_(writes) {}

    result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
        std::lock_guard const lock(*mutex_);
        auto const& bytes = object_->bytes;
        if (offset >= bytes.size())
            return std::size_t{0};
        auto const count = std::min<std::size_t>(into.size(), bytes.size() - offset);
        std::memcpy(into.data(), bytes.data() + offset, count);
        return count;
    }
    result<std::uint64_t> next_data(std::uint64_t offset) {
        std::lock_guard const lock(*mutex_);
        return std::min<std::uint64_t>(offset, object_->bytes.size());
    }
    result<std::uint64_t> next_hole(std::uint64_t) {
        std::lock_guard const lock(*mutex_);
        return static_cast<std::uint64_t>(object_->bytes.size());
    }
    result<attributes> status() {
        std::lock_guard const lock(*mutex_);
        return object_->about;
    }
    result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) {
        if (!writes_)
            return fail(errc::ebadf, operation::write);
        std::lock_guard const lock(*mutex_);
        if (offset + bytes.size() > object_->bytes.size())
            object_->bytes.resize(offset + bytes.size());
        std::memcpy(object_->bytes.data() + offset, bytes.data(), bytes.size());
        object_->about.size = object_->bytes.size();
        return bytes.size();
    }
    result<std::size_t> append(std::span<std::byte const> bytes) { return write_at(bytes, object_->bytes.size()); }
    result<void> resize(std::uint64_t size) {
        if (!writes_)
            return fail(errc::ebadf, operation::resize);
        std::lock_guard const lock(*mutex_);
        object_->bytes.resize(size);
        object_->about.size = size;
        return {};
    }
    result<void> sync(sync_kind) { return {}; }
    result<void> set_mode(mode_bits mode) {
        std::lock_guard const lock(*mutex_);
        object_->about.mode = mode;
        return {};
    }
    result<void> set_owner(user_id uid, group_id gid) {
        std::lock_guard const lock(*mutex_);
        object_->about.uid = uid == keep_user ? object_->about.uid : uid;
        object_->about.gid = gid == keep_group ? object_->about.gid : gid;
        return {};
    }
    result<void> set_times(time_change const& times) {
        std::lock_guard const lock(*mutex_);
        object_->about.mtime = times.mtime;
        return {};
    }
    result<std::optional<std::string>> get_xattr(std::string_view key) {
        std::lock_guard const lock(*mutex_);
        auto const at = object_->xattrs.find(key);
        return at == object_->xattrs.end() ? std::nullopt : std::optional(at->second);
    }
    result<std::vector<std::string>> list_xattrs() {
        std::lock_guard const lock(*mutex_);
        std::vector<std::string> keys;
        for (auto const& each : object_->xattrs)
            keys.push_back(each.first);
        return keys;
    }
    result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags) {
        std::lock_guard const lock(*mutex_);
        object_->xattrs[std::string(key)] = value;
        return {};
    }
    result<std::uint64_t> copy_range_from(small_file& from, std::uint64_t from_offset, std::uint64_t to_offset,
                                          std::uint64_t count) {
        std::string bytes(count, '\0');
        auto const got = from.read_at(std::as_writable_bytes(std::span(bytes)), from_offset);
        auto const put = write_at(std::as_bytes(std::span(bytes)).first(*got), to_offset);
        if (!put)
            return unexpected(put.error());
        return static_cast<std::uint64_t>(*put);
    }
    result<void> clone_from(small_file& from) {
        auto const bytes = from.object_->bytes;
        LAMINA_CHECK(resize(0));
        LAMINA_CHECK(write_at(std::as_bytes(std::span(bytes)), 0));
        return {};
    }
    [[nodiscard]] std::shared_ptr<small_object> const& object() const { return object_; }

private:
    std::shared_ptr<std::mutex> mutex_;
    std::shared_ptr<small_object> object_;
    bool writes_;
};

class small_tree : public path_interface<small_tree> {
public:
    using file_type = small_file;

    small_tree() {
        root_ = make(lamina::file_type::directory, 0755);
        work_ = make(lamina::file_type::directory, 0700);
    }
    [[nodiscard]] long retained() const { return *retained_; }

    [[nodiscard]] node root() const { return to_node(root_); }
    [[nodiscard]] node work_root() const { return to_node(work_); }
    void retain(node) { ++*retained_; }
    void release(node) { --*retained_; }
    [[nodiscard]] capabilities able() const {
        return capability::write | capability::unnamed_files | capability::exchange;
    }

    result<std::optional<attributes>> lookup(node d, name_ref n) {
        std::lock_guard const lock(*mutex_);
        auto const found = find(d, n);
        if (!found)
            return std::optional<attributes>();
        return std::optional<attributes>(found->about);
    }
    result<node> open_directory_at(node d, name_ref n) {
        std::lock_guard const lock(*mutex_);
        auto const found = find(d, n);
        if (!found)
            return fail(errc::enoent, operation::lookup);
        if (!found->about.is_directory())
            return fail(errc::enotdir, operation::lookup);
        ++*retained_;
        return to_node(found);
    }
    descent descend(node from, std::string_view names) {
        std::lock_guard const lock(*mutex_);
        ++descents;
        ++*retained_;
        std::size_t used = 0;
        auto* here = from_node(from);
        for (;;) {
            auto const name = names.substr(used, names.find('/', used) - used);
            auto const found = here->names.find(name);
            if (found == here->names.end() || !found->second->about.is_directory())
                return {static_cast<node>(reinterpret_cast<std::uintptr_t>(here)), used};
            here = found->second.get();
            used = std::min(names.size(), used + name.size() + 1);
        }
    }
    result<void> list_at(node d, entry_sink sink) {
        std::lock_guard const lock(*mutex_);
        for (auto const& [name, object] : from_node(d)->names)
            if (!sink({name, object->about.type, object->about.id.inode}))
                break;
        return {};
    }
    result<small_file> open_at(node d, name_ref n, open_flags flags) {
        std::lock_guard const lock(*mutex_);
        auto const found = find(d, n);
        if (!found)
            return fail(errc::enoent, operation::open);
        switch (found->about.type) {
        case lamina::file_type::regular: break;
        case lamina::file_type::directory: return fail(errc::eisdir, operation::open);
        case lamina::file_type::symlink: return fail(errc::eloop, operation::open);
        default: return fail(errc::enxio, operation::open);
        }
        if (has(flags, open_flags::truncate)) {
            found->bytes.clear();
            found->about.size = 0;
        }
        return small_file(mutex_, found, wants_write(flags));
    }
    result<std::string> read_symlink_at(node d, name_ref n) {
        std::lock_guard const lock(*mutex_);
        auto const found = find(d, n);
        if (!found)
            return fail(errc::enoent, operation::read_symlink);
        if (!found->about.is_symlink())
            return fail(errc::einval, operation::read_symlink);
        return found->bytes;
    }
    result<std::optional<std::string>> get_xattr_at(node d, name_ref n, std::string_view key) {
        std::lock_guard const lock(*mutex_);
        auto const found = find(d, n);
        if (!found)
            return fail(errc::enoent, operation::get_xattr);
        auto const at = found->xattrs.find(key);
        return at == found->xattrs.end() ? std::nullopt : std::optional(at->second);
    }
    result<std::vector<std::string>> list_xattrs_at(node d, name_ref n) {
        std::lock_guard const lock(*mutex_);
        auto const found = find(d, n);
        if (!found)
            return fail(errc::enoent, operation::list_xattrs);
        std::vector<std::string> keys;
        for (auto const& each : found->xattrs)
            keys.push_back(each.first);
        return keys;
    }

    result<small_file> create_at(node d, name_ref n, mode_bits mode) {
        LAMINA_TRY(auto made, add(d, n, lamina::file_type::regular, mode, operation::create));
        return small_file(mutex_, made, true);
    }
    result<void> create_directory_at(node d, name_ref n, mode_bits mode) {
        LAMINA_CHECK(add(d, n, lamina::file_type::directory, mode, operation::create_directory));
        return {};
    }
    result<void> create_symlink_at(node d, name_ref n, std::string_view target) {
        LAMINA_TRY(auto made, add(d, n, lamina::file_type::symlink, 0777, operation::create_symlink));
        made->bytes = target;
        return {};
    }
    result<void> create_node_at(node d, name_ref n, lamina::file_type type, mode_bits mode, device_number device) {
        LAMINA_TRY(auto made, add(d, n, type, mode, operation::create_node));
        made->about.rdev = device;
        return {};
    }
    result<small_file> create_unnamed(node, mode_bits mode) {
        std::lock_guard const lock(*mutex_);
        return small_file(mutex_, make(lamina::file_type::regular, mode), true);
    }
    result<void> publish_at(small_file& file, node d, name_ref n) { return put(d, n, file.object(), operation::link); }
    result<void> link_at(node d, name_ref n, node to, name_ref to_name) {
        std::shared_ptr<small_object> found;
        {
            std::lock_guard const lock(*mutex_);
            found = find(d, n);
        }
        if (!found)
            return fail(errc::enoent, operation::link);
        if (found->about.is_directory())
            return fail(errc::eperm, operation::link);
        return put(to, to_name, found, operation::link);
    }
    result<void> rename_at(node d, name_ref n, node to, name_ref to_name, rename_flags flags) {
        std::lock_guard const lock(*mutex_);
        auto source = find(d, n);
        auto target = find(to, to_name);
        if (!source || (has(flags, rename_flags::exchange) && !target))
            return fail(errc::enoent, operation::rename);
        if (target && has(flags, rename_flags::no_replace))
            return fail(errc::eexist, operation::rename);
        if (source == target)
            return {};
        from_node(d)->names.erase(std::string(n.text));
        from_node(to)->names[std::string(to_name.text)] = source;
        if (has(flags, rename_flags::exchange))
            from_node(d)->names[std::string(n.text)] = target;
        return {};
    }
    result<void> remove_at(node d, name_ref n) { return take(d, n, false, operation::remove); }
    result<void> remove_directory_at(node d, name_ref n) { return take(d, n, true, operation::remove_directory); }
    result<void> remove_tree_at(node d, name_ref n) {
        std::lock_guard const lock(*mutex_);
        from_node(d)->names.erase(std::string(n.text));
        return {};
    }
    result<void> set_mode_at(node d, name_ref n, mode_bits mode) {
        return change(d, n, operation::set_mode, [&](small_file& f) { return f.set_mode(mode); });
    }
    result<void> set_owner_at(node d, name_ref n, user_id uid, group_id gid) {
        return change(d, n, operation::set_owner, [&](small_file& f) { return f.set_owner(uid, gid); });
    }
    result<void> set_times_at(node d, name_ref n, time_change const& times) {
        return change(d, n, operation::set_times, [&](small_file& f) { return f.set_times(times); });
    }
    result<void> set_xattr_at(node d, name_ref n, std::string_view key, std::string_view value, xattr_flags flags) {
        return change(d, n, operation::set_xattr, [&](small_file& f) { return f.set_xattr(key, value, flags); });
    }
    result<void> remove_xattr_at(node d, name_ref n, std::string_view key) {
        return change(d, n, operation::remove_xattr, [&](small_file& f) -> result<void> {
            return f.object()->xattrs.erase(std::string(key)) == 0 ? fail(errc::enodata, operation::remove_xattr)
                                                                   : result<void>();
        });
    }
    result<void> resize_at(node d, name_ref n, std::uint64_t size) {
        return change(d, n, operation::resize, [&](small_file& f) { return f.resize(size); });
    }
    result<void> sync_directory(node) { return {}; }
    result<space_info> space() { return space_info{1000, 500, 400, 255}; }

    result<int> claim(node) { return ++claims == 1 ? result<int>(1) : fail(errc::ebusy); }
    result<void> sync_all() { return ++syncs, result<void>(); }
    result<void> probe(node) { return ++probes, result<void>(); }

    int descents = 0, claims = 0, syncs = 0, probes = 0;

private:
    std::shared_ptr<small_object> make(lamina::file_type type, mode_bits mode) {
        auto made = std::make_shared<small_object>();
        made->about.type = type;
        made->about.mode = mode;
        made->about.id = {7, ++*last_};
        everything_->push_back(made);  // so that a node stays good until the tree goes
        return made;
    }
    static node to_node(std::shared_ptr<small_object> const& object) {
        return static_cast<node>(reinterpret_cast<std::uintptr_t>(object.get()));
    }
    static small_object* from_node(node n) { return reinterpret_cast<small_object*>(static_cast<std::uintptr_t>(n)); }
    std::shared_ptr<small_object> find(node d, name_ref n) {
        if (n.empty()) {
            for (auto const& each : *everything_)
                if (to_node(each) == d)
                    return each;
            return nullptr;
        }
        auto const at = from_node(d)->names.find(n.text);
        return at == from_node(d)->names.end() ? nullptr : at->second;
    }
    result<void> put(node d, name_ref n, std::shared_ptr<small_object> object, operation op) {
        std::lock_guard const lock(*mutex_);
        if (find(d, n))
            return fail(errc::eexist, op);
        from_node(d)->names[std::string(n.text)] = std::move(object);
        return {};
    }
    result<std::shared_ptr<small_object>> add(node d, name_ref n, lamina::file_type type, mode_bits mode,
                                              operation op) {
        std::shared_ptr<small_object> made;
        {
            std::lock_guard const lock(*mutex_);
            made = make(type, mode);
        }
        LAMINA_CHECK(put(d, n, made, op));
        return made;
    }
    result<void> take(node d, name_ref n, bool directory, operation op) {
        std::lock_guard const lock(*mutex_);
        auto const found = find(d, n);
        if (!found)
            return fail(errc::enoent, op);
        if (found->about.is_directory() != directory)
            return fail(directory ? errc::enotdir : errc::eisdir, op);
        if (!found->names.empty())
            return fail(errc::enotempty, op);
        from_node(d)->names.erase(std::string(n.text));
        return {};
    }
    template <class Change>
    result<void> change(node d, name_ref n, operation op, Change apply) {
        std::shared_ptr<small_object> found;
        {
            std::lock_guard const lock(*mutex_);
            found = find(d, n);
        }
        if (!found)
            return fail(errc::enoent, op);
        small_file file(mutex_, found, true);
        return apply(file);
    }

    std::shared_ptr<std::mutex> mutex_ = std::make_shared<std::mutex>();
    std::shared_ptr<std::atomic<long>> retained_ = std::make_shared<std::atomic<long>>(0);
    std::shared_ptr<std::uint64_t> last_ = std::make_shared<std::uint64_t>(0);
    std::shared_ptr<std::vector<std::shared_ptr<small_object>>> everything_ =
        std::make_shared<std::vector<std::shared_ptr<small_object>>>();
    std::shared_ptr<small_object> root_, work_;
};

static_assert(writable_backend<small_tree> && makes_unnamed_files<small_tree> && has_work_area<small_tree> &&
              descends<small_tree> && copies_from<small_file, small_file>);

}  // namespace lamina::testing
