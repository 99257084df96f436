// What a disk holds, as a value: objects, and the names by which directories know them. It is taken from a backend,
// changed effect by effect, and written into an empty backend again: so it can be what a real disk would never have let
// a program see, a tree of which a power loss has taken a part (disk_history.hpp, lossy_disk.hpp).
//
// Data is kept in blocks of 4 KiB, the unit in which a file system writes back what it holds in memory.
//
// Concurrency: values, none of their own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/backend/content.hpp>
#include <lamina/backend/traits.hpp>

namespace lamina {

// An object of a disk: the inode number that it had in the backend.
using object_number = std::uint64_t;
inline constexpr object_number no_object = 0;

struct disk_object {
    static constexpr std::uint64_t block_size = 4096;

    file_type type = file_type::unknown;
    mode_bits mode = 0;
    user_id uid = 0;
    group_id gid = 0;
    device_number rdev;
    timestamp atime, mtime;
    std::map<std::string, std::string, std::less<>> xattrs;
    std::string target;                                       // of a symbolic link
    std::uint64_t size = 0;                                   // of a regular file
    std::map<std::uint64_t, std::string> blocks;              // of a regular file; what is missing is zeros
    std::map<std::string, object_number, std::less<>> names;  // of a directory

    void write(std::uint64_t offset, std::string_view bytes) {
        while (!bytes.empty()) {
            auto const within = static_cast<std::size_t>(offset % block_size);
            auto const count = std::min<std::size_t>(bytes.size(), block_size - within);
            auto& block = blocks[offset / block_size];
            block.resize(block_size);
            block.replace(within, count, bytes.substr(0, count));
            bytes.remove_prefix(count);
            offset += count;
        }
    }
    // What is cut off is gone: a file that grows again shows zeros there.
    void resize(std::uint64_t to) {
        if (to < size) {
            blocks.erase(blocks.lower_bound((to + block_size - 1) / block_size), blocks.end());
            if (auto const last = blocks.find(to / block_size); last != blocks.end())
                last->second.replace(static_cast<std::size_t>(to % block_size), std::string::npos,
                                     block_size - to % block_size, '\0');
        }
        size = to;
    }
    void take(attributes const& from) {
        type = from.type;
        mode = from.mode;
        uid = from.uid;
        gid = from.gid;
        rdev = from.rdev;
        atime = from.atime;
        mtime = from.mtime;
    }
};

struct disk_image {
    std::map<object_number, disk_object> objects;
    object_number root = no_object;
    object_number work = no_object;  // the second root, where the backend has one

    // Everything that can be reached from the roots, times left out, in a form that is equal for equal trees.
    [[nodiscard]] std::string digest() const {
        std::string text;
        std::map<object_number, std::size_t> seen;
        std::vector<object_number> pending{root, work};
        for (std::size_t next = 0; next < pending.size(); ++next) {
            auto const found = objects.find(pending[next]);
            if (found == objects.end())
                continue;
            disk_object const& o = found->second;
            put(text, {static_cast<std::uint64_t>(o.type), o.mode, o.uid, o.gid, o.rdev.major, o.rdev.minor, o.size});
            for (auto const& [key, value] : o.xattrs)
                put(text, key), put(text, value);
            put(text, o.target);
            for (auto const& [number, block] : o.blocks)
                if (block.find_first_not_of('\0') != std::string::npos)
                    put(text, {number}), put(text, block);
            for (auto const& [name, number] : o.names) {
                auto const [at, fresh] = seen.emplace(number, seen.size());
                put(text, name);
                put(text, {at->second});
                if (fresh)
                    pending.push_back(number);
            }
            text.push_back('\n');
        }
        return text;
    }

private:
    static void put(std::string& text, std::string_view part) {
        put(text, {part.size()});
        text.append(part);
    }
    static void put(std::string& text, std::initializer_list<std::uint64_t> numbers) {
        for (auto const number : numbers)
            text.append(std::to_string(number)).push_back(' ');
    }
};

namespace detail {

// The data of an open file, which can be read, becomes the object's.
template <readable_file F>
[[nodiscard]] result<void> read_blocks(F& file, std::uint64_t size, disk_object& object) {
    std::array<std::byte, disk_object::block_size> buffer;
    object.blocks.clear();
    object.size = size;
    for (std::uint64_t at = 0; at < size;) {
        LAMINA_TRY(std::uint64_t const data, file.next_data(at));
        if (data >= size)
            break;
        at = data / disk_object::block_size * disk_object::block_size;
        LAMINA_TRY(std::size_t const count, file.read_at(buffer, at));
        if (count == 0)
            break;
        object.write(at, {reinterpret_cast<char const*>(buffer.data()), count});
        at += disk_object::block_size;
    }
    return {};
}

// An object as a backend shows it, without a directory's names.
template <readable_backend B>
[[nodiscard]] result<disk_object> read_object(B& backend, node directory, name_ref name, attributes const& known) {
    disk_object object;
    object.take(known);
    LAMINA_TRY(auto const keys, backend.list_xattrs_at(directory, name));
    for (auto const& key : keys) {
        LAMINA_TRY(auto value, backend.get_xattr_at(directory, name, key));
        if (value)
            object.xattrs.emplace(key, *std::move(value));
    }
    if (known.is_symlink()) {
        LAMINA_TRY(object.target, backend.read_symlink_at(directory, name));
    } else if (known.is_regular() && known.size != 0) {
        LAMINA_TRY(auto file, backend.open_at(directory, name, open_flags::read));
        LAMINA_CHECK(read_blocks(file, known.size, object));
    }
    return object;
}

// A directory of the backend and the object that it is on the disk.
template <class B>
struct disk_place {
    node_guard<B> at;
    object_number number;
};

// Makes objects of a disk in an empty backend: directories as they are met, other names of one object as hard links.
template <writable_backend B>
class disk_writer {
public:
    disk_writer(disk_image const& image, B& into) : image_(image), into_(into) {}

