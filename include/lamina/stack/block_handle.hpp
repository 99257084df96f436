// A handle of a file that is copied up block by block: the shared object (block_file.hpp) as an open file of a layer.
//
// Concurrency: as the object; a handle is moved only while nobody else uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/stack/block_file.hpp>

namespace lamina::detail {

template <class File>
class block_handle {
public:
    explicit block_handle(std::shared_ptr<block_file<File>> file) : file_(std::move(file)) {}

    [[nodiscard]] result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) {
        return file_->read_at(out, offset);
    }
    [[nodiscard]] result<std::uint64_t> next_data(std::uint64_t offset) { return file_->next_data(offset); }
    [[nodiscard]] result<std::uint64_t> next_hole(std::uint64_t offset) { return file_->next_hole(offset); }
    [[nodiscard]] result<attributes> status() { return file_->status(); }
    [[nodiscard]] result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) {
        return file_->write_at(bytes, offset);
    }
    [[nodiscard]] result<std::size_t> append(std::span<std::byte const> bytes) { return file_->append(bytes); }
    [[nodiscard]] result<void> resize(std::uint64_t size) { return file_->resize(size); }
    [[nodiscard]] result<void> allocate(allocation how, std::uint64_t offset, std::uint64_t length)
        requires allocates<File>
    {
        return file_->allocate(how, offset, length);
    }
    [[nodiscard]] result<void> sync(sync_kind kind) { return file_->sync(kind); }
    [[nodiscard]] result<void> set_mode(mode_bits mode) { return file_->set_mode(mode); }
    [[nodiscard]] result<void> set_owner(user_id uid, group_id gid) { return file_->set_owner(uid, gid); }
    [[nodiscard]] result<void> set_times(time_change const& times) { return file_->set_times(times); }
    [[nodiscard]] result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags) {
        return file_->set_xattr(key, value, flags);
    }
    [[nodiscard]] result<std::optional<std::string>> get_xattr(std::string_view key)
        requires reads_xattrs<File>
    {
        return file_->get_xattr(key);
    }
    [[nodiscard]] result<std::vector<std::string>> list_xattrs()
        requires reads_xattrs<File>
    {
        return file_->list_xattrs();
    }
    [[nodiscard]] result<void> remove_xattr(std::string_view key)
        requires removes_xattrs<File>
    {
        return file_->remove_xattr(key);
    }

private:
    std::shared_ptr<block_file<File>> file_;
};

}  // namespace lamina::detail
