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
// A failure up to 8 removes the temporary; nothing has changed then. Before 2, data of which a half copy records the
// digest is measured, or a half copy's record is made (verify.hpp): what is other data is not copied.
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
#include <lamina/stack/block_copy.hpp>
#include <lamina/stack/copy_metadata.hpp>
#include <lamina/stack/metacopy.hpp>

namespace lamina::detail {

// What a change is about, and so what must be in the upper before it.
enum class wanted : std::uint8_t { metadata, data };

inline constexpr std::uint64_t all_data = std::numeric_limits<std::uint64_t>::max();

// A file in the work directory that holds its content already, and all of it is on the disk.
template <class Core>
struct built_file {
    temporary<Core> name;
    std::uint64_t size;
    mode_bits mode;  // that it was made with
};

// The copy of one regular file: made in two halves, the first without any lock.
template <class Core>
class file_copy_up {
    using upper_type = typename Core::layers_type::upper_type;
    using upper_file = file_of<upper_type>;

public:
    // Requires: tree lock, exclusive; a visible regular file, of a lower, or of the upper if its name alone shows it: then
    // the copy takes its place. Marks the entry. At most `limit` bytes will be copied; a shell gets none, and the mark that
    // its data lies below.
    file_copy_up(Core& core, entry_id id, attributes const& from, std::uint64_t limit, bool shell)
        : file_copy_up(core, id, from, limit, shell, temporary<Core>(core)) {}
    // The same, but with `content` in place of the file's own, and a new modification time.
    file_copy_up(Core& core, entry_id id, attributes const& from, std::string_view content)
        : file_copy_up(core, id, from, 0, false) {
        content_ = content;
        size_ = content.size();
    }
    // The same, of a file that is built already and becomes the copy.
    file_copy_up(Core& core, entry_id id, attributes const& from, built_file<Core>&& built)
        : file_copy_up(core, id, from, 0, false, std::move(built.name)) {
        built_ = true;
        content_.emplace();
        size_ = built.size;
    }
    file_copy_up(file_copy_up const&) = delete;
    file_copy_up& operator=(file_copy_up const&) = delete;
    // Requires: tree lock, exclusive.
    ~file_copy_up() {
        core_.layers.release(place_.layer, place_.directory);
        if (unnamed_ || (copy_ == std::nullopt && !built_))
            temporary_.published();  // there is no name to delete
        core_.at(id_).clear(fact::copying);
        if (group_ != nullptr) {
            group_->copying = false;
            core_.links.drop_unused(*group_);
        }
        core_.free_if_unused(id_);
        core_.copies_ended.fetch_add(1, std::memory_order_release);
        core_.copies_ended.notify_all();
    }

    // Opens what is to be copied. Requires: tree lock, exclusive.
    [[nodiscard]] result<void> open() {
        // One call tells what is to be copied and, where it is not known yet, whether the data lies elsewhere.
        LAMINA_TRY(keys_, core_.layers.list_xattrs(place_.layer, place_.directory, name_));
        auto const style = core_.layers.style(place_.layer);
        if (!core_.at(id_).is(fact::plain_data) && !core_.at(id_).is(fact::blocks))
            LAMINA_CHECK(settle_data(core_, id_, style.has_kernels() &&
                                                     has_key(mark::key(style.space, mark::metacopy))));
        LAMINA_CHECK(find_origin());
        if ((shell_ && core_.rules.verify == verification::off) || (!shell_ && size_ == 0) || content_)
            return {};
        location data{place_.layer, place_.directory, name_};
        search<Core> below(core_);
        if (core_.at(id_).is(fact::metacopy)) {
            LAMINA_CHECK(find_data(core_, id_, below));
            claim_ = below.claim;
            data = {below.data->layer, below.data->directory, below.data->name};
        }
        source_layer_ = data.layer;
        if (shell_) {
            LAMINA_TRY(source_, open_to_record(core_, claim_, data));
            return {};
        }
        LAMINA_TRY(source_, core_.layers.open(data.layer, data.directory, data.name, open_flags::read));
        return is_judged(core_.rules, claim_) ? result<void>() : consider_blocks();
    }

    // Steps 2 to 7. Requires: no lock.
    [[nodiscard]] result<void> build() {
        LAMINA_CHECK(judge_source(core_.rules, claim_, source_, source_layer_, shell_, recorded_.recorded));
        if (!copy_)
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
        if (is_shell())
            LAMINA_CHECK(blocks_.mark(*copy_, recorded_));
        if (origin_)
            LAMINA_CHECK(copy_->set_xattr(mark_key(core_, mark::origin), *origin_, xattr_flags::none));
        if (group_ != nullptr)
            LAMINA_CHECK(copy_->set_xattr(mark_key(core_, mark::link_count), mark::write_link_count({false, 0}),
                                          xattr_flags::none));
        if (made.mode != from_.mode || !same_owner)
            LAMINA_CHECK(copy_->set_mode(from_.mode));
        auto times = time_change::both(from_.atime, from_.mtime);
        if (changes_data())
            times.modification = time_change::action::now;
        LAMINA_CHECK(copy_->set_times(times));
        note_clamped(core_, from_, changes_data(), [this] { return copy_->status(); });
        return is_to_be_flushed() ? copy_->sync(sync_kind::everything) : result<void>();
    }