    [[nodiscard]] result<void> run() {
        // The visible tree first: a directory that a loss has left two names is what it is there.
        LAMINA_CHECK(make_all(image_.root, into_.root()));
        if constexpr (has_work_area<B>)
            LAMINA_CHECK(make_all(image_.work, into_.work_root()));
        // Last, since names that are made move a directory's times.
        for (auto const& place : directories_)
            LAMINA_CHECK(dress(place.at.get(), name_ref{}, image_.objects.at(place.number)));
        return {};
    }

private:
    [[nodiscard]] result<void> make_all(object_number top, node at) {
        if (!image_.objects.contains(top))
            return {};
        std::size_t next = directories_.size();
        for (directories_.push_back({node_guard<B>::share(into_, at), top}); next < directories_.size(); ++next)
            for (auto const& [name, number] : image_.objects.at(directories_[next].number).names)
                LAMINA_CHECK(make(directories_[next].at.get(), name_ref(name), number));
        return {};
    }
    [[nodiscard]] result<void> make(node directory, name_ref name, object_number number) {
        auto const found = image_.objects.find(number);
        if (found == image_.objects.end())
            return fail(errc::eio, operation::create);
        disk_object const& object = found->second;
        if (auto const first = made_.find(number); first != made_.end()) {
            // A directory has one name, as a repair of the file system would see to: the first that is met.
            if (object.type == file_type::directory)
                return {};
            return into_.link_at(first->second.first, first->second.second, directory, name);
        }
        made_.emplace(number, std::pair(directory, std::string(name.text)));
        switch (object.type) {
        case file_type::directory: {
            LAMINA_CHECK(into_.create_directory_at(directory, name, 0700));
            LAMINA_TRY(node const opened, into_.open_directory_at(directory, name));
            directories_.push_back({node_guard<B>(into_, opened), number});
            return {};
        }
        case file_type::symlink: LAMINA_CHECK(into_.create_symlink_at(directory, name, object.target)); break;
        case file_type::regular: {
            LAMINA_TRY(auto file, into_.create_at(directory, name, 0600));
            for (auto const& [block, bytes] : object.blocks) {
                std::uint64_t const offset = block * disk_object::block_size;
                if (offset < object.size)
                    LAMINA_CHECK(paths::write_all_at(file, std::as_bytes(std::span(bytes)), offset));
            }
            LAMINA_CHECK(file.resize(object.size));
            break;
        }
        default: LAMINA_CHECK(into_.create_node_at(directory, name, object.type, object.mode, object.rdev)); break;
        }
        return dress(directory, name, object);
    }
    // In the order of a copy-up: what strips others comes first.
    [[nodiscard]] result<void> dress(node directory, name_ref name, disk_object const& object) {
        LAMINA_CHECK(into_.set_owner_at(directory, name, object.uid, object.gid));
        for (auto const& [key, value] : object.xattrs)
            LAMINA_CHECK(into_.set_xattr_at(directory, name, key, value, xattr_flags::none));
        if (object.type != file_type::symlink)
            LAMINA_CHECK(into_.set_mode_at(directory, name, object.mode));
        return into_.set_times_at(directory, name, time_change::both(object.atime, object.mtime));
    }

    disk_image const& image_;
    B& into_;
    std::vector<disk_place<B>> directories_;  // from the roots down; keeps the nodes that made_ refers to
    std::map<object_number, std::pair<node, std::string>> made_;
};

}  // namespace detail

// Everything that a backend holds, its work area included. Errors: what reading it reports.
template <readable_backend B>
[[nodiscard]] result<disk_image> read_disk(B& backend) {
    disk_image image;
    std::vector<detail::disk_place<B>> pending;
    auto const begin = [&](node at) -> result<object_number> {
        LAMINA_TRY(auto const known, backend.lookup(at, name_ref{}));
        if (!known)
            return fail(errc::enoent, operation::lookup);
        LAMINA_TRY(image.objects[known->id.inode], detail::read_object(backend, at, name_ref{}, *known));
        pending.push_back({node_guard<B>::share(backend, at), known->id.inode});
        return known->id.inode;
    };
    LAMINA_TRY(image.root, begin(backend.root()));
    if constexpr (has_work_area<B>) {
        LAMINA_TRY(image.work, begin(backend.work_root()));
    }
    while (!pending.empty()) {
        auto const place = std::move(pending.back());
        pending.pop_back();
        std::set<std::string> names;
        LAMINA_CHECK(backend.list_at(place.at.get(), [&](directory_entry const& entry) {
            names.emplace(entry.name);
            return true;
        }));
        for (auto const& name : names) {
            LAMINA_TRY(auto const known, backend.lookup(place.at.get(), name_ref(name)));
            if (!known)
                continue;  // removed since it was listed
            image.objects[place.number].names.emplace(name, known->id.inode);
            if (image.objects.contains(known->id.inode))
                continue;
            LAMINA_TRY(image.objects[known->id.inode],
                       detail::read_object(backend, place.at.get(), name_ref(name), *known));
            if (!known->is_directory())
                continue;
            LAMINA_TRY(node const inner, backend.open_directory_at(place.at.get(), name_ref(name)));
            pending.push_back({node_guard<B>(backend, inner), known->id.inode});
        }
    }
    return image;
}

// Makes an empty backend hold what the image holds; what no name leads to is left out. Errors: what making it reports;
// then a part is there.
template <writable_backend B>
[[nodiscard]] result<void> write_disk(disk_image const& image, B& into) {
    return detail::disk_writer<B>(image, into).run();
}

}  // namespace lamina
