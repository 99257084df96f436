// What the kernel knows of the tree: an object for each of its inodes, and the names by which it came to know them.
//
// An object lives as long as the kernel holds lookups of it (each answer that names one adds a lookup, FORGET takes
// them away), or a known name lies in it, or a request works on it. Then it rests: the last `resting_max` that were let
// go keep their numbers, so that a file handle (name_to_handle_at(2), NFS) finds them again after the kernel dropped
// its caches. A number is never given twice: beside the slot it holds a stamp of when the slot was filled.
//
// An object that is not a directory is reached through one of its names, and these change under rename, unlink and link
// only, which all come through here. Each such change counts in `moves`: who resolved an object to a name, went to the
// backend with it and finds the count changed may have met another object, and begins again. Between the backend's
// change and the table's a name means nothing: who wants to resolve the object then waits for the end (`name_change`).
//
// Names, not the backend's inode numbers, say that two lookups meet one object: a number may change when a file is
// copied up. Only what has several links is known by number too, so that its names meet.
//
// Memory: 128 bytes for an object with its name, if that is short, and 8 to 16 in the table of names.
//
// Concurrency: one mutex, held for no longer than a few look-ups in memory; what an object takes with it when it goes
// (its node, its part) is handed to `dispose` after that.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <lamina/core/result.hpp>
#include <lamina/fuse/known_names.hpp>

namespace lamina::detail {

template <class Part, class Dispose>
class object_table {
public:
    using object = mounted_object<Part>;
    using name = mounted_name<Part>;
    static constexpr std::uint64_t root_id = 1;
    static constexpr std::size_t resting_max = 16384;

    // dispose(node, file_type, unique_ptr<Part>) ends what belonged to an object.
    explicit object_table(Dispose dispose) : dispose_(std::move(dispose)) {}
    object_table(object_table const&) = delete;
    object_table& operator=(object_table const&) = delete;
    ~object_table() {
        pthread_cond_destroy(&moved_);
        slots_.for_each([this](object& each) {
            while (name* const further = each.first.further) {
                each.first.further = further->further;
                further->clear();
                delete further;
            }
            each.first.clear();
            dispose_(each.directory, each.type, std::move(each.part));
        });
    }

    using hold = object_hold<object_table>;
    friend hold;

    // While one lives, a name of an object is being changed in the backend and in the table. For an empty hold it is
    // nothing.
    class name_change {
    public:
        name_change(object_table& table, hold const& of) : table_(table), object_(of ? &*of : nullptr) {
            if (object_ != nullptr)
                table_.locked([&] { ++object_->moving; });
        }
        name_change(name_change const&) = delete;
        name_change& operator=(name_change const&) = delete;
        ~name_change() {
            if (object_ == nullptr)
                return;
            table_.locked([&] {
                --object_->moving;
                ++object_->moves;
            });
            pthread_cond_broadcast(&table_.moved_);
        }

    private:
        object_table& table_;
        object* object_;  // whose hold lives longer
    };

    // Where an object can be reached: a name in a directory that is held.
    struct place {
        hold in;
        std::uint32_t moves = 0;
        std::size_t length = 0;
        std::array<char, name_max> text;
        [[nodiscard]] node directory() const noexcept { return in->directory; }
        [[nodiscard]] name_ref name() const noexcept { return std::string_view(text.data(), length); }
    };

    // f() with the mutex, which guards all members of objects that can change, and their parts.
    template <class F>
    auto locked(F&& f) {
        std::lock_guard const lock(guard_);
        return f();
    }

    // Before anything else.
    void add_root(node root) {
        std::lock_guard const lock(guard_);
        object& made = slots_.take();
        made.type = file_type::directory;
        made.directory = root;
        made.lookups = 1;
    }

    // Empty if the number is none that is known.
    [[nodiscard]] hold find(std::uint64_t id) {
        std::lock_guard const lock(guard_);
        object* const found = slots_.find(id);
        if (found == nullptr)
            return {};
        ++found->holds;
        return hold(*this, *found);
    }
    // What a name is known to name. Empty if that was never told, or is not so any more.
    [[nodiscard]] hold find(object& directory, name_ref text) {
        std::lock_guard const lock(guard_);
        name* const found = names_.find(directory, text);
        if (found == nullptr)
            return {};
        ++found->object->holds;
        return hold(*this, *found->object);
    }

