// All entries of one stack: where they live, how they come under a name, change it and leave, and how long they are
// kept for readers that may still be looking.
//
// Concurrency: the writer's (the stack's tree lock, exclusive), but for operator[], find and shifts, which readers use
// too.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <lamina/stack/entry.hpp>
#include <lamina/stack/epoch.hpp>

namespace lamina::detail {

class entry_table {
public:
    entry_table() {
        (void)allocate();  // id 0 is none
        (void)allocate();  // id 1 is the root
    }
    entry_table(entry_table const&) = delete;
    entry_table& operator=(entry_table const&) = delete;
    // Requires: no reader is left.
    ~entry_table() {
        for (auto const& r : retired_)
            if (r.memory != nullptr)
                r.give_back(r.memory);
        for (std::uint32_t i = 0; i < made_; ++i)
            std::destroy_at(&emptied((*this)[entry_id{i}]));
        for (auto& chunk : chunks_)
            if (entry* const entries = chunk.load(std::memory_order_relaxed); entries != nullptr)
                ::operator delete(entries, std::align_val_t{alignof(entry)});
    }

    [[nodiscard]] entry& operator[](entry_id id) const noexcept {
        // Each chunk is twice as large as the one before, so few pointers reach all ids.
        auto const i = static_cast<std::uint32_t>(id);
        auto const chunk = static_cast<std::uint32_t>(std::bit_width(i / first_chunk + 1) - 1);
        return chunks_[chunk].load(std::memory_order_acquire)[i - first_of(chunk)];
    }

    // The same as find, but null where there is none: for who goes on from the entry, its address is found once.
    [[nodiscard]] entry* seek(directory_part const& directory, name_ref name) const {
        entry* found = nullptr;
        entry_id const id = directory.children.find(name.hash, [&](entry_id child) {
            entry& e = (*this)[child];
            found = &e;
            return same_name(e.name(), name.text);
        });
        return id == entry_id::none ? nullptr : found;
    }
    // The entry under that name. For the writer, and for readers inside an epoch.
    [[nodiscard]] entry_id find(directory_part const& directory, name_ref name) const {
        return directory.children.find(
            name.hash, [&](entry_id child) { return same_name((*this)[child].name(), name.text); });
    }
    [[nodiscard]] entry_id find(entry_id directory, name_ref name) const {
        return find(*(*this)[directory].directory, name);
    }
    // Odd while a child moves to where a reader may miss it. A reader's "not there" counts if this was even and stood
    // still.
    [[nodiscard]] std::uint32_t shifts() const noexcept { return shifts_.load(std::memory_order_seq_cst); }

    // A fresh entry under that name. Requires: the directory has none of that name.
    [[nodiscard]] entry_id add(entry_id directory, name_ref name) {
        entry_id const id = allocate();
        entry& made = (*this)[id];
        made.set_name(name);
        made.parent = directory;
        insert(directory, name.hash, id);
        return id;
    }
    // A fresh entry for what has no name: it begins as one that was removed, and can be found by nobody.
    [[nodiscard]] entry_id add_unnamed() {
        entry_id const id = allocate();
        (*this)[id].set(fact::removed);
        return id;
    }
    // Takes it out of its directory. It can be found no more; who pins it, keeps it.
    void detach(entry_id id) {
        entry& e = (*this)[id];
        hide(id);
        shifting([&] { (*this)[e.parent].directory->children.erase(e.hash, id); });
    }
    // Gives an entry another place and name, in one step where `replaced` has that name already (it is then detached),
    // else with a moment in which it has neither; shifts() tells of it.
    void move(entry_id id, entry_id directory, name_ref name, entry_id replaced) {
        entry& e = (*this)[id];
        hide(id);
        if (replaced != entry_id::none)
            hide(replaced);
        shifting([&] {
            (*this)[e.parent].directory->children.erase(e.hash, id);
            if (char const* const old = e.change_name(name); old != nullptr)
                retire(const_cast<char*>(old), [](void* block) { delete[] static_cast<char*>(block); });
            e.parent = directory;
            if (replaced != entry_id::none)
                (*this)[directory].directory->children.replace(name.hash, replaced, id);
            else
                insert(directory, name.hash, id);
        });
        show(id);
    }
    // Two visible entries take each other's place and name.
    void exchange(entry_id a, entry_id b) {
        entry& first = (*this)[a];
        entry& second = (*this)[b];
        hide(a);
        hide(b);
        std::string const first_name(first.name()), second_name(second.name());
        name_ref const of_first{first_name, first.hash}, of_second{second_name, second.hash};
        entry_id const first_parent = first.parent, second_parent = second.parent;
        shifting([&] {
            (*this)[first_parent].directory->children.erase(of_first.hash, a);
            (*this)[second_parent].directory->children.erase(of_second.hash, b);
            for (auto const& [id, name] : {std::pair{a, of_second}, std::pair{b, of_first}})
                if (char const* const old = (*this)[id].change_name(name); old != nullptr)
                    retire(const_cast<char*>(old), [](void* block) { delete[] static_cast<char*>(block); });
            first.parent = second_parent;
            second.parent = first_parent;
            insert(second_parent, of_second.hash, a);
            insert(first_parent, of_first.hash, b);
        });
        show(a);
        show(b);
    }

