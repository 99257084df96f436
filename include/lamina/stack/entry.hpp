// The entry cache: what the overlay knows about the names that it was asked for. Children hang on their directory's
// entry, not on a path, so a rename of a directory touches two slots however much lies below it.
//
// An entry is 128 bytes in a chunk that never moves, named by a 32-bit id: the first line is what a path walk reads,
// the second is what stat reads. A directory adds a `directory_part`: where it lies in each layer, its children, and
// its listing.
//
// Concurrency: one writer at a time (the stack's tree lock, exclusive). Readers are of two kinds: those that hold the
// lock, shared, may read everything; those that are inside an epoch (epoch.hpp) may read what is atomic here, and
// nothing else. What the second kind may still be looking at is not freed but retired (entry_table.hpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/core/attributes.hpp>
#include <lamina/core/dirent.hpp>
#include <lamina/core/error.hpp>
#include <lamina/core/ident.hpp>
#include <lamina/core/path.hpp>
#include <lamina/stack/child_table.hpp>

namespace lamina::detail {

// Where a directory lies in one layer. The node is retained for as long as it stands here.
struct layer_node {
    node at{};
    layer_number layer = 0;
    bool xattr_whiteouts = false;
};

struct directory_part {
    child_table children;
    std::atomic<bool> complete{false};  // every name of every layer has an entry here
    std::uint32_t searches = 0;         // for names in it, before it was complete
    bool opaque = false;                // the upper's directory is marked opaque
    bool impure = false;                // the upper's directory is marked so: something in it may have a mark of its origin
    std::vector<layer_node> layers;     // top first; never empty
    std::vector<entry_id> order;        // with `complete`: the visible children as they were first met, and gaps (none)
    std::shared_ptr<listing const> names;  // made from `order` when asked for; dropped when a child comes or goes
    std::string redirect;               // what the upper's redirect mark says; empty if it has none

    // The times that a copy-up into it has put back, and the entry's version after that.
    struct kept_times {
        static constexpr std::uint32_t none = 1;  // no version at rest is odd
        timestamp atime, mtime;
        std::uint32_t version = none;
    };
    kept_times put_back;

    [[nodiscard]] bool in_upper() const noexcept { return layers.front().layer == 0; }
    [[nodiscard]] bool has_lower() const noexcept { return layers.back().layer != 0; }
    [[nodiscard]] layer_node const* in(layer_number layer) const noexcept {
        for (auto const& l : layers)
            if (l.layer == layer)
                return &l;
        return nullptr;
    }
};

// An atomic pointer that reads like a plain one. It is set once, when the directory is resolved, and reset when it is
// removed.
class directory_pointer {
public:
    operator directory_part*() const noexcept { return part_.load(std::memory_order_seq_cst); }
    directory_part* operator->() const noexcept { return part_.load(std::memory_order_seq_cst); }
    directory_part& operator*() const noexcept { return *part_.load(std::memory_order_seq_cst); }
    directory_pointer& operator=(directory_part* part) noexcept {
        part_.store(part, std::memory_order_seq_cst);
        return *this;
    }

private:
    std::atomic<directory_part*> part_{nullptr};
};

// What is known of an entry.
enum class fact : std::uint32_t {
    negative = 1,         // the name does not exist in the merged view
    upper_whiteout = 2,   // negative, and the upper holds a whiteout here: creating must replace it
    in_upper = 4,
    attributes = 8,       // the attribute line is valid
    inode = 16,           // the inode number is assigned; it stays when the attributes are forgotten
    removed = 32,         // no longer reachable by name; kept for its pins
    retired = 64,         // removed, and waiting for the readers of its epoch
    copying = 128,        // a copy-up is under way; everybody else waits for it
    below_known = 256,    // `below` is valid
    below = 512,          // a lower layer would show something under this name if the upper did not
    plain_data = 1024,    // a regular file that was found to be no metacopy
    metacopy = 16384,     // a regular file that was found to be one: its data lies further below
    blocks = 1048576,     // a regular file that was found to be copied up block by block (blocks.hpp)
    listed = 2048,        // visible, and in the directory's `order`
    met = 4096,           // seen by the listing that is under way
    kept_open = 8192,     // copied up while it was open: the stack keeps the copy open for those handles
    carried_inode = 32768,  // the inode number is the lower file's, which the layers would not give again
    used = 65536,         // seen since the cache was last looked through for what may go
    identified = 131072,  // whether it is one of several names of one object has been found out (index.hpp)
    grouped = 262144,     // it is (identity.hpp)
    indexed = 524288,     // the object is in the index, though this name may not be in the upper
};

struct alignas(64) entry {
    static constexpr std::size_t inline_name = 20;

