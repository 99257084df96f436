// The state of one overlay, and the few steps that every operation takes on it: from a node to its entry, from an entry
// to where it lies, from a name to its attributes. The algorithms (lookup, merge, copy_up, modify, rename, changes) are
// functions over this struct, one header each.
//
// Locks: `tree` guards the entry cache and the order of changes to the upper. Shared: to read what is cached.
// Exclusive: to fill the cache and to change names or attributes, in the upper first and then in the cache, so that a
// failed change leaves the cache true. A copy-up of a file's data holds no lock: the entry is marked `copying`, and who
// needs the same entry waits for `copies_ended` to move (copy_up.hpp). Nothing of the stack's is locked inside a
// backend's own locks.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/stack/block_store.hpp>
#include <lamina/stack/entry_table.hpp>
#include <lamina/stack/identity.hpp>
#include <lamina/stack/inode.hpp>
#include <lamina/stack/layer.hpp>
#include <lamina/stack/policy.hpp>

namespace lamina::detail {

using exclusive_lock = std::unique_lock<std::shared_mutex>;
using shared_lock = std::shared_lock<std::shared_mutex>;

inline std::atomic<std::uint32_t> next_overlay_device{1};

// Where an object that is not a directory lies: a name in a directory of one layer.
struct location {
    layer_number layer = 0;
    node directory{};
    name_ref name;
};

// What holds the upper and its work directory for this stack alone, where their backend can.
template <class Layers, class = void>
struct upper_claims {};
template <class Layers>
struct upper_claims<Layers, std::enable_if_t<claims_directories<typename Layers::upper_type>>> {
    using type = typename decltype(std::declval<typename Layers::upper_type&>().claim(node{}))::value_type;
    std::optional<type> upper, work;
};

template <class Core>
void close_volatile(Core& core);
template <class Core>
void fill_by_listing(Core& core, entry_id directory);
template <class Core>
result<void> settle_identity(Core& core, entry_id id, attributes const& found);

template <class Layers>
struct stack_core {
    using layers_type = Layers;
    using file_variant = typename Layers::file_variant;
    static constexpr bool writable = Layers::writable;

    Layers layers;
    policy rules;
    entry_table entries;
    inode_numbers inodes;
    identities links;
    mutable std::shared_mutex tree;
    std::atomic<std::uint32_t> copies_ended{0};
    std::uint64_t const device = std::uint64_t{0x6c616d} << 32 | next_overlay_device.fetch_add(1);

    // Copies of files that were open when they were copied up; few, and only while they are open.
    std::vector<std::pair<entry_id, std::shared_ptr<file_variant>>> kept_open;

    // Of the upper; unused where there is none.
    node work{};                        // where things are built before they are published; retained
    capabilities upper_able;
    std::uint64_t next_temporary = 0;   // names of temporaries
    bool work_held = false;
    node index{};                       // where the objects of several names are (index.hpp); retained
    bool index_held = false;
    bool foreign_index = false;         // it, or the root's origin, belongs to other layers
    bool marked_volatile = false;       // the work directory says that nothing is flushed (recover.hpp)
    upper_claims<Layers> claims;        // of the upper's and the work directory's roots
    std::vector<std::string> replaced;  // in `work`, to be deleted once that is flushed (work.hpp)
    std::string spare_whiteout;         // a whiteout in `work` to be linked from; empty if there is none at present

    block_store<Layers> blocks;         // of files that are copied up block by block (blocks.hpp)

    std::size_t unheard = 0;            // see begin_unheard
    std::vector<std::uint64_t> passed_by;  // see begin_passing_by
    std::atomic<std::uint64_t> clamped_times{0};  // see note_clamped (copy_metadata.hpp)

    // What this stack is told by in handles of its objects (handles.hpp), once it was asked for one.
    std::once_flag stack_named;
    result<std::array<std::uint64_t, 2>> stack_name = fail(errc::eopnotsupp);

