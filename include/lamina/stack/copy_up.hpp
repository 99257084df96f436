// Copy-up: an object of a lower layer gets a twin in the upper, which from then on is the object. The merged view does
// not change by it.
//
// Order of effects, and why:
//   1. the directories above, root first: a twin needs a place
//   2. a temporary, with mode 0600: nobody may read a half-made copy of a secret
//   3. data, then owner: both strip set-id bits and security.capability, so what they strip comes after them
//   4. extended attributes and ACLs
//   5. mode: a read-only file would refuse `user.*` attributes
//   6. times: everything before would move them
//   7. flush, unless the data is shared with the lower file (durable.hpp): a name must not be on the disk before its data
//   8. publish by one rename or link: before it the lower object is seen, after it the whole copy
//   9. the parent's times put back: the directory shows the same entries as before
// A failure up to 8 removes the temporary; nothing has changed then.
//
// While data is copied no lock is held. The entry is marked `copying`; who needs the same object waits until
// `copies_ended` moves, and looks the name up again. The entry may be renamed away no more (a rename needs the copy
// first), but its directory may be, and the name may be removed: so place and name are read again before step 8, and a
// copy whose name is gone is dropped.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <lamina/backend/content.hpp>
#include <lamina/backend/file_copy.hpp>
#include <lamina/core/xattr.hpp>
#include <lamina/stack/durable.hpp>
#include <lamina/stack/lookup.hpp>
#include <lamina/stack/metacopy.hpp>
#include <lamina/stack/work.hpp>