    // The object that the backend has just shown under a name, with one lookup more for the kernel; its number.
    // `keeps_links`: other names of the same number name the same object, for ever. `open()` gives the retained node of
    // a directory that was not known, or an error. The outcome of `open` if that failed.
    template <class Open>
    auto enter(object& directory, name_ref text, attributes const& found, bool keeps_links, Open&& open)
        -> decltype(open().error(), result<std::uint64_t>()) {
        if (found.is_directory()) {
            if (auto const known = enter_known(directory, text, found); known != 0)
                return known;
            LAMINA_TRY(node const opened, open());
            return enter_new(directory, text, found, opened, false);
        }
        return enter_new(directory, text, found, node{}, keeps_links);
    }
    // An object without a name: O_TMPFILE.
    [[nodiscard]] hold enter_nameless(attributes const& found) {
        std::lock_guard const lock(guard_);
        object& made = fill_slot(found);
        made.lookups = 1;
        made.holds = 1;
        return hold(*this, made);
    }
    // One more name for an object, and one lookup more. `found` is what it is now.
    void link(object& of, object& directory, name_ref text, attributes const& found) {
        cleaning([&] {
            forget_name(directory, text);
            add_name(of, directory, text);
            know_number(of, found, true);
            ++of.lookups;
            ++of.moves;
        });
    }

    // The kernel drops `count` lookups.
    void forget(std::uint64_t id, std::uint64_t count) {
        cleaning([&] {
            if (object* const found = slots_.find(id); found != nullptr && id != root_id) {
                found->lookups -= std::min(found->lookups, count);
                rest_if_idle(*found);
            }
        });
    }

    // One of an object's names as a place; empty if it has none, or is the root.
    [[nodiscard]] bool locate(object& of, place& where) {
        std::lock_guard const lock(guard_);
        while (of.moving != 0)
            pthread_cond_wait(&moved_, guard_.native_handle());
        where.moves = of.moves;
        if (!of.named)
            return false;
        ++of.first.directory->holds;
        where.in = hold(*this, *of.first.directory);
        auto const text = of.first.text();
        where.length = text.size();
        std::memcpy(where.text.data(), text.data(), text.size());
        return true;
    }
    [[nodiscard]] bool moved_since(object& of, std::uint32_t moves) {
        std::lock_guard const lock(guard_);
        return of.moves != moves || of.moving != 0;
    }
    // The directory in which a directory has its name; the root for the root.
    [[nodiscard]] hold parent_of(object& of) {
        std::lock_guard const lock(guard_);
        object* const parent = of.named ? of.first.directory : slots_.find(root_id);
        ++parent->holds;
        return hold(*this, *parent);
    }

    // The object has no link any more, so its number may soon be another's.
    void forget_number(object& of) {
        std::lock_guard const lock(guard_);
        if (std::exchange(of.by_number, false))
            numbers_.erase(of.same_as);
    }
    // A name is gone.
    void remove_name(object& directory, name_ref text) {
        cleaning([&] { forget_name(directory, text); });
    }
    void move_name(object& from, name_ref old_text, object& to, name_ref new_text) {
        cleaning([&] {
            forget_name(to, new_text);
            if (name* const moved = names_.find(from, old_text); moved != nullptr) {
                object& of = *moved->object;
                ++of.holds;  // it has no name for a moment
                forget_name(from, old_text);
                add_name(of, to, new_text);
                ++of.moves;
                --of.holds;
            }
        });
    }
    void exchange_names(object& one, name_ref one_text, object& other, name_ref other_text) {
        cleaning([&] {
            name* const a = names_.find(one, one_text);
            name* const b = names_.find(other, other_text);
            object* const first = a == nullptr ? nullptr : a->object;
            object* const second = b == nullptr ? nullptr : b->object;
            for (object* each : {first, second})
                if (each != nullptr)
                    ++each->holds;
            forget_name(one, one_text);
            forget_name(other, other_text);
            if (first != nullptr)
                add_name(*first, other, other_text);
            if (second != nullptr)
                add_name(*second, one, one_text);
            for (object* each : {first, second})
                if (each != nullptr) {
                    ++each->moves;
                    --each->holds;
                    rest_if_idle(*each);
                }
        });
    }

    [[nodiscard]] std::size_t size() {
        std::lock_guard const lock(guard_);
        return slots_.size();
    }

private:
    struct remains {
        node directory;
        file_type type;
        std::unique_ptr<Part> part;
    };

    template <class F>
    void cleaning(F&& f) {
        std::vector<remains> gone;
        {
            std::lock_guard const lock(guard_);
            f();
            while (resting_.size() > resting_max)
                end_oldest();
            gone.swap(gone_);
        }
        for (auto& each : gone)
            dispose_(each.directory, each.type, std::move(each.part));
    }
    void let_go(object& of) {
        cleaning([&] {
            --of.holds;
            rest_if_idle(of);
        });
    }

