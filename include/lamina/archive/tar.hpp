// A layer blob (an uncompressed tar) as a backend, without extracting it: one pass over the headers makes an index,
// and data is read where it lies.
//
// What it reads: v7, ustar, pax and GNU archives, with long names, hard links, devices, sparse files in all of GNU's
// formats, times with nanoseconds before 1970 and after 2038, extended attributes as star, GNU tar and libarchive
// write them. Names are as the archive has them: what `.wh.` means is the overlay's business. What it refuses, and
// why, stands in tar_reader.hpp (the format) and in tar_build.hpp (the tree).
//
// An archive has no access time unless pax gives one, and no change time: both are then the modification time. Inode
// numbers depend on nothing but the archive. A directory has 2 and the number of directories in it as its link count,
// and the size 0.
//
// Concurrency: a layer never changes; every call may be made from any thread and takes no lock. Nodes need not be
// held: retain and release do nothing. Copies of a layer share everything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/archive/source.hpp>
#include <lamina/archive/tar_build.hpp>
#include <lamina/archive/tar_error.hpp>
#include <lamina/archive/tar_file.hpp>
#include <lamina/archive/tar_index.hpp>
#include <lamina/archive/tar_reader.hpp>
#include <lamina/backend/concepts.hpp>
#include <lamina/backend/fwd.hpp>
#include <lamina/backend/paths.hpp>

namespace lamina {

class tar_layer : public path_interface<tar_layer> {
public:
    using file_type = tar_file;
    // `.wh.NAME` deletes NAME in the layers below, as in the images that come as archives; lamina::marked says
    // otherwise. The value is whiteout_format::aufs, whose name belongs to a room that archive does not know.
    static constexpr whiteout_format usual_marks{2};

    // Reads all headers of the archive that `source` holds. What the source holds must not change afterwards: a part
    // that vanishes is an error when it is read, a part that is overwritten is not noticed.
    //     auto layer = tar_layer::open(posix_file(...));
    //     auto layer = tar_layer::open(memory_source(bytes));
    // Errors: see tar_reason; each says at which byte, and for which member.
    template <byte_source S>
    [[nodiscard]] static result<tar_layer, tar_error> open(S source, tar_limits const& limits = {}) {
        auto const size = source.size();
        if (!size)
            return unexpected(tar_error(size.error(), 0));
        auto contents = std::make_shared<detail::tar_contents>(detail::any_source(std::move(source)));
        detail::tar_reader<detail::any_source> members(contents->source, *size, limits);
        LAMINA_CHECK(detail::tar_builder(members, contents->index, limits).run());
        contents->fingerprint = contents->index.fingerprint();
        return tar_layer(std::move(contents));
    }
    // The same for an open file of any backend.
    template <readable_file F>
        requires(!byte_source<F>)
    [[nodiscard]] static result<tar_layer, tar_error> open(F file, tar_limits const& limits = {}) {
        return open(file_source<F>(std::move(file)), limits);
    }
    using path_interface::open;

    // Memory that the index takes.
    [[nodiscard]] std::uint64_t index_bytes() const noexcept { return contents_->index.memory_bytes(); }

    [[nodiscard]] node root() const noexcept { return node_of(detail::tar_root); }
    void retain(node) const noexcept {}
    void release(node) const noexcept {}

    [[nodiscard]] result<std::optional<attributes>> lookup(node dir, name_ref name) const {
        auto const object = find(dir, name);
        if (object == detail::no_tar_record)
            return std::optional<attributes>();
        return std::optional(contents_->index.attributes_of(object, contents_->device));
    }

    // Errors: enoent, enotdir.
    [[nodiscard]] result<node> open_directory_at(node dir, name_ref name) const {
        LAMINA_TRY(auto const object, require(dir, name, operation::lookup));
        if (!contents_->index[object].is_directory())
            return fail(errc::enotdir, operation::lookup);
        return node_of(object);
    }

    // In the order in which the archive first names them.
    [[nodiscard]] result<void> list_at(node dir, entry_sink sink) const {
        auto const& index = contents_->index;
        for (auto i = index[number_of(dir)].first_child(); i != detail::no_tar_record; i = index[i].next) {
            if (index[i].is_nameless)
                continue;
            auto const object = index.object_of(i);
            if (!sink({index.name_of(index[i]), index[object].type, detail::tar_index::inode_of(object)}))
                break;
        }
        return {};
    }

