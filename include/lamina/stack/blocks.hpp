// Files of which only the blocks that were written are copied up. In the upper lies a sparse file with the marks
// `metacopy` (holding `lb1`), `lamina` (01 and the map's number) and, once it was moved, a redirect, as a metacopy has;
// the map (block_map.hpp) tells which blocks are its own.
//
// Order of effects, and why:
//   1. the work directory says that there may be such files: nobody who does not know of them may mount the upper
//   2. the map, flushed with its name: a mark without a map is a lost file
//   3. the mark `lamina`, which alone means nothing
//   4. the mark `metacopy`, or the name of a file that has all marks: from here on the map counts
// To make such a file a plain one: all blocks are fetched and flushed; the mark `metacopy` goes, which is the step that
// counts; it is flushed; then `lamina`, the redirect and the map go. A map that is left over after a stop does no harm.
//
// Requires throughout: the tree lock, exclusive, but for `create_map`.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <lamina/stack/block_handle.hpp>
#include <lamina/stack/block_store.hpp>
#include <lamina/stack/metacopy.hpp>

namespace lamina::detail {

template <class Core>
using upper_file_of = file_of<typename Core::layers_type::upper_type>;

// The size of a block, as a power of two, for a lower file; nothing if it is to be copied up whole.
template <class Core>
[[nodiscard]] std::optional<unsigned> block_shift(Core const& core, std::uint64_t size) {
    if (core.rules.blocks != block_copies::on || size == 0 || size < core.rules.blocks_from)
        return std::nullopt;
    unsigned shift = block_header::smallest_shift;
    while (shift < block_header::largest_shift && std::uint64_t{1} << shift < core.rules.block_size)
        ++shift;
    while ((size - 1) >> shift >= block_header::most_blocks)
        ++shift;
    return shift <= block_header::largest_shift ? std::optional(shift) : std::nullopt;
}

// Opens the directory of the maps, if it is there.
template <class Core>
[[nodiscard]] result<void> open_block_store(Core& core) {
    auto& store = core.blocks;
    auto& tree = core.layers.work_tree();
    using upper_type = typename Core::layers_type::upper_type;
    if (store.held)
        return {};
    // A tree in memory is either there or it is not.
    if (!core.upper_able.has(capability::persistent_inodes)) {
        store.boot = {{std::byte{1}}, true};
    } else if constexpr (tells_boots<upper_type>) {
        if (auto const boot = core.layers.upper().boot())
            store.boot = {*boot, true};
    }
    auto at = node_guard<upper_type>::share(tree, core.layers.work_root());
    for (auto const name : blocks_path) {
        LAMINA_TRY(auto const found, tree.lookup(at.get(), name));
        if (!found)
            return {};
        LAMINA_TRY(node const inner, tree.open_directory_at(at.get(), name));
        at = node_guard<upper_type>(tree, inner);
    }
    LAMINA_TRY(auto const known, tree.lookup(at.get(), name_ref{}));
    store.directory = at.get();
    tree.retain(store.directory);
    store.held = true;
    // Where numbers begin is to differ from one life of the upper to the next; that two are equal is found out when the
    // map is made.
    std::uint64_t seed = reinterpret_cast<std::uintptr_t>(&core);
    if (known)
        seed ^= static_cast<std::uint64_t>(known->ctime.seconds) << 30 ^ known->ctime.nanoseconds;
    for (std::size_t i = 0; i < 8; ++i)
        seed = (seed ^ static_cast<std::uint64_t>(store.boot.id[i])) * 0x9e3779b97f4a7c15;
    store.next_id = seed;
    return {};
}

// Step 1.
template <class Core>
[[nodiscard]] result<void> prepare_block_store(Core& core) {
    auto& store = core.blocks;
    auto& tree = core.layers.work_tree();
    if (!store.present) {
        std::string_view const mark[] = {incompat_name, incompat_blocks, mark::prefix(core.layers.style(0).space)};
        LAMINA_CHECK(make_directories(tree, core.work, mark, flushes_data(core)));
        store.present = true;
    }
    if (!store.held) {
        LAMINA_CHECK(make_directories(tree, core.layers.work_root(), blocks_path, flushes_data(core)));
        LAMINA_CHECK(open_block_store(core));
    }
    return store.held ? result<void>() : fail(errc::estale);
}

// Step 2. Requires: the store is prepared.
template <class Core>
[[nodiscard]] result<block_map<upper_file_of<Core>>> create_map(Core& core, block_header header) {
    auto& store = core.blocks;
    auto& tree = core.layers.work_tree();
    header.boot = store.boot.id;
    for (;;) {
        // (splitmix64: neighbours give numbers that have nothing in common.)
        for (std::size_t i = 0; i < header.id.size(); i += 8) {
            std::uint64_t mixed = store.next_id.fetch_add(0x9e3779b97f4a7c15, std::memory_order_relaxed);
            mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
            mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
            put_little(std::span(header.id), i, mixed ^ mixed >> 31);
        }
        auto const name = hex_name(header.id);
        auto file = tree.create_at(store.directory, name, 0600);
        if (!file && file.error() == errc::eexist)
            continue;
        if (!file)
            return unexpected(file.error().in_layer(0));
        auto made = block_map<upper_file_of<Core>>::create(*std::move(file), header);
        result<void> flushed;
        if (made && flushes_data(core)) {
            flushed = made->flush();
            if (flushed)
                flushed = tree.sync_directory(store.directory);
        }
        if (made && flushed)
            return made;
        (void)tree.remove_at(store.directory, name);  // left over, it would do no harm
        return unexpected((made ? flushed.error() : made.error()).in_layer(0));
    }
}
template <class Core>
void drop_map(Core& core, std::string const& name) {
    (void)core.layers.work_tree().remove_at(core.blocks.directory, name);  // left over, it does no harm
}

// Which map the file says that it has. Errors: eio if it says it wrongly.
template <class Core>
[[nodiscard]] result<block_id> read_map_mark(Core& core, node directory, name_ref name) {
    LAMINA_TRY(auto const value, core.layers.get_xattr(0, directory, name,
                                                       mark::key(core.layers.style(0).space, mark::block_map)));
    block_id id;
    if (!value || value->size() != 1 + id.size() || value->front() != '\1')
        return fail(errc::eio, operation::open, 0);
    for (std::size_t i = 0; i < id.size(); ++i)
        id[i] = static_cast<std::byte>((*value)[1 + i]);
    return id;
}
[[nodiscard]] inline std::string map_mark(block_id const& id) {
    std::string value(1, '\1');
    for (std::byte const b : id)
        value.push_back(static_cast<char>(b));
    return value;
}

// Opens a file of the upper's file system, for writing too if that is possible or `must`.
template <class Open>
[[nodiscard]] auto open_for_both(bool must, bool& writable, Open&& open) {
    auto opened = open(open_flags::read_write);
    if (opened || must)
        return opened;
    auto const why = opened.error().code;
    if (why != errc::eacces && why != errc::eperm && why != errc::erofs && why != errc::etxtbsy)
        return opened;
    writable = false;
    return open(open_flags::read);
}

// The object of a block-wise file. Requires: the entry was judged (judge_data) to be one. Errors: eio if the map is
// damaged or missing, or if the lower file is another one than when the copy was begun; then with the lower's number.
template <class Core>
[[nodiscard]] result<std::shared_ptr<block_file<upper_file_of<Core>>>> open_blocks(Core& core, entry_id id,
                                                                                   bool write) {
    using upper_file = upper_file_of<Core>;
    using map_type = block_map<upper_file>;
    auto& store = core.blocks;
    auto& tree = core.layers.work_tree();
    auto const place = core.where(id);
    auto const open_upper = [&](open_flags flags) { return core.layers.open(0, place.directory, place.name, flags); };
    LAMINA_TRY(block_id const number, read_map_mark(core, place.directory, place.name));
    if (!store.held)
        return fail(errc::eio, operation::open, 0);
    auto const name = hex_name(number);
    auto const open_map = [&](open_flags flags) { return tree.open_at(store.directory, name, flags); };
    bool writable = true;

    if (auto const known = store.find(name)) {
        LAMINA_TRY(auto const found, core.layers.lookup(0, place.directory, place.name));
        if (!found || found->id != known->object())
            // A copy of the file, made behind our back: two cannot share a map.
            return fail(errc::eio, operation::open, 0);
        if (write && !known->is_writable()) {
            LAMINA_TRY(auto upper, open_upper(open_flags::read_write));
            LAMINA_TRY(auto map, open_map(open_flags::read_write));
            known->make_writable(std::get<upper_file>(std::move(upper)), std::move(map));
        }
        return known;
    }

    LAMINA_TRY(auto upper, open_for_both(write, writable, open_upper));
    LAMINA_TRY(auto const shell, std::get<upper_file>(upper).status());
    auto map_file = open_for_both(write, writable, open_map);
    if (!map_file)
        return unexpected(map_file.error() == errc::enoent ? error{errc::eio, operation::open, 0}
                                                           : map_file.error().in_layer(0));
    auto map = map_type::load(*std::move(map_file), number, store.boot);
    if (!map)
        return unexpected(map.error().in_layer(0));
    search<Core> below(core);
    LAMINA_CHECK(find_data(core, id, below));
    auto const& data = *below.data;
    LAMINA_TRY(auto lower, core.layers.open(data.layer, data.directory, data.name, open_flags::read));
    LAMINA_TRY(auto const now, std::visit([](auto& file) { return file.status(); }, lower));
    if (lower_identity{now.size, now.mtime} != map->header().lower)
        return fail(errc::eio, operation::open, data.layer);
    auto closed = std::make_shared<std::atomic<std::uint32_t>>(0);
    auto object = std::make_shared<block_file<upper_file>>(
        std::get<upper_file>(std::move(upper)), shell, *std::move(map),
        std::visit([](auto& file) { return any_file(std::move(file)); }, lower), data.layer, writable,
        typename block_file<upper_file>::durable_as{flushes_data(core), store.boot.known}, closed);
    store.add(name, object, std::move(closed));
    return object;
}

// Whether the map of a block-wise file is whole, and its lower file the one that it was; nothing is changed, and no
// object made. Errors: as open_blocks.
template <class Core>
[[nodiscard]] result<void> inspect_blocks(Core& core, entry_id id, block_id const& number) {
    if (!core.blocks.held)
        return fail(errc::eio, operation::open, 0);
    LAMINA_TRY(auto file, core.layers.work_tree().open_at(core.blocks.directory, hex_name(number), open_flags::read));
    LAMINA_TRY(auto const map, block_map<upper_file_of<Core>>::load(std::move(file), number, core.blocks.boot));
    search<Core> below(core);
    LAMINA_CHECK(find_data(core, id, below));
    LAMINA_TRY(auto lower,
               core.layers.open(below.data->layer, below.data->directory, below.data->name, open_flags::read));
    LAMINA_TRY(auto const now, std::visit([](auto& f) { return f.status(); }, lower));
    if (lower_identity{now.size, now.mtime} != map.header().lower)
        return fail(errc::eio, operation::open, below.data->layer);
    return {};
}

// For the handles that were opened on the lower file.
template <class Core>
[[nodiscard]] result<void> keep_blocks_open(Core& core, entry_id id, std::uint64_t links_in_upper) {
    if (core.awaiting_names(id, links_in_upper).empty())
        return {};
    // They read; whoever writes opens it himself, and may have to be refused.
    LAMINA_TRY(auto object, open_blocks(core, id, false));
    using handle = block_handle<upper_file_of<Core>>;
    core.keep_open_for_all_names(id, std::make_shared<typename Core::file_variant>(handle(std::move(object))),
                                 links_in_upper);
    return {};
}

// Makes a metacopy of the upper a block-wise file, if the policy wants that. Errors: then it is a metacopy as before.
template <class Core>
[[nodiscard]] result<bool> begin_blocks(Core& core, entry_id id) {
    entry& e = core.at(id);
    LAMINA_TRY(auto const shell, core.fetch_attributes(id));
    if (!block_shift(core, shell.size))
        return false;
    search<Core> below(core);
    LAMINA_CHECK(find_data(core, id, below));
    if (is_judged(core.rules, below.claim))
        return false;
    LAMINA_TRY(auto file,
               core.layers.open(below.data->layer, below.data->directory, below.data->name, open_flags::read));
    LAMINA_TRY(auto const lower, std::visit([](auto& f) { return f.status(); }, file));
    auto const shift = block_shift(core, lower.size);
    if (!shift)
        return false;
    LAMINA_CHECK(prepare_block_store(core));
    block_header header;
    header.shift = *shift;
    header.lower = {lower.size, lower.mtime};
    header.limit = std::min(shell.size, lower.size);
    LAMINA_TRY(auto const map, create_map(core, header));
    auto& upper = core.layers.upper();
    auto const space = core.layers.style(0).space;
    node const directory = core.upper_node(e.parent);
    auto done = upper.set_xattr_at(directory, e.hashed_name(), mark::key(space, mark::block_map),
                                   map_mark(map.header().id), xattr_flags::none);
    if (done)
        done = flush_object(core, directory, e.hashed_name(), e.type);
    if (done)
        done = upper.set_xattr_at(directory, e.hashed_name(), mark::key(space, mark::metacopy), mark::block_metacopy,
                                  xattr_flags::none);
    if (!done) {
        drop_map(core, hex_name(map.header().id));
        return unexpected(done.error().in_layer(0));
    }
    LAMINA_CHECK(settle_data(core, id, true, true));
    LAMINA_CHECK(keep_blocks_open(core, id, shell.nlink));
    LAMINA_CHECK(flush_object(core, directory, e.hashed_name(), e.type));
    return true;
}

// Takes the marks off a file that needs its map no more, and removes the map.
template <class Core>
[[nodiscard]] result<void> end_blocks(Core& core, entry_id id, block_file<upper_file_of<Core>>& object) {
    auto& upper = core.layers.upper();
    auto const space = core.layers.style(0).space;
    auto const place = core.where(id);
    LAMINA_TRY(block_id const number, read_map_mark(core, place.directory, place.name));
    auto const commit = [&] {
        return upper.remove_xattr_at(place.directory, place.name, mark::key(space, mark::metacopy));
    };
    if (auto done = object.become_plain(commit); !done)
        return unexpected(done.error().in_layer(0));
    LAMINA_CHECK(settle_data(core, id, false));
    // What follows tidies up: nothing of it means anything without the mark.
    if (flushes_data(core) && !object.sync(sync_kind::everything))
        return {};  // the mark may come back: then it needs its map
    (void)upper.remove_xattr_at(place.directory, place.name, mark::key(space, mark::block_map));
    (void)upper.remove_xattr_at(place.directory, place.name, mark::key(space, mark::redirect));
    drop_map(core, hex_name(number));
    return {};
}

// A cut to nothing needs no map any more.
template <class Core>
[[nodiscard]] result<void> cut_blocks(Core& core, entry_id id, block_file<upper_file_of<Core>>& object,
                                      std::uint64_t size) {
    LAMINA_CHECK(object.resize(size));
    return size == 0 ? end_blocks(core, id, object) : result<void>();
}

// The map that goes with a name, to be dropped once the name is gone: empty where other names stay, or there is none.
template <class Core>
[[nodiscard]] std::string map_of_last_name(Core& core, entry_id id) {
    if (!core.blocks.present || id == entry_id::none || !core.in_upper(id) || core.at(id).type != file_type::regular)
        return {};
    // What cannot be found out leaves a map behind, which does no harm.
    entry const& e = core.at(id);
    if (!judge_data(core, id) || !e.is(fact::blocks))
        return {};
    node const directory = core.upper_node(e.parent);
    auto const found = core.layers.lookup(0, directory, e.hashed_name());
    if (!found || !*found)
        return {};
    // The index has a name of its own, which goes with the last of the others.
    std::uint64_t links = (*found)->nlink;
    if (e.is(fact::grouped) && core.links.group_of(id)->difference + static_cast<std::int64_t>(links) <= 1)
        --links;
    if (links != 1)
        return {};
    auto const number = read_map_mark(core, directory, e.hashed_name());
    return number ? hex_name(*number) : std::string();
}

}  // namespace lamina::detail