namespace lamina::detail {

// What a change is about, and so what must be in the upper before it.
enum class wanted : std::uint8_t { metadata, data };

inline constexpr std::uint64_t all_data = std::numeric_limits<std::uint64_t>::max();

// Whether a copy may go without something that this process has no privilege to set.
template <class Core>
[[nodiscard]] bool may_leave_behind(Core const& core, error e) {
    return core.rules.owner == ownership::take && (e == errc::eperm || e == errc::einval || e == errc::eacces);
}

template <class Core>
[[nodiscard]] result<void> allow_lost_owner(Core const& core, result<void> outcome) {
    if (!outcome && may_leave_behind(core, outcome.error()))
        return {};
    return outcome;
}

// Carries the extended attributes `keys` of an object over: `set(key, value)` puts one on the copy. Marks of an overlay stay
// behind. As the kernel does, an attribute that the upper cannot hold at all is left out, unless it decides about
// permission.
template <class Core, class Set>
[[nodiscard]] result<void> copy_xattrs(Core& core, layer_number layer, node directory, name_ref name,
                                       std::vector<std::string> const& keys, Set&& set) {
    for (auto const& key : keys) {
        if (!mark::unescape(core.layers.style(0).space, key))
            continue;
        LAMINA_TRY(auto const value, core.layers.get_xattr(layer, directory, name, key));
        if (!value)
            continue;  // it went away since it was listed
        result<void> const done = set(key, *value);
        if (done)
            continue;
        bool const decides = xattr::is_security(key) || xattr::is_acl(key);
        if (done.error() == errc::eopnotsupp && !decides)
            continue;
        if (!xattr::is_user(key) && !xattr::is_acl(key) && may_leave_behind(core, done.error()))
            continue;
        return unexpected(done.error());
    }
    return {};
}

// Steps 3 to 6 for what has no data: a directory, a symbolic link, a device, a fifo, a socket.
template <class Core>
[[nodiscard]] result<void> copy_metadata(Core& core, attributes const& from, layer_number layer, node directory,
                                         name_ref name, name_ref copy) {
    auto& upper = core.layers.upper();
    LAMINA_CHECK(allow_lost_owner(core, upper.set_owner_at(core.work, copy, from.uid, from.gid)));
    LAMINA_TRY(auto const keys, core.layers.list_xattrs(layer, directory, name));
    LAMINA_CHECK(copy_xattrs(core, layer, directory, name, keys, [&](std::string const& key, std::string const& value) {
        return upper.set_xattr_at(core.work, copy, key, value, xattr_flags::none);
    }));
    if (!from.is_symlink())
        LAMINA_CHECK(upper.set_mode_at(core.work, copy, from.mode));
    return upper.set_times_at(core.work, copy, time_change::both(from.atime, from.mtime));
}

// Runs `change` on a directory of the upper, then puts the directory's times back as they were.
template <class Core, class Change>
[[nodiscard]] result<void> keeping_times(Core& core, entry_id directory, Change&& change) {
    LAMINA_TRY(auto const before, core.fetch_attributes(directory));
    LAMINA_CHECK(change());
    core.at(directory).forget_attributes();
    // The change is published; that its time shows is no reason to call it failed.
    (void)core.layers.upper().set_times_at(core.upper_node(directory), name_ref{},
                                           time_change::both(before.atime, before.mtime));
    return {};
}

template <class Core>
void now_in_upper(Core& core, entry_id id) {
    entry& e = core.at(id);
    e.layer = 0;
    e.set(fact::in_upper);
    e.set(fact::below_known);
    e.set(fact::below);
    // The number that it has been given is that of the lower object: looked up anew, it would be another.
    e.put(fact::carried_inode, e.is(fact::inode));
    e.forget_attributes();
}

// One directory, without what is in it. Requires: tree lock, exclusive; its parent is in the upper.
template <class Core>
[[nodiscard]] result<void> copy_up_one_directory(Core& core, entry_id id) {
    entry& e = core.at(id);
    auto& upper = core.layers.upper();
    auto const top = e.directory->layers.front();
    LAMINA_TRY(auto const from, core.fetch_attributes(id));
    temporary<Core> copy(core);
    LAMINA_CHECK(upper.create_directory_at(core.work, copy.name(), 0700));
    LAMINA_CHECK(copy_metadata(core, from, top.layer, top.at, name_ref{}, copy.name()));
    node const parent = core.upper_node(e.parent);
    LAMINA_CHECK(keeping_times(core, e.parent, [&] { return copy.publish(parent, e.hashed_name()); }));
    LAMINA_TRY(node const made, upper.open_directory_at(parent, e.hashed_name()));
    e.directory->layers.insert(e.directory->layers.begin(), layer_node{made, 0, false});
    now_in_upper(core, id);
    LAMINA_CHECK(flush_names(core, made));
    return flush_names(core, parent);
}

// A directory and those above it. Requires: tree lock, exclusive; the directory is alive. Errors: with the upper's
// number.
template <class Core>
[[nodiscard]] result<void> ensure_upper_directory(Core& core, entry_id id) {
    std::vector<entry_id> missing;
    for (; !core.in_upper(id); id = core.at(id).parent)
        missing.push_back(id);
    for (auto at = missing.rbegin(); at != missing.rend(); ++at)
        if (auto done = copy_up_one_directory(core, *at); !done)
            return unexpected(done.error().in_layer(0));
    return {};
}

// A symbolic link, device, fifo or socket. Requires: as copy_up_one_directory.
template <class Core>
[[nodiscard]] result<void> copy_up_small(Core& core, entry_id id) {
    entry& e = core.at(id);
    auto& upper = core.layers.upper();
    auto const place = core.where(id);
    LAMINA_TRY(auto const from, core.fetch_attributes(id));
    temporary<Core> copy(core);
    if (from.is_symlink()) {
        LAMINA_TRY(auto const target, core.layers.read_symlink(place.layer, place.directory, e.hashed_name()));
        LAMINA_CHECK(upper.create_symlink_at(core.work, copy.name(), target));
    } else {
        LAMINA_CHECK(upper.create_node_at(core.work, copy.name(), from.type, 0600, from.rdev));
    }
    LAMINA_CHECK(copy_metadata(core, from, place.layer, place.directory, e.hashed_name(), copy.name()));
    LAMINA_CHECK(keeping_times(core, e.parent, [&] { return copy.publish(core.upper_node(e.parent), e.hashed_name()); }));
    now_in_upper(core, id);
    return flush_names(core, core.upper_node(e.parent));
}

// The copy of one regular file: made in two halves, the first without any lock.
template <class Core>
class file_copy_up {
    using upper_type = typename Core::layers_type::upper_type;
    using upper_file = file_of<upper_type>;

public:
    // Requires: tree lock, exclusive; a visible regular file of a lower. Marks the entry. At most `limit` bytes will be
    // copied; a shell gets none, and the mark that its data lies below.
    file_copy_up(Core& core, entry_id id, attributes const& from, std::uint64_t limit, bool shell)
        : core_(core), id_(id), from_(from), place_(core.where(id)), name_(core.at(id).name()),
          size_(std::min(from.size, limit)), shell_(shell), temporary_(core) {
        core_.layers.retain(place_.layer, place_.directory);
        core_.at(id_).set(fact::copying);
    }
    // The same, but with `content` in place of the file's own, and a new modification time. The file may lie in the
    // upper.
    file_copy_up(Core& core, entry_id id, attributes const& from, std::string_view content)
        : file_copy_up(core, id, from, 0, false) {
        content_ = content;
        size_ = content.size();
        replaces_ = core.in_upper(id);
    }
    file_copy_up(file_copy_up const&) = delete;
    file_copy_up& operator=(file_copy_up const&) = delete;
    // Requires: tree lock, exclusive.
    ~file_copy_up() {
        core_.layers.release(place_.layer, place_.directory);
        if (unnamed_ || copy_ == std::nullopt)
            temporary_.published();  // there is no name to delete
        core_.at(id_).clear(fact::copying);
        core_.free_if_unused(id_);
        core_.copies_ended.fetch_add(1, std::memory_order_release);
        core_.copies_ended.notify_all();
    }

