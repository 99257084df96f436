// A lower of the demo: a directory or a tar archive, and what it was like before anything was done.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include "digest.hpp"

namespace demo {

struct layer {
    std::string shown;
    lamina::any_backend tree;
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;   // in regular files, hard links counted once for each name
    std::uint64_t one_in = 1;  // of the files, how many have their contents compared
    demo::fingerprint before;

    // What it is made of on disk: the directory itself, or the one file that an archive is.
    lamina::posix_directory storage;
    std::string archive;  // its name in `storage`; empty for a directory

    // Contents are compared up to about this many bytes; of a larger layer every n-th file is read.
    static constexpr std::uint64_t contents_max = std::uint64_t{1} << 30;

    layer(std::string name, lamina::any_backend joined, lamina::posix_directory on, std::string archive_name)
        : shown(std::move(name)), tree(std::move(joined)), storage(std::move(on)), archive(std::move(archive_name)) {}

    // The error is a line for people.
    [[nodiscard]] static lamina::result<layer, std::string> open(std::string const& where) {
        std::filesystem::path const path(where);
        std::error_code ignored;  // "not found" is then what comes out
        bool const is_file = std::filesystem::is_regular_file(path, ignored);
        auto const parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
        auto storage = lamina::posix_directory::open(is_file ? parent.string() : where);
        if (!storage)
            return lamina::unexpected(fmt::format("{}: {}", where, storage.error()));
        auto joined = is_file ? open_archive(where, path.filename().string(), *storage) : open_directory(where);
        if (!joined)
            return lamina::unexpected(std::move(joined).error());
        auto archive = is_file ? path.filename().string() : std::string();
        return layer(where, *std::move(joined), *std::move(storage), std::move(archive));
    }

    // Counts, decides how much to read, and takes the first fingerprint.
    lamina::result<void, lamina::path_error> survey() {
        LAMINA_CHECK(tree.walk("", [&](lamina::walk_entry const& entry) {
            ++objects;
            if (entry.object.is_regular())
                bytes += entry.object.size;
            auto const path = lamina::path_view::parse(entry.path).value();
            bool const closed = entry.object.is_directory() && !tree.list(path);
            return closed ? lamina::walk_action::skip : lamina::walk_action::next;
        }));
        one_in = bytes / contents_max + 1;
        LAMINA_TRY(before, fingerprint());
        return {};
    }

    [[nodiscard]] lamina::result<demo::fingerprint, lamina::path_error> fingerprint() {
        if (archive.empty())
            return take_fingerprint(storage, one_in);
        demo::fingerprint taken;
        LAMINA_TRY(auto const path, lamina::path::parse(archive));
        LAMINA_TRY(auto const object, storage.status(path));
        checksum one;
        one.add(object.size);
        one.add(object.mtime);
        one.add(object.ctime);
        LAMINA_CHECK(add_contents(one, storage, archive));
        taken.objects.push_back({archive, one.value()});
        taken.files_read = 1;
        taken.bytes_read = object.size;
        taken.sum = one.value();
        return taken;
    }

private:
    using opened = lamina::result<lamina::any_backend, std::string>;

    [[nodiscard]] static opened open_directory(std::string const& where) {
        auto directory = lamina::posix_directory::open(where);
        if (!directory)
            return lamina::unexpected(fmt::format("{}: {}", where, directory.error()));
        return lamina::any_backend(*std::move(directory));
    }
    [[nodiscard]] static opened open_archive(std::string const& where, std::string const& name,
                                             lamina::posix_directory& storage) {
        auto const path = lamina::path::parse(name);
        auto file = path ? storage.open(*path, lamina::open_flags::read) : lamina::unexpected(path.error());
        if (!file)
            return lamina::unexpected(fmt::format("{}: {}", where, file.error()));
        auto archive = lamina::tar_layer::open(*std::move(file));
        if (!archive)
            return lamina::unexpected(fmt::format("{}: {}", where, archive.error()));
        return lamina::any_backend(*std::move(archive));
    }
};

}  // namespace demo
