// The entry cache: what the overlay knows about the names that it was asked for. Children hang on their directory's entry, not
// on a path, so a rename of a directory touches two slots however much lies below it.
//
// An entry is 128 bytes in a chunk that never moves, named by a 32-bit id: the first line is what a path walk reads, the second
// is what stat reads. A directory adds a `directory_part`: where it lies in each layer, its children, and its listing.
//
// Concurrency: the stack's tree lock guards everything here (shared to read, exclusive to change) except `pins`, `version`
// and `flags`, which are atomic. An entry that is removed while it is pinned stays in its place, marked, until the last pin goes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/core/attributes.hpp>
#include <lamina/core/dirent.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/ident.hpp>
#include <lamina/core/path.hpp>

namespace lamina::detail {

enum class entry_id : std::uint32_t { none = 0, root = 1 };

// Where a directory lies in one layer. The node is retained for as long as it stands here.
struct layer_node {
    node at{};
    layer_number layer = 0;
    bool xattr_whiteouts = false;
};

// Open addressing over {hash, id}: growth and misses read slots only, never an entry.
class child_table {
public:
    struct slot {
        std::uint32_t hash = 0;
        entry_id id = entry_id::none;
    };

    template <class Same>
    [[nodiscard]] entry_id find(std::uint32_t hash, Same&& same) const {
        if (slots_.empty())
            return entry_id::none;
        std::size_t const mask = slots_.size() - 1;
        for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
            slot const& s = slots_[i];
            if (s.id == entry_id::none)
                return entry_id::none;
            if (s.hash == hash && same(s.id))
                return s.id;
        }
    }
    // Requires: not in it yet.
    void insert(std::uint32_t hash, entry_id id) {
        if ((used_ + 1) * 4 > slots_.size() * 3)
            grow();
        place(hash, id);
        ++used_;
    }
    // Requires: in it. Closes the gap, so that no tombstones gather.
    void erase(std::uint32_t hash, entry_id id) {
        std::size_t const mask = slots_.size() - 1;
        std::size_t gap = hash & mask;
        while (slots_[gap].id != id)
            gap = (gap + 1) & mask;
        for (std::size_t i = (gap + 1) & mask; slots_[i].id != entry_id::none; i = (i + 1) & mask) {
            std::size_t const home = slots_[i].hash & mask;
            if (((i - home) & mask) >= ((i - gap) & mask)) {
                slots_[gap] = slots_[i];
                gap = i;
            }
        }
        slots_[gap] = {};
        --used_;
    }
    template <class F>
    void for_each(F&& f) const {
        for (slot const& s : slots_)
            if (s.id != entry_id::none)
                f(s.id);
    }
    [[nodiscard]] std::size_t size() const noexcept { return used_; }

private:
    void place(std::uint32_t hash, entry_id id) {
        std::size_t const mask = slots_.size() - 1;
        std::size_t i = hash & mask;
        while (slots_[i].id != entry_id::none)
            i = (i + 1) & mask;
        slots_[i] = {hash, id};
    }
    void grow() {
        std::vector<slot> old(slots_.empty() ? 4 : slots_.size() * 2);
        old.swap(slots_);
        for (slot const& s : old)
            if (s.id != entry_id::none)
                place(s.hash, s.id);
    }

    std::vector<slot> slots_;
    std::size_t used_ = 0;
};

struct directory_part {
    std::vector<layer_node> layers;  // top first; never empty
    child_table children;
    std::vector<entry_id> order;     // with `complete`: the visible children as they were first met, and gaps (none)
    std::shared_ptr<listing const> names;  // made from `order` when asked for; dropped when a child comes or goes
    std::string redirect;            // what the upper's redirect mark says; empty if it has none
    bool complete = false;           // every name of every layer has an entry here
    bool opaque = false;             // the upper's directory is marked opaque

    [[nodiscard]] bool in_upper() const noexcept { return layers.front().layer == 0; }
    [[nodiscard]] bool has_lower() const noexcept { return layers.back().layer != 0; }
    [[nodiscard]] layer_node const* in(layer_number layer) const noexcept {
        for (auto const& l : layers)
            if (l.layer == layer)
                return &l;
        return nullptr;
    }
};

// What is known of an entry.
enum class fact : std::uint16_t {
    negative = 1,         // the name does not exist in the merged view
    upper_whiteout = 2,   // negative, and the upper holds a whiteout here: creating must replace it
    in_upper = 4,
    attributes = 8,       // the attribute line is valid
    inode = 16,           // the inode number is assigned; it stays when the attributes are forgotten
    resolved = 32,        // not only met in a listing
    removed = 64,         // no longer reachable by name; kept for its pins
    copying = 128,        // a copy-up is under way; everybody else waits for it
    below_known = 256,    // `below` is valid
    below = 512,          // a lower layer would show something under this name if the upper did not
    plain_data = 1024,    // a regular file that was found to be no metacopy
    listed = 2048,        // visible, and in the directory's `order`
    met = 4096,           // seen by the listing that is under way
};