    // Opens what is to be copied. Requires: tree lock, exclusive.
    [[nodiscard]] result<void> open() {
        // One call tells what is to be copied and, where it is not known yet, whether the data lies elsewhere.
        LAMINA_TRY(keys_, core_.layers.list_xattrs(place_.layer, place_.directory, name_));
        auto const style = core_.layers.style(place_.layer);
        if (!core_.at(id_).is(fact::plain_data))
            LAMINA_CHECK(settle_data(core_, id_, style.format == whiteout_format::kernel &&
                                                     has_key(mark::key(style.space, mark::metacopy))));
        if (shell_ || size_ == 0 || content_)
            return {};
        if (core_.at(id_).is(fact::metacopy)) {
            search<Core> below(core_);
            LAMINA_CHECK(find_data(core_, id_, below));
            auto const& data = *below.data;
            LAMINA_TRY(source_, core_.layers.open(data.layer, data.directory, data.name, open_flags::read));
        } else {
            LAMINA_TRY(source_, core_.layers.open(place_.layer, place_.directory, name_, open_flags::read));
        }
        return {};
    }

    // Steps 2 to 7. Requires: no lock.
    [[nodiscard]] result<void> build() {
        LAMINA_CHECK(make());
        LAMINA_CHECK(fill());
        LAMINA_TRY(auto const made, copy_->status());
        bool const same_owner = made.uid == from_.uid && made.gid == from_.gid;
        if (!same_owner)
            LAMINA_CHECK(allow_lost_owner(core_, copy_->set_owner(from_.uid, from_.gid)));
        LAMINA_CHECK(copy_xattrs(core_, place_.layer, place_.directory, name_, keys_,
                                 [&](std::string const& key, std::string const& value) -> result<void> {
                                     if (key == xattr::file_capability && changes_data())
                                         return {};  // a write takes it away
                                     return copy_->set_xattr(key, value, xattr_flags::none);
                                 }));
        if (shell_)
            LAMINA_CHECK(copy_->set_xattr(mark::key(core_.layers.style(0).space, mark::metacopy), {}, xattr_flags::none));
        if (made.mode != from_.mode || !same_owner)
            LAMINA_CHECK(copy_->set_mode(from_.mode));
        auto times = time_change::both(from_.atime, from_.mtime);
        if (changes_data())
            times.modification = time_change::action::now;
        return copy_->set_times(times);
    }