    // Whether what is to be replaced has changed since it was looked at: then the copy is not of it any more.
    // Requires: tree lock, exclusive.
    [[nodiscard]] bool is_overtaken() const noexcept { return replaces_ && core_.at(id_).version != seen_; }

    // Steps 8 and 9, at the name that the entry has by now. The copy, open for reading and writing, goes to `opened`,
    // unless other handles need it. Requires: tree lock, exclusive; the entry is not removed.
    [[nodiscard]] result<void> publish(std::optional<upper_file>* opened = nullptr) {
        entry& e = core_.at(id_);
        if (group_ != nullptr)
            return publish_into_index(opened);
        if (origin_)
            LAMINA_CHECK(mark_impure(core_, e.parent));
        LAMINA_CHECK(keeping_times(core_, e.parent, [&] { return name_it(core_.upper_node(e.parent), e.hashed_name()); }));
        LAMINA_CHECK(settle_data(core_, id_, is_shell(), blocks_.made()));
        // (An open handle reads on below while this is a shell.)
        if (!is_shell() && e.pins.load(std::memory_order_acquire) != 0)
            core_.keep_open(id_, shared_copy());
        else if (!is_shell() && opened != nullptr)
            *opened = std::move(copy_);
        // Without an index, a link of the lower that has other names stays one object there, so the number goes with
        // those. And the number of an object of the upper that is replaced will be given to another one: only one that a
        // lower object keeps may stay.
        if (replaces_ ? !e.is(fact::carried_inode) && !origin_ : from_.nlink > 1) {
            e.clear(fact::inode);
            core_.directory(e.parent).names.reset();  // a listing shows the old one
        }
        if (replaces_)
            e.forget_attributes();
        else
            now_in_upper(core_, id_, origin_.has_value());
        LAMINA_CHECK(blocks_.begin(id_));
        return flush_names(core_, core_.upper_node(e.parent));
    }

private:
    file_copy_up(Core& core, entry_id id, attributes const& from, std::uint64_t limit, bool shell, temporary<Core> copy)
        : core_(core), id_(id), from_(from), place_(core.where(id)), name_(core.at(id).name()),
          size_(std::min(from.size, limit)), shell_(shell), temporary_(std::move(copy)) {
        replaces_ = core.in_upper(id);
        seen_ = core.at(id).version;
        core_.layers.retain(place_.layer, place_.directory);
        core_.at(id_).set(fact::copying);
        if (core_.at(id_).is(fact::grouped) && !core_.in_upper(id_)) {
            group_ = core_.links.group_of(id_);
            group_->copying = true;
        }
    }

    // The same for one of several names: the copy belongs to all of them (index.hpp).
    [[nodiscard]] result<void> publish_into_index(std::optional<upper_file>* opened) {
        LAMINA_CHECK(make_index(core_));
        LAMINA_CHECK(identify_open_files(core_));
        LAMINA_CHECK(name_it(core_.index, name_ref(group_->index_name)));
        bool const awaited = std::any_of(group_->members.begin(), group_->members.end(), [this](entry_id id) {
            return core_.at(id).pins.load(std::memory_order_acquire) != 0;
        });
        std::shared_ptr<typename Core::file_variant> copy;
        if (!is_shell() && awaited)
            copy = shared_copy();
        now_indexed(core_, *group_, from_.nlink, is_shell(), copy);
        LAMINA_CHECK(flush_names(core_, core_.index));
        LAMINA_CHECK(link_up(core_, id_));
        if (!is_shell() && !awaited && opened != nullptr)
            *opened = std::move(copy_);
        return blocks_.begin(id_);
    }
    [[nodiscard]] bool is_shell() const noexcept { return shell_ || blocks_.made(); }
    [[nodiscard]] result<void> name_it(node directory, name_ref name) {
        LAMINA_CHECK([&]() -> result<void> {
            if constexpr (makes_unnamed_files<upper_type>)
                if (unnamed_)
                    return core_.layers.upper().publish_at(*copy_, directory, name);
            return temporary_.publish(directory, name);
        }());
        blocks_.named();
        return {};
    }
    [[nodiscard]] auto shared_copy() {
        return std::make_shared<typename Core::file_variant>(*std::move(copy_));
    }

    // The lower object's handle; an object of the upper that is replaced hands its own on.
    [[nodiscard]] result<void> find_origin() {
        if (!core_.links.on)
            return {};
        if (!replaces_) {
            LAMINA_TRY(origin_, origin_of(core_, place_, from_.type, from_.id.inode));
        } else if (auto const key = mark_key(core_, mark::origin); has_key(key)) {
            LAMINA_TRY(origin_, core_.layers.get_xattr(place_.layer, place_.directory, name_, key));
        }
        return {};
    }