struct alignas(64) entry {
    static constexpr std::size_t inline_name = 30;

    entry_id parent = entry_id::none;
    std::uint32_t hash = 0;
    directory_part* directory = nullptr;
    std::atomic<std::uint32_t> pins{0};
    std::atomic<std::uint32_t> version{0};  // moves whenever the object's attributes may have changed
    std::uint32_t position = 0;             // in the directory's `order`, while listed and visible
    layer_number layer = 0;                 // the topmost layer that shows it
    std::atomic<std::uint16_t> flags{0};
    std::uint8_t name_length = 0;
    file_type type = file_type::unknown;
    char name_bytes[inline_name] = {};      // the name, or a pointer to it where it is longer

    // The attribute line. Times outside of what 64 bits of nanoseconds hold (1677 to 2262) are never stored here.
    std::uint64_t inode = 0;
    std::uint64_t size_or_rdev = 0;
    std::int64_t atime = 0, mtime = 0, ctime = 0;
    std::uint64_t blocks = 0;
    std::uint32_t uid = 0, gid = 0;
    std::uint32_t nlink = 0;
    std::uint32_t mode = 0;

    [[nodiscard]] bool is(fact f) const noexcept {
        return (flags.load(std::memory_order_relaxed) & static_cast<std::uint16_t>(f)) != 0;
    }
    void set(fact f) noexcept { flags.fetch_or(static_cast<std::uint16_t>(f), std::memory_order_relaxed); }
    void clear(fact f) noexcept {
        flags.fetch_and(static_cast<std::uint16_t>(~static_cast<unsigned>(f)), std::memory_order_relaxed);
    }
    void put(fact f, bool on) noexcept { on ? set(f) : clear(f); }
    void forget_attributes() noexcept {
        version.fetch_add(1, std::memory_order_relaxed);
        clear(fact::attributes);
    }
    [[nodiscard]] bool is_directory() const noexcept { return type == file_type::directory; }

    [[nodiscard]] std::string_view name() const noexcept {
        if (name_length <= inline_name)
            return {name_bytes, name_length};
        char const* far;
        std::memcpy(&far, name_bytes, sizeof far);
        return {far, name_length};
    }
    [[nodiscard]] name_ref hashed_name() const noexcept { return {name(), hash}; }
    void set_name(name_ref given) {
        char* far = nullptr;
        if (given.text.size() > inline_name) {
            far = new char[given.text.size()];
            std::memcpy(far, given.text.data(), given.text.size());
        }
        drop_name();
        if (far != nullptr)
            std::memcpy(name_bytes, &far, sizeof far);
        else if (!given.empty())
            std::memcpy(name_bytes, given.text.data(), given.text.size());
        name_length = static_cast<std::uint8_t>(given.text.size());
        hash = given.hash;
    }
    void drop_name() noexcept {
        if (name_length > inline_name)
            delete[] name().data();
        name_length = 0;
    }

    // False if they do not fit the line; then nothing is stored.
    [[nodiscard]] bool store(attributes const& a) noexcept {
        std::int64_t packed[3];
        timestamp const times[3] = {a.atime, a.mtime, a.ctime};
        for (int i = 0; i < 3; ++i) {
            constexpr std::int64_t limit = 9'223'372'035;
            if (times[i].seconds > limit || times[i].seconds < -limit)
                return false;
            packed[i] = times[i].seconds * 1'000'000'000 + times[i].nanoseconds;
        }
        if (a.nlink > 0xffffffff)
            return false;
        bool const device = a.type == file_type::character || a.type == file_type::block;
        inode = a.id.inode;
        size_or_rdev = device ? std::uint64_t{a.rdev.major} << 32 | a.rdev.minor : a.size;
        atime = packed[0];
        mtime = packed[1];
        ctime = packed[2];
        blocks = a.blocks;
        uid = a.uid;
        gid = a.gid;
        nlink = static_cast<std::uint32_t>(a.nlink);
        mode = a.mode;
        return true;
    }
    [[nodiscard]] attributes load(std::uint64_t device) const noexcept {
        auto const unpack = [](std::int64_t ns) {
            auto seconds = ns / 1'000'000'000;
            auto rest = ns % 1'000'000'000;
            if (rest < 0) {
                rest += 1'000'000'000;
                --seconds;
            }
            return timestamp{seconds, static_cast<std::uint32_t>(rest)};
        };
        attributes a;
        a.type = type;
        a.mode = mode;
        a.uid = uid;
        a.gid = gid;
        a.nlink = nlink;
        a.blocks = blocks;
        a.id = {device, inode};
        if (type == file_type::character || type == file_type::block)
            a.rdev = {static_cast<std::uint32_t>(size_or_rdev >> 32), static_cast<std::uint32_t>(size_or_rdev)};
        else
            a.size = size_or_rdev;
        a.atime = unpack(atime);
        a.mtime = unpack(mtime);
        a.ctime = unpack(ctime);
        return a;
    }
};
static_assert(sizeof(entry) == 128);