    // Steps 8 and 9, at the name that the entry has by now. The copy, open for reading and writing, goes to `opened`,
    // unless other handles need it. Requires: tree lock, exclusive; the entry is not removed.
    [[nodiscard]] result<void> publish(std::optional<upper_file>* opened = nullptr) {
        entry& e = core_.at(id_);
        auto const place = [&]() -> result<void> {
            node const parent = core_.upper_node(e.parent);
            if constexpr (makes_unnamed_files<upper_type>)
                if (unnamed_)
                    return core_.layers.upper().publish_at(*copy_, parent, e.hashed_name());
            return temporary_.publish(parent, e.hashed_name());
        };
        LAMINA_CHECK(keeping_times(core_, e.parent, place));
        e.put(fact::metacopy, shell_);
        e.put(fact::plain_data, !shell_);
        // (An open handle reads on below while this is a shell.)
        if (!shell_ && e.pins.load(std::memory_order_acquire) != 0)
            core_.keep_open(id_, typename Core::file_variant(*std::move(copy_)));
        else if (!shell_ && opened != nullptr)
            *opened = std::move(copy_);
        // A link of the lower that has other names stays one object there, so the number goes with those. And the
        // number of an object of the upper that is replaced will be given to another one: only one that a lower object
        // keeps may stay.
        if (replaces_ ? !e.is(fact::carried_inode) : from_.nlink > 1) {
            e.clear(fact::inode);
            core_.directory(e.parent).names.reset();  // a listing shows the old one
        }
        e.put(fact::carried_inode, e.is(fact::inode));
        if (replaces_)
            e.forget_attributes();
        else
            now_in_upper(core_, id_);
        return flush_names(core_, core_.upper_node(e.parent));
    }

private:
    // Whether the copy is not to hold what the original holds. Also where it is only cut, for a truncation that
    // follows: truncating it to the size that it has already would not show.
    [[nodiscard]] bool changes_data() const noexcept { return content_ || size_ < from_.size; }

    result<void> make() {
        auto& upper = core_.layers.upper();
        if constexpr (makes_unnamed_files<upper_type>) {
            // (Only a rename can replace a name.)
            if (core_.upper_able.has(capability::unnamed_files) && !replaces_) {
                // Without a name nobody can open it, so it may have its final mode at once; set-id bits come last all
                // the same.
                auto made = upper.create_unnamed(core_.work, from_.mode & 0777);
                if (made) {
                    unnamed_ = true;
                    copy_.emplace(*std::move(made));
                    return {};
                }
                if (made.error() != errc::eopnotsupp)
                    return unexpected(made.error().in_layer(0));
            }
        }
        LAMINA_TRY(auto made, upper.create_at(core_.work, temporary_.name(), 0600));
        copy_.emplace(std::move(made));
        return {};
    }

    result<void> fill() {
        if (shell_)
            return copy_->resize(from_.size);
        if (content_)
            return paths::write_all_at(*copy_, std::as_bytes(std::span(*content_)), 0);
        if (!source_)
            return {};
        auto const room = static_cast<std::size_t>(std::min<std::uint64_t>(size_ + 1, 64 * 1024));
        auto const buffer = std::make_unique_for_overwrite<std::byte[]>(room);
        attributes known = from_;
        known.size = size_;
        auto done = std::visit(
            [&](auto& file) -> result<void> {
                if (worth_a_clone()) {
                    LAMINA_TRY(shared_, share_blocks(*copy_, file));
                    if (shared_)
                        return {};
                }
                return copy_content(file, *copy_, known, core_.upper_able.without(capability::clone),
                                    std::span(buffer.get(), room));
            },
            *source_);
        if (!done && done.error().op == operation::read)
            return unexpected(done.error().in_layer(place_.layer));
        return done;
    }