    // The entry is visible in its directory from now on. Where the directory is not listed yet, the listing will find
    // it.
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

    // A detached entry is given back once no reader can be looking at it and nobody pins it.
    void retire(entry_id id) {
        entry& e = (*this)[id];
        e.set(fact::retired);
        retired_.push_back({0, id, nullptr, nullptr});
        reclaim_some();
    }
    // The same for memory that readers follow a pointer to.
    void retire(void* memory, void (*give_back)(void*)) {
        retired_.push_back({0, entry_id::none, memory, give_back});
        reclaim_some();
    }
    // Gives back a removed entry whose last pin is gone. Requires: not retired.
    void free(entry_id id) {
        entry& empty = emptied((*this)[id]);
        empty.flags.store(0, std::memory_order_release);
        empty.version.fetch_add(2, std::memory_order_relaxed);
        empty.type = file_type::unknown;
        empty.layer = 0;
        empty.parent = free_;
        free_ = id;
        --live_;
    }

    // Calls f(entry_id, entry&) for every entry there ever was, those that are free included.
    template <class F>
    void for_each(F&& f) {
        for (std::uint32_t i = 1; i < made_; ++i)
            f(entry_id{i}, (*this)[entry_id{i}]);
    }
    // Entries in use, the root and those that wait for readers included.
    [[nodiscard]] std::size_t size() const noexcept { return live_ - 1; }
    // What they take, with their slots and places in listings: an estimate, of what was measured on /usr
    // (docs/performance.md).
    [[nodiscard]] std::size_t bytes() const noexcept { return size() * bytes_per_entry; }

    // Lets go, by evict(id), of entries that nothing depends on, until they take `wanted` bytes or there are no more.
    // Those that were used since the last time get a second chance: a clock, whose hand stays where it stopped.
    template <class Evict>
    void shrink(std::size_t wanted, Evict&& evict) {
        constexpr fact needed[] = {fact::removed, fact::retired, fact::copying, fact::kept_open, fact::carried_inode};
        constexpr std::uint32_t first = 2;  // the root always stays
        if (made_ <= first)
            return;
        // Bounded: where little can go, nobody is to pay for looking at everything. The next operation goes on from
        // here.
        for (int steps = 1024; steps != 0 && bytes() > wanted; --steps) {
            hand_ = hand_ + 1 < made_ ? hand_ + 1 : first;
            entry& e = (*this)[entry_id{hand_}];
            bool const in_tree = e.parent != entry_id::none && e.name_block.load(std::memory_order_relaxed) != nullptr;
            if (!in_tree || e.pins.load(std::memory_order_acquire) != 0)
                continue;
            if (directory_part const* const part = e.directory; part != nullptr && part->children.size() != 0)
                continue;
            bool keep = e.is(fact::used);
            e.clear(fact::used);
            for (fact const f : needed)
                keep = keep || e.is(f);
            if (!keep)
                evict(entry_id{hand_});
        }
    }

private:
    static constexpr std::uint32_t first_chunk = 4096;
    static constexpr std::uint32_t chunk_count = 20;  // all ids
    static constexpr std::size_t reclaim_after = 64;
    static constexpr std::size_t bytes_per_entry = 160;