    // Requires of all below: the mutex.
    object& fill_slot(attributes const& found) {
        object& made = slots_.take();
        made.type = found.type;
        made.same_as = found.id;
        return made;
    }

    void add_name(object& of, object& directory, name_ref text) {
        name* made = &of.first;
        if (of.named) {
            made = new name;
            made->further = of.first.further;
            of.first.further = made;
        }
        of.named = true;
        made->set(text);
        made->object = &of;
        made->directory = &directory;
        ++directory.holds;
        names_.add(*made);
    }
    void lost_name(object& of, object& directory) {
        ++of.moves;
        --directory.holds;
        rest_if_idle(directory);
    }
    // The embedded name is always in use if any is, so another moves into its place.
    void drop_first(object& of) {
        object& directory = *of.first.directory;
        names_.remove(of.first);
        of.first.clear();
        name* const next = of.first.further;
        if (next != nullptr) {
            names_.remove(*next);
            of.first = *next;
            delete next;
            names_.add(of.first);
        } else {
            of.first = name();
            of.named = false;
        }
        lost_name(of, directory);
    }
    void drop_further(name* one) {
        object& of = *one->object;
        object& directory = *one->directory;
        names_.remove(*one);
        one->clear();
        name** at = &of.first.further;
        while (*at != one)
            at = &(*at)->further;
        *at = one->further;
        delete one;
        lost_name(of, directory);
    }
    void forget_name(object& directory, name_ref text) {
        if (name* const found = names_.find(directory, text); found != nullptr) {
            object& of = *found->object;
            if (found == &of.first)
                drop_first(of);
            else
                drop_further(found);
            rest_if_idle(of);
        }
    }

    [[nodiscard]] std::uint64_t enter_known(object& directory, name_ref text, attributes const& found) {
        std::lock_guard const lock(guard_);
        name* const known = names_.find(directory, text);
        if (known == nullptr || known->object->type != found.type)
            return 0;
        ++known->object->lookups;
        return known->object->id;
    }
    std::uint64_t enter_new(object& directory, name_ref text, attributes const& found, node opened, bool keeps_links) {
        std::uint64_t id = 0;
        cleaning([&] {
            name* const known = names_.find(directory, text);
            if (known != nullptr && known->object->type == found.type) {
                id = known->object->id;
                ++known->object->lookups;
                know_number(*known->object, found, keeps_links);
                if (found.is_directory())
                    gone_.push_back({opened, found.type, nullptr});  // another request was faster
                return;
            }
            forget_name(directory, text);
            object* of = nullptr;
            // Also with one link, which may be the last of several: another name of it may just have been removed.
            if (keeps_links)
                if (auto const other = numbers_.find(found.id);
                    other != numbers_.end() && slots_.find(other->second) != nullptr)
                    of = slots_.find(other->second);
            if (of == nullptr) {
                of = &fill_slot(found);
                of->directory = opened;
                know_number(*of, found, keeps_links);
            }
            add_name(*of, directory, text);
            ++of->lookups;
            id = of->id;
        });
        return id;
    }
    void know_number(object& of, attributes const& found, bool keeps_links) {
        if (of.by_number && of.same_as != found.id) {
            numbers_.erase(of.same_as);
            of.by_number = false;
        }
        of.same_as = found.id;
        if (!of.by_number && found.nlink > 1 && keeps_links)
            of.by_number = numbers_.try_emplace(of.same_as, of.id).second;
    }

    void rest_if_idle(object& of) {
        if (of.lookups != 0 || of.holds != 0 || of.id == root_id || of.id == 0)
            return;
        if (!of.named)
            return end(of);
        if (of.resting)
            return;
        of.resting = true;
        resting_.push_back(of.id);
    }
    void end_oldest() {
        object* const oldest = slots_.find(resting_.front());
        resting_.pop_front();
        if (oldest == nullptr)
            return;
        oldest->resting = false;
        if (oldest->lookups == 0 && oldest->holds == 0)
            end(*oldest);
    }
    void end(object& of) {
        if (of.by_number)
            numbers_.erase(of.same_as);
        gone_.push_back({of.directory, of.type, std::move(of.part)});
        ++of.holds;  // so that losing its names does not end it again
        while (of.named)
            drop_first(of);
        slots_.give_back(of);
    }

    std::mutex guard_;
    pthread_cond_t moved_ = PTHREAD_COND_INITIALIZER;  // some `moving` is smaller
    object_slots<Part> slots_;
    known_names<Part> names_;
    std::unordered_map<file_id, std::uint64_t, hash_of_number> numbers_;
    std::deque<std::uint64_t> resting_;
    std::vector<remains> gone_;
    Dispose dispose_;
};

}  // namespace lamina::detail