    // Set when the layers could not be joined; then every operation fails with it.
    std::optional<error> unusable;

    stack_core(Layers l, policy p) : layers(std::move(l)), rules(p) {}
    stack_core(stack_core const&) = delete;
    stack_core& operator=(stack_core const&) = delete;
    ~stack_core() {
        release_below(entry_id::root);
        if constexpr (writable)
            if (work_held) {
                if (!spare_whiteout.empty())
                    (void)layers.upper().remove_at(work, spare_whiteout);  // else the next sweep does it
                if (marked_volatile)
                    close_volatile(*this);
                if (blocks.held)
                    layers.work_tree().release(blocks.directory);
                layers.work_tree().release(work);
                if (index_held)
                    layers.work_tree().release(index);
            }
    }

    [[nodiscard]] entry& at(entry_id id) const noexcept { return entries[id]; }
    [[nodiscard]] directory_part& directory(entry_id id) const noexcept { return *entries[id].directory; }

    // The lock of an operation that may fill the cache or change the tree. Here, where no operation holds an entry that
    // is not pinned, the cache is kept within its bound.
    [[nodiscard]] exclusive_lock enter() {
        exclusive_lock lock(tree);
        if (entries.bytes() > rules.cache_bytes)
            entries.shrink(rules.cache_bytes - rules.cache_bytes / 8, [this](entry_id id) { evict(id); });
        return lock;
    }
    // Requires: tree lock, exclusive; nobody needs the entry, and it has no children.
    void evict(entry_id id) {
        directory(at(id).parent).complete = false;
        entries.detach(id);
        discard(id);
    }

    [[nodiscard]] static constexpr entry_id id_of(node n) noexcept {
        return entry_id{static_cast<std::uint32_t>(static_cast<std::uint64_t>(n))};
    }
    [[nodiscard]] static constexpr node node_of(entry_id id) noexcept {
        return node{static_cast<std::uint64_t>(id)};
    }

    [[nodiscard]] bool in_upper(entry_id id) const noexcept {
        entry const& e = at(id);
        return e.directory != nullptr ? e.directory->in_upper() : e.is(fact::in_upper);
    }
    // Requires: the directory is in the upper.
    [[nodiscard]] node upper_node(entry_id directory_id) const noexcept { return directory(directory_id).layers.front().at; }

    // Requires: an entry with a parent, visible, not a directory.
    [[nodiscard]] location where(entry_id id) const noexcept {
        entry const& e = at(id);
        if (e.is(fact::indexed) && !e.is(fact::in_upper))
            return {0, index, name_ref(links.group_of(id)->index_name)};
        return {e.layer, directory(e.parent).in(e.layer)->at, e.hashed_name()};
    }

    // Attributes as the merged view shows them. Requires: tree lock, exclusive (they are stored); visible and resolved.
    [[nodiscard]] result<attributes> fetch_attributes(entry_id id) {
        entry& e = at(id);
        attributes known;
        if (e.load(known, device))
            return known;
        auto const version = e.version.load(std::memory_order_acquire);
        std::optional<attributes> found;
        if (e.directory != nullptr) {
            auto const& top = e.directory->layers.front();
            LAMINA_TRY(found, layers.lookup(top.layer, top.at, name_ref{}));
        } else {
            auto const look = [&] {
                auto const place = where(id);
                return layers.lookup(place.layer, place.directory, place.name);
            };
            LAMINA_TRY(found, look());
            if (found && !e.is(fact::identified)) {
                LAMINA_CHECK(settle_identity(*this, id, *found));
                if (e.is(fact::indexed) && !e.is(fact::in_upper)) {
                    LAMINA_TRY(found, look());
                }
            }
        }
        if (!found || found->type != e.type)
            return fail(errc::estale, operation::lookup, e.directory != nullptr ? layer_number{0} : e.layer);
        return keep_attributes(id, *found, version);
    }