    // The first line.
    entry_id parent = entry_id::none;
    std::uint32_t hash = 0;
    directory_pointer directory;
    std::atomic<char const*> name_block{nullptr};  // a length, then so many bytes; here, or on the heap
    std::atomic<std::uint32_t> pins{0};
    // Odd while the attribute line is written; moves by two whenever the object's attributes may have changed.
    std::atomic<std::uint32_t> version{0};
    std::uint32_t position = 0;                    // in the directory's `order`, while listed
    std::atomic<std::uint32_t> flags{0};
    layer_number layer = 0;                        // the topmost layer that shows it
    std::atomic<file_type> type{file_type::unknown};
    char short_name[1 + inline_name] = {};

    // The second line: attributes. Times outside of what 64 bits of nanoseconds hold (1677 to 2262) are never stored
    // here.
    std::atomic<std::uint64_t> inode{0};
    std::atomic<std::uint64_t> size_or_rdev{0};
    std::atomic<std::int64_t> atime{0}, mtime{0}, ctime{0};
    std::atomic<std::uint64_t> blocks{0};
    std::atomic<std::uint64_t> owner{0};           // uid, gid
    std::atomic<std::uint64_t> nlink_and_mode{0};

    [[nodiscard]] bool is(fact f) const noexcept {
        return (flags.load(std::memory_order_acquire) & static_cast<std::uint32_t>(f)) != 0;
    }
    void set(fact f) noexcept { flags.fetch_or(static_cast<std::uint32_t>(f), std::memory_order_acq_rel); }
    void clear(fact f) noexcept {
        flags.fetch_and(~static_cast<std::uint32_t>(f), std::memory_order_acq_rel);
    }
    void put(fact f, bool on) noexcept { on ? set(f) : clear(f); }
    // Written only if it is not so yet: the line stays shared among readers.
    void mark_used() noexcept {
        if (!is(fact::used))
            set(fact::used);
    }
    [[nodiscard]] bool is_directory() const noexcept { return type == file_type::directory; }

    [[nodiscard]] std::string_view name() const noexcept {
        char const* const block = name_block.load(std::memory_order_seq_cst);
        if (block == nullptr)
            return {};
        return {block + 1, static_cast<unsigned char>(*block)};
    }
    [[nodiscard]] name_ref hashed_name() const noexcept { return {name(), hash}; }
    [[nodiscard]] bool has_short_name() const noexcept {
        return name_block.load(std::memory_order_relaxed) == short_name;
    }
    // The first name. Requires: nobody can see the entry yet.
    void set_name(name_ref given) {
        char* block = short_name;
        if (given.text.size() > inline_name)
            block = new char[1 + given.text.size()];
        write_name(block, given);
    }
    // Another name. Returns the block of the old one where it is to be retired, else null. Readers may be looking at
    // either.
    [[nodiscard]] char const* change_name(name_ref given) {
        char const* const old = has_short_name() ? nullptr : name_block.load(std::memory_order_relaxed);
        write_name(new char[1 + given.text.size()], given);
        return old;
    }