    // False if this pair of files cannot.
    template <class To, class From>
    [[nodiscard]] static result<bool> share_blocks(To& to, From& from) {
        if constexpr (copies_from<To, From>) {
            auto const cloned = to.clone_from(from);
            if (cloned)
                return true;
            if (!is_refusal(cloned.error()))
                return unexpected(cloned.error());
        }
        return false;
    }
    [[nodiscard]] bool has_key(std::string_view key) const {
        return std::find(keys_.begin(), keys_.end(), key) != keys_.end();
    }
    // A clone takes a whole file. For a small one it costs more than its bytes, but less than the flush that it saves.
    [[nodiscard]] bool worth_a_clone() const {
        return core_.upper_able.has(capability::clone) && size_ == from_.size && !core_.at(id_).is(fact::metacopy) &&
               (size_ >= 64 * 1024 || flushes_data(core_));
    }

    Core& core_;
    entry_id id_;
    attributes from_;
    location place_;
    std::string name_;
    std::uint64_t size_;
    bool const shell_;
    std::optional<std::string_view> content_;
    temporary<Core> temporary_;
    std::optional<typename Core::file_variant> source_;
    std::optional<upper_file> copy_;
    std::vector<std::string> keys_;  // of the original's extended attributes
    bool replaces_ = false;  // the name is taken in the upper
    bool unnamed_ = false;
    bool shared_ = false;  // the copy's blocks are the lower file's
};

template <class Core>
using opened_copy = std::optional<file_of<typename Core::layers_type::upper_type>>;

// Whether an object is in the upper as far as a change needs it there. Requires: tree lock, exclusive; visible.
// Errors: eperm for a metacopy that the policy refuses.
template <class Core>
[[nodiscard]] result<bool> is_up(Core& core, entry_id id, wanted what) {
    if (!core.in_upper(id))
        return false;
    if (what == wanted::metadata || core.at(id).type != file_type::regular)
        return true;
    LAMINA_CHECK(judge_data(core, id));
    return !core.at(id).is(fact::metacopy);
}

// Brings a visible object into the upper. On success the caller looks its name up again: either the entry is in the
// upper now, or (while this waited or copied) it was removed or replaced. Requires: `lock` holds the tree lock; it is
// given up and taken again where data is copied. A file that this call copied is left open in `opened`, if that is
// given and nobody else had it open. Errors: what the layers report; then the view is as it was.
template <class Core>
[[nodiscard]] result<void> copy_up(Core& core, exclusive_lock& lock, entry_id id, wanted what,
                                   std::uint64_t limit = all_data, opened_copy<Core>* opened = nullptr) {
    LAMINA_TRY(bool const done_already, is_up(core, id, what));
    if (done_already)
        return {};
    entry& e = core.at(id);
    if (e.is(fact::copying)) {
        auto const seen = core.copies_ended.load(std::memory_order_acquire);
        lock.unlock();
        core.copies_ended.wait(seen, std::memory_order_acquire);
        lock.lock();
        return {};
    }
    if (core.in_upper(id))
        return fill_data(core, lock, id, limit);
    if (e.directory != nullptr)
        return ensure_upper_directory(core, id);
    LAMINA_CHECK(ensure_upper_directory(core, e.parent));
    if (e.type != file_type::regular) {
        auto done = copy_up_small(core, id);
        return done ? done : result<void>(unexpected(done.error().in_layer(0)));
    }
    LAMINA_TRY(auto const from, core.fetch_attributes(id));
    bool const shell = what == wanted::metadata && core.rules.metacopy == metacopies::on;
    file_copy_up<Core> copy(core, id, from, limit, shell);
    result<void> built = copy.open();
    if (built) {
        lock.unlock();
        built = copy.build();
        lock.lock();
        if (e.is(fact::removed))
            return {};
    }
    if (built)
        built = copy.publish(opened);
    if (!built)
        return unexpected(built.error().in_layer(0).during(operation::copy_up));
    return {};
}

}  // namespace lamina::detail