    // The overlay's number of an object, given once. Requires: tree lock, exclusive.
    std::uint64_t number(entry_id id, file_id in_layer) {
        entry& e = at(id);
        if (!e.is(fact::inode)) {
            e.inode = inodes.compose(in_layer);
            e.set(fact::inode);
        }
        return e.inode;
    }

    // Makes a layer's attributes the merged ones, and stores them if nothing has changed since `version` was read.
    attributes keep_attributes(entry_id id, attributes found, std::uint32_t version) {
        entry& e = at(id);
        found.id = {device, number(id, found.id)};
        if (e.directory != nullptr && e.directory->has_lower())
            found.nlink = 1;  // as the kernel: the count of a merged directory is not known without listing it
        if (e.is(fact::indexed))
            found.nlink = merged_links(id, found.nlink);
        // As an open handle of it says (block_file.hpp).
        if (e.is(fact::blocks) && found.size != 0)
            found.blocks = std::max<std::uint64_t>(found.blocks, 1);
        // Another name of the same upper file may change it without passing by this entry.
        bool const shared =
            e.directory == nullptr && (e.is(fact::indexed) || (found.nlink > 1 && e.is(fact::in_upper)));
        if (!shared && (!found.is_regular() || (unheard == 0 && !is_passed_by(found.id.inode))))
            e.store(found, version);
        return found;
    }

    // The links that the merged view shows of an object in the index, of which the upper has `links`.
    [[nodiscard]] std::uint64_t merged_links(entry_id id, std::uint64_t in_upper) const {
        link_group const* const group = links.group_of(id);
        auto const shown = static_cast<std::int64_t>(in_upper) + (group != nullptr ? group->difference : 0);
        return shown > 0 ? static_cast<std::uint64_t>(shown) : 0;
    }

    // A handle whose name is gone changes an object that has other names. Their entries hear nothing of it, so what is
    // known of them is forgotten, and as long as there is such a handle no attributes of files are kept. Rare: it takes
    // a hard link, and an open handle on a removed name of it. Requires: tree lock, exclusive; the entry's number is
    // given.
    void begin_unheard(entry_id id) {
        ++unheard;
        entries.for_each([&, number = at(id).inode.load()](entry_id, entry& e) {
            if (e.is(fact::inode) && e.inode == number)
                e.forget_attributes();
        });
    }
    void end_unheard() {
        exclusive_lock const lock(tree);
        --unheard;
    }

    // The same for one object, which somebody writes to through a descriptor of its data: as long as that may go on, its
    // attributes are not kept. Requires: tree lock, exclusive; the entry's number is given.
    void begin_passing_by(entry_id id, std::uint64_t names) {
        std::uint64_t const number = at(id).inode;
        passed_by.push_back(number);
        at(id).forget_attributes();
        if (names > 1 || at(id).is(fact::removed))
            entries.for_each([&](entry_id, entry& e) {
                if (e.is(fact::inode) && e.inode == number)
                    e.forget_attributes();
            });
    }
    void end_passing_by(std::uint64_t number) {
        exclusive_lock const lock(tree);
        passed_by.erase(std::find(passed_by.begin(), passed_by.end(), number));
    }
    [[nodiscard]] bool is_passed_by(std::uint64_t number) const noexcept {
        return !passed_by.empty() && std::find(passed_by.begin(), passed_by.end(), number) != passed_by.end();
    }

    // Drops what the cache holds below a directory, and what the directory itself holds in the layers.
    void release_below(entry_id id) {
        std::vector<entry_id> pending{id};
        while (!pending.empty()) {
            entry& e = at(pending.back());
            pending.pop_back();
            if (e.directory == nullptr)
                continue;
            e.directory->children.for_each([&](entry_id child) { pending.push_back(child); });
            for (auto const& l : e.directory->layers)
                layers.release(l.layer, l.at);
            e.directory->layers.clear();
        }
    }