class entry_table {
public:
    entry_table() {
        (void)allocate();  // id 0 is none
        (void)allocate();  // id 1 is the root
    }
    entry_table(entry_table const&) = delete;
    entry_table& operator=(entry_table const&) = delete;
    ~entry_table() {
        for (std::uint32_t i = 0; i < made_; ++i)
            std::destroy_at(&clean((*this)[entry_id{i}]));
        for (entry* chunk : chunks_)
            ::operator delete(chunk, std::align_val_t{alignof(entry)});
    }

    [[nodiscard]] entry& operator[](entry_id id) const noexcept {
        auto const i = static_cast<std::uint32_t>(id);
        return chunks_[i / chunk_size][i % chunk_size];
    }

    [[nodiscard]] entry_id find(entry_id directory, name_ref name) const {
        return (*this)[directory].directory->children.find(
            name.hash, [&](entry_id child) { return (*this)[child].name() == name.text; });
    }
    // A fresh entry under that name. Requires: the directory has none of that name.
    [[nodiscard]] entry_id add(entry_id directory, name_ref name) {
        entry_id const id = allocate();
        entry& made = (*this)[id];
        made.set_name(name);
        made.parent = directory;
        (*this)[directory].directory->children.insert(name.hash, id);
        return id;
    }
    // Takes it out of its directory. It can be found no more; who pins it, keeps it.
    void detach(entry_id id) {
        entry& e = (*this)[id];
        directory_part& parent = *(*this)[e.parent].directory;
        parent.children.erase(e.hash, id);
        hide(id);
    }
    // Puts a detached entry under another name. Requires: that name is free in the directory.
    void attach(entry_id id, entry_id directory, name_ref name) {
        entry& e = (*this)[id];
        e.set_name(name);
        e.parent = directory;
        (*this)[directory].directory->children.insert(name.hash, id);
        show(id);
    }
    // The entry is visible in its directory from now on. Where the directory is not listed yet, the listing will find it.
    void show(entry_id id) {
        entry& e = (*this)[id];
        directory_part& parent = *(*this)[e.parent].directory;
        parent.names.reset();
        if (!parent.complete || e.is(fact::listed))
            return;
        if (parent.order.size() > 16 && parent.order.size() > 2 * parent.children.size())
            close_gaps(parent);
        put_last(parent, id);
    }
    // The entry is visible no more.
    void hide(entry_id id) {
        entry& e = (*this)[id];
        directory_part& parent = *(*this)[e.parent].directory;
        parent.names.reset();
        if (!e.is(fact::listed))
            return;
        parent.order[e.position] = entry_id::none;
        e.clear(fact::listed);
    }
    void put_last(directory_part& parent, entry_id id) {
        entry& e = (*this)[id];
        e.position = static_cast<std::uint32_t>(parent.order.size());
        parent.order.push_back(id);
        e.set(fact::listed);
    }
    // Gives a detached entry's place back. Requires: no pins, no children. The atomics are stored to, not made anew: a thread
    // that has just given up the last pin may still be looking at them.
    void free(entry_id id) {
        entry& empty = clean((*this)[id]);
        empty.flags.store(0, std::memory_order_release);
        empty.version.fetch_add(1, std::memory_order_relaxed);
        empty.type = file_type::unknown;
        empty.layer = 0;
        empty.parent = free_;
        free_ = id;
    }

private:
    static constexpr std::uint32_t chunk_size = 4096;

    void close_gaps(directory_part& parent) {
        std::erase(parent.order, entry_id::none);
        for (std::size_t i = 0; i < parent.order.size(); ++i)
            (*this)[parent.order[i]].position = static_cast<std::uint32_t>(i);
    }
    static entry& clean(entry& e) noexcept {
        e.drop_name();
        delete e.directory;
        e.directory = nullptr;
        return e;
    }
    [[nodiscard]] entry_id allocate() {
        if (free_ != entry_id::none) {
            entry_id const id = free_;
            free_ = (*this)[id].parent;
            (*this)[id].parent = entry_id::none;
            return id;
        }
        if (made_ == chunks_.size() * chunk_size) {
            chunks_.push_back(nullptr);
            chunks_.back() =
                static_cast<entry*>(::operator new(chunk_size * sizeof(entry), std::align_val_t{alignof(entry)}));
        }
        entry_id const id{made_++};
        std::construct_at(&(*this)[id]);
        return id;
    }

    std::vector<entry*> chunks_;
    std::uint32_t made_ = 0;
    entry_id free_ = entry_id::none;
};

}  // namespace lamina::detail