    // Errors: enoent, eisdir, eloop, enxio; erofs for any flag that writes.
    [[nodiscard]] result<tar_file> open_at(node dir, name_ref name, open_flags flags) const {
        LAMINA_TRY(auto const object, require(dir, name, operation::open));
        switch (contents_->index[object].type) {
        case lamina::file_type::regular:
            break;
        case lamina::file_type::directory:
            return fail(errc::eisdir, operation::open);
        case lamina::file_type::symlink:
            return fail(errc::eloop, operation::open);
        default:
            return fail(errc::enxio, operation::open);
        }
        if (wants_write(flags))
            return fail(errc::erofs, operation::open);
        return tar_file(contents_, object);
    }

    // Errors: enoent; einval for anything but a symbolic link.
    [[nodiscard]] result<std::string> read_symlink_at(node dir, name_ref name) const {
        LAMINA_TRY(auto const object, require(dir, name, operation::read_symlink));
        auto const& link = contents_->index[object];
        if (link.type != lamina::file_type::symlink)
            return fail(errc::einval, operation::read_symlink);
        return std::string(contents_->index.target_of(link));
    }

    // Errors: enoent for the object; an attribute that it does not have is an empty answer.
    [[nodiscard]] result<std::optional<std::string>> get_xattr_at(node dir, name_ref name, std::string_view key) const {
        LAMINA_TRY(auto const object, require(dir, name, operation::get_xattr));
        auto const& index = contents_->index;
        for (auto const& x : index.xattrs_of(index[object]))
            if (index.key_of(x) == key)
                return std::optional<std::string>(index.value_of(x));
        return std::optional<std::string>();
    }
    // Errors: enoent.
    [[nodiscard]] result<std::vector<std::string>> list_xattrs_at(node dir, name_ref name) const {
        LAMINA_TRY(auto const object, require(dir, name, operation::list_xattrs));
        auto const& index = contents_->index;
        std::vector<std::string> keys;
        for (auto const& x : index.xattrs_of(index[object]))
            keys.emplace_back(index.key_of(x));
        return keys;
    }

    // What an object has for as long as the archive is the same: its number, and what the archive is told by in place of a
    // file system's UUID. The type is none that a kernel gives. Errors: enoent.
    [[nodiscard]] result<object_handle> handle_at(node dir, name_ref name) const {
        LAMINA_TRY(auto const object, require(dir, name, operation::lookup));
        object_handle handle;
        handle.type = handle_type;
        handle.set_number(detail::tar_index::inode_of(object));
        handle.set_file_system(contents_->fingerprint);
        return handle;
    }
    [[nodiscard]] std::optional<std::uint64_t> inode_of(object_handle const& handle) const noexcept {
        return handle.type == handle_type ? handle.number() : std::nullopt;
    }

    [[nodiscard]] capabilities able() const noexcept { return capability::persistent_inodes; }

    [[nodiscard]] descent descend(node from, std::string_view names) const noexcept {
        auto const& index = contents_->index;
        auto at = number_of(from);
        std::size_t used = 0;
        for (;;) {
            auto start = used;
            while (start < names.size() && names[start] == '/')
                ++start;
            // "." and ".." are not in the index, nor is the empty name.
            auto const name = names.substr(start, names.find('/', start) - start);
            auto const down = index.find(at, name_ref(name));
            if (down == detail::no_tar_record || !index[down].is_directory())
                return {node_of(at), used};
            at = down;
            used = start + name.size();
        }
    }

private:
    static constexpr std::uint8_t handle_type = 0xe2;

    explicit tar_layer(std::shared_ptr<detail::tar_contents const> contents) noexcept
        : contents_(std::move(contents)) {}

    [[nodiscard]] static node node_of(detail::tar_record_number i) noexcept { return static_cast<node>(i); }
    [[nodiscard]] static detail::tar_record_number number_of(node n) noexcept {
        return static_cast<detail::tar_record_number>(n);
    }

    // The object of a name; that of a hard link is what it leads to.
    [[nodiscard]] detail::tar_record_number find(node dir, name_ref name) const noexcept {
        if (name.empty())
            return number_of(dir);
        auto const i = contents_->index.find(number_of(dir), name);
        return i == detail::no_tar_record ? i : contents_->index.object_of(i);
    }
    [[nodiscard]] result<detail::tar_record_number> require(node dir, name_ref name, operation op) const noexcept {
        auto const object = find(dir, name);
        if (object == detail::no_tar_record)
            return fail(errc::enoent, op);
        return object;
    }

    std::shared_ptr<detail::tar_contents const> contents_;
};

static_assert(readable_backend<tar_layer> && !writable_backend<tar_layer> && descends<tar_layer>);
static_assert(gives_handles<tar_layer> && byte_source<memory_source>);

}  // namespace lamina