    // Takes an entry that is already detached, and all below it, out of the cache. What somebody pins stays, marked
    // removed; what a reader may be looking at stays until it has gone.
    void discard(entry_id id) {
        release_below(id);
        std::vector<entry_id> pending{id};
        while (!pending.empty()) {
            entry_id const next = pending.back();
            pending.pop_back();
            entry& e = at(next);
            if (directory_part* const part = e.directory; part != nullptr) {
                part->children.for_each([&](entry_id child) { pending.push_back(child); });
                e.directory = nullptr;
                entries.retire(part, [](void* gone) { delete static_cast<directory_part*>(gone); });
            }
            e.set(fact::removed);
            leave_group_if_unused(next);
            e.parent = entry_id::none;
            entries.retire(next);
        }
    }

    void pin(entry_id id) const noexcept { at(id).pins.fetch_add(1, std::memory_order_relaxed); }
    void unpin(entry_id id) {
        entry& e = at(id);
        if (e.pins.fetch_sub(1, std::memory_order_acq_rel) != 1 || (!e.is(fact::removed) && !e.is(fact::kept_open)))
            return;
        std::shared_ptr<file_variant> last;  // closed after the lock is given up
        exclusive_lock const lock(tree);
        if (e.is(fact::kept_open) && e.pins.load(std::memory_order_acquire) == 0) {
            auto const kept = find_kept(id);
            last = std::move(kept->second);
            kept_open.erase(kept);
            e.clear(fact::kept_open);
        }
        leave_group_if_unused(id);
        free_if_unused(id);
    }
    // A removed name that is still open goes on being one of its object's.
    void leave_group_if_unused(entry_id id) {
        entry& e = at(id);
        if (!e.is(fact::grouped) || !e.is(fact::removed) || e.pins.load(std::memory_order_acquire) != 0)
            return;
        links.leave(id);
        e.clear(fact::grouped);
        e.clear(fact::indexed);
    }
    // For the handles that were opened on the lower file: they go on in the copy. Requires: tree lock, exclusive.
    void keep_open(entry_id id, std::shared_ptr<file_variant> copy) {
        kept_open.emplace_back(id, std::move(copy));
        at(id).set(fact::kept_open);
    }
    void keep_open_for_all_names(entry_id id, std::shared_ptr<file_variant> const& copy, std::uint64_t links_in_upper) {
        for (entry_id const name : awaiting_names(id, links_in_upper))
            keep_open(name, copy);
    }
    // The names of an object under which there are such handles. Links that were made in the upper are told by their
    // number.
    [[nodiscard]] std::vector<entry_id> awaiting_names(entry_id id, std::uint64_t links_in_upper) {
        std::vector<entry_id> found;
        auto const add = [&](entry_id one) {
            if (at(one).pins.load(std::memory_order_acquire) != 0 && !at(one).is(fact::kept_open))
                found.push_back(one);
        };
        if (at(id).is(fact::grouped)) {
            for (entry_id const name : links.group_of(id)->members)
                add(name);
        } else if (links_in_upper > 1 && at(id).is(fact::inode)) {
            entries.for_each([&, number = at(id).inode.load()](entry_id one, entry& e) {
                if (e.is(fact::inode) && e.inode == number && e.directory == nullptr)
                    add(one);
            });
        } else {
            add(id);
        }
        return found;
    }
    [[nodiscard]] auto find_kept(entry_id id) {
        return std::find_if(kept_open.begin(), kept_open.end(), [id](auto const& k) { return k.first == id; });
    }
    // Requires: tree lock, exclusive.
    void free_if_unused(entry_id id) {
        entry const& e = at(id);
        if (e.is(fact::removed) && !e.is(fact::retired) && !e.is(fact::copying) &&
            e.pins.load(std::memory_order_acquire) == 0)
            entries.free(id);
    }

    // Whether an entry's directory_part may be used: false once it was removed.
    [[nodiscard]] bool alive(entry_id directory_id) const noexcept { return at(directory_id).directory != nullptr; }
};

}  // namespace lamina::detail