    // Whether the copy is not to hold what the original holds. Also where it is only cut, for a truncation that
    // follows: truncating it to the size that it has already would not show.
    [[nodiscard]] bool changes_data() const noexcept { return content_ || size_ < from_.size; }

    // Step 7. A journal keeps metadata in order by itself, and a clone is metadata: only the order of data and names
    // has to be made.
    [[nodiscard]] bool is_to_be_flushed() const noexcept {
        return flushes_names(core_) || (flushes_data(core_) && size_ != 0 && !shell_ && !shared_ && !built_);
    }

    result<void> make() {
        auto& upper = core_.layers.upper();
        if (built_) {
            LAMINA_TRY(auto made, upper.open_at(core_.work, temporary_.name(), open_flags::read_write));
            copy_.emplace(std::move(made));
            return {};
        }
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
        if (built_)
            return {};
        if (shell_)
            return copy_->resize(from_.size);
        if (blocks_.wanted())
            return blocks_.make(*copy_, *source_, from_.size, place_.layer);
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
                if (!shared_ && worth_a_clone()) {
                    LAMINA_TRY(shared_, share_blocks(*copy_, file));
                }
                if (shared_)
                    return {};
                return copy_content(file, *copy_, known, core_.upper_able.without(capability::clone),
                                    std::span(buffer.get(), room));
            },
            *source_);
        if (!done && done.error().op == operation::read)
            return unexpected(done.error().in_layer(source_layer_));
        return done;
    }

    // Whether the file is to be copied up block by block. A clone is better, and is tried here: from then on the upper
    // says that it may have such files. What a cut is to leave is not cut here: that is cheap afterwards.
    // Requires: tree lock, exclusive.
    result<void> consider_blocks() {
        if (!blocks_.consider(size_))
            return {};
        size_ = from_.size;
        if (worth_a_clone()) {
            LAMINA_CHECK(make());
            LAMINA_TRY(shared_, std::visit([&](auto& file) { return share_blocks(*copy_, file); }, *source_));
            if (shared_) {
                blocks_.withdraw();
                return {};
            }
        }
        return prepare_block_store(core_);
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
    bool shell_;
    std::optional<std::string_view> content_;
    temporary<Core> temporary_;
    std::optional<typename Core::file_variant> source_;
    layer_number source_layer_ = 0;
    data_claim claim_;               // of half copies above it
    mark::metacopy_value recorded_;  // in the shell's mark
    std::optional<upper_file> copy_;
    std::vector<std::string> keys_;  // of the original's extended attributes
    std::optional<std::string> origin_;
    link_group* group_ = nullptr;  // of a lower object of several names
    block_copy<Core> blocks_{core_};
    std::uint32_t seen_ = 0;  // the entry's version
    bool replaces_ = false;  // the name is taken in the upper
    bool unnamed_ = false;
    bool built_ = false;  // outside, with its content
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
    LAMINA_CHECK(identify(core, id));
    bool const by_other_name = e.is(fact::grouped) && core.links.group_of(id)->copying;
    if (e.is(fact::copying) || by_other_name) {
        auto const seen = core.copies_ended.load(std::memory_order_acquire);
        lock.unlock();
        core.copies_ended.wait(seen, std::memory_order_acquire);
        lock.lock();
        return {};
    }
    if (core.in_upper(id)) {
        LAMINA_TRY(bool const begun, begin_blocks(core, id));
        if (begun)
            return {};
        LAMINA_TRY(auto const shown, core.fetch_attributes(id));
        // There is no one step that takes the mark from a shell and cuts it; to replace it by a cut copy is one.
        if (limit >= shown.size || shown.nlink > 1 || e.is(fact::grouped))
            return fill_data(core, lock, id);
    } else {
        if (e.directory != nullptr)
            return ensure_upper_directory(core, id);
        LAMINA_CHECK(ensure_upper_directory(core, e.parent));
        if (e.is(fact::indexed)) {
            auto done = link_up(core, id);
            return done ? done : result<void>(unexpected(done.error().in_layer(0)));
        }
        if (e.type != file_type::regular) {
            auto done = copy_up_small(core, id);
            return done ? done : result<void>(unexpected(done.error().in_layer(0)));
        }
    }
    LAMINA_TRY(auto const from, core.fetch_attributes(id));
    bool const shell = what == wanted::metadata && core.rules.metacopy == metacopies::on;
    file_copy_up<Core> copy(core, id, from, limit, shell);
    result<void> built = copy.open();
    if (built) {
        lock.unlock();
        built = copy.build();
        lock.lock();
        if (e.is(fact::removed) || copy.is_overtaken())
            return {};
    }
    if (built)
        built = copy.publish(opened);
    if (!built)
        return unexpected(built.error().in_layer(0).during(operation::copy_up));
    return {};
}

}  // namespace lamina::detail