    struct retired_thing {
        std::uint64_t stamp;  // 0: not yet given one
        entry_id id;
        void* memory;
        void (*give_back)(void*);
    };

    [[nodiscard]] static constexpr std::uint32_t first_of(std::uint32_t chunk) noexcept {
        return ((1u << chunk) - 1) * first_chunk;
    }
    static entry& emptied(entry& e) noexcept {
        if (!e.has_short_name())
            delete[] e.name_block.load(std::memory_order_relaxed);
        e.name_block.store(nullptr, std::memory_order_relaxed);
        delete static_cast<directory_part*>(e.directory);
        e.directory = nullptr;
        return e;
    }
    void insert(entry_id directory, std::uint32_t hash, entry_id id) {
        (*this)[directory].directory->children.insert(
            hash, id, [this](void* old) { retired_.push_back({0, entry_id::none, old, &slot_array::free}); });
    }
    template <class F>
    void shifting(F&& f) {
        shifts_.fetch_add(1, std::memory_order_seq_cst);
        f();
        shifts_.fetch_add(1, std::memory_order_seq_cst);
    }
    void close_gaps(directory_part& parent) {
        std::erase(parent.order, entry_id::none);
        for (std::size_t i = 0; i < parent.order.size(); ++i)
            (*this)[parent.order[i]].position = static_cast<std::uint32_t>(i);
    }

    // In batches: one step of the epoch and one look at the readers for many things.
    void reclaim_some() {
        if (retired_.size() - stamped_ < reclaim_after)
            return;
        auto const stamp = epochs::move_on();
        for (; stamped_ < retired_.size(); ++stamped_)
            retired_[stamped_].stamp = stamp;
        auto const safe = epochs::oldest();
        std::size_t kept = 0;
        for (auto const& thing : retired_) {
            if (thing.stamp > safe) {
                retired_[kept++] = thing;
            } else if (thing.memory != nullptr) {
                thing.give_back(thing.memory);
            } else {
                entry& e = (*this)[thing.id];
                e.clear(fact::retired);
                if (e.pins.load(std::memory_order_acquire) == 0 && !e.is(fact::copying) && !e.is(fact::grouped))
                    free(thing.id);
            }
        }
        retired_.resize(kept);
        stamped_ = kept;
    }

    [[nodiscard]] entry_id allocate() {
        ++live_;
        if (free_ != entry_id::none) {
            entry_id const id = free_;
            free_ = (*this)[id].parent;
            (*this)[id].parent = entry_id::none;
            return id;
        }
        auto const chunk = static_cast<std::uint32_t>(std::bit_width(made_ / first_chunk + 1) - 1);
        if (made_ == first_of(chunk)) {
            std::size_t const bytes = (std::size_t{first_chunk} << chunk) * sizeof(entry);
            chunks_[chunk].store(static_cast<entry*>(::operator new(bytes, std::align_val_t{alignof(entry)})),
                                 std::memory_order_release);
        }
        entry_id const id{made_++};
        std::construct_at(&(*this)[id]);
        return id;
    }

    std::atomic<entry*> chunks_[chunk_count] = {};
    std::uint32_t made_ = 0;
    std::uint32_t hand_ = 1;
    std::size_t live_ = 0;
    entry_id free_ = entry_id::none;
    std::atomic<std::uint32_t> shifts_{0};
    std::vector<retired_thing> retired_;
    std::size_t stamped_ = 0;
};

}  // namespace lamina::detail