    // To be called after every change that could show in a stat, and by anybody.
    void forget_attributes() noexcept {
        version.fetch_add(2, std::memory_order_acq_rel);
        clear(fact::attributes);
    }
    // Fills the attribute line, unless they do not fit or have changed since `seen` was read from `version`. Writer
    // only.
    void store(attributes const& a, std::uint32_t seen) noexcept {
        std::int64_t ns[3];
        timestamp const times[3] = {a.atime, a.mtime, a.ctime};
        for (int i = 0; i < 3; ++i) {
            constexpr std::int64_t limit = 9'223'372'035;
            if (times[i].seconds > limit || times[i].seconds < -limit)
                return;
            ns[i] = times[i].seconds * 1'000'000'000 + times[i].nanoseconds;
        }
        if (a.nlink > 0xffffffff)
            return;
        if (!version.compare_exchange_strong(seen, seen + 1, std::memory_order_acq_rel))
            return;
        bool const device = a.type == file_type::character || a.type == file_type::block;
        auto const put_word = [](auto& word, auto value) { word.store(value, std::memory_order_release); };
        put_word(inode, a.id.inode);
        put_word(size_or_rdev, device ? std::uint64_t{a.rdev.major} << 32 | a.rdev.minor : a.size);
        put_word(atime, ns[0]);
        put_word(mtime, ns[1]);
        put_word(ctime, ns[2]);
        put_word(blocks, a.blocks);
        put_word(owner, std::uint64_t{a.uid} << 32 | a.gid);
        put_word(nlink_and_mode, a.nlink << 32 | a.mode);
        set(fact::attributes);
        // Who forgot them meanwhile has moved the version: then they are not valid after all.
        if (std::uint32_t written = seen + 1;
            !version.compare_exchange_strong(written, seen + 2, std::memory_order_acq_rel)) {
            clear(fact::attributes);
            version.fetch_add(1, std::memory_order_acq_rel);
        }
    }
    // The attributes, if the line is valid and was not written meanwhile. For everybody.
    [[nodiscard]] bool load(attributes& a, std::uint64_t device) const noexcept {
        auto const before = version.load(std::memory_order_acquire);
        if ((before & 1) != 0 || !is(fact::attributes))
            return false;
        auto const get_word = [](auto const& word) { return word.load(std::memory_order_acquire); };
        a.type = type;
        a.id = {device, get_word(inode)};
        auto const size = get_word(size_or_rdev);
        if (a.type == file_type::character || a.type == file_type::block)
            a.rdev = {static_cast<std::uint32_t>(size >> 32), static_cast<std::uint32_t>(size)};
        else
            a.size = size;
        a.atime = unpack(get_word(atime));
        a.mtime = unpack(get_word(mtime));
        a.ctime = unpack(get_word(ctime));
        a.blocks = get_word(blocks);
        auto const owners = get_word(owner);
        a.uid = static_cast<std::uint32_t>(owners >> 32);
        a.gid = static_cast<std::uint32_t>(owners);
        auto const counted = get_word(nlink_and_mode);
        a.nlink = counted >> 32;
        a.mode = static_cast<std::uint32_t>(counted);
        return version.load(std::memory_order_relaxed) == before;
    }

private:
    void write_name(char* block, name_ref given) noexcept {
        *block = static_cast<char>(given.text.size());
        if (!given.empty())
            std::memcpy(block + 1, given.text.data(), given.text.size());
        hash = given.hash;
        name_block.store(block, std::memory_order_seq_cst);
    }
    static timestamp unpack(std::int64_t ns) noexcept {
        auto seconds = ns / 1'000'000'000;
        auto rest = ns % 1'000'000'000;
        if (rest < 0) {
            rest += 1'000'000'000;
            --seconds;
        }
        return {seconds, static_cast<std::uint32_t>(rest)};
    }
};
static_assert(sizeof(entry) == 128);

}  // namespace lamina::detail
