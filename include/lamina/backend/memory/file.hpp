// An open file of a memory tree.
//
// Order of effects of a write: room is counted and chunks are made, one by one; then, in one step under the inode's
// lock, size and times change. Whoever asks for attributes meanwhile sees them as they were.
//
// Concurrency: one handle, and many handles of one file, may be used from many threads. A write holds the file's data
// lock from beginning to end, so that others see all of it or nothing; lookups and attributes do not wait for it. A
// handle may outlive its tree.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/memory/inode.hpp>
#include <lamina/core/attributes.hpp>
#include <lamina/core/open.hpp>
#include <lamina/core/result.hpp>

namespace lamina {

namespace detail::memory {

// What follows every change of data. Requires: data.guard is held exclusively.
inline void data_changed(ledger& account, file_inode& file, std::uint64_t size) {
    std::lock_guard lock(file.guard);
    file.size = size;
    file.mtime = file.ctime = account.now();
    if (!file.xattrs.empty())
        file.xattrs.remove(account, xattr::file_capability);
}

// Linux tells two ways to set a size apart: truncate(2) leaves the times of a file that has that size already,
// ftruncate(2) and O_TRUNC do not.
enum class same_size : std::uint8_t { leaves_times, sets_times };

// Errors: efbig, enomem.
[[nodiscard]] inline result<void> resize(ledger& account, file_inode& file, std::uint64_t size, same_size rule) {
    if (size > file_size_max)
        return fail(errc::efbig, operation::resize);
    std::lock_guard lock(file.data.guard);
    if (size == file.size && rule == same_size::leaves_times)
        return {};
    if (size < file.size)
        if (auto const cut = file.data.truncate(account, size); !cut)
            return unexpected(cut.error().during(operation::resize));
    data_changed(account, file, size);
    return {};
}

// fallocate(2). Where the tree's size is not limited no write is ever refused for want of room, and none is kept.
// Errors: einval, efbig, enospc, enomem; eopnotsupp for ranges that would move what follows them.
[[nodiscard]] inline result<void> allocate(ledger& account, file_inode& file, allocation how, std::uint64_t offset,
                                           std::uint64_t length) {
    using kinds = allocation;
    if (!is_known(how) || how == kinds::collapse_range || how == kinds::insert_range)
        return fail(errc::eopnotsupp, operation::allocate);
    if (length == 0)
        return fail(errc::einval, operation::allocate);
    if (offset > file_size_max || length > file_size_max - offset)
        return fail(errc::efbig, operation::allocate);
    bool const keeps_room = how != kinds::punch_hole && account.options.size_limit != memory_options::unlimited;
    bool const clears = how != kinds::plain && how != kinds::keep_size;
    std::uint64_t const end = offset + length;
    std::lock_guard lock(file.data.guard);
    result<void> done;
    if (keeps_room)
        done = file.data.fill(account, offset, end);
    if (done && clears)
        done = file.data.punch(account, offset, end);
    if (done && clears && keeps_room)
        done = file.data.fill(account, offset, end);
    if (!done)
        return unexpected(done.error().during(operation::allocate));
    data_changed(account, file, may_grow(how) ? std::max<std::uint64_t>(file.size, end) : file.size);
    return {};
}

// Locks what is read and what is written, in the order of their addresses; one lock where both are one file.
class two_files_lock {
public:
    two_files_lock(chunk_tree& written, chunk_tree const& read)
        : written_(written.guard, std::defer_lock), read_(read.guard, std::defer_lock) {
        if (&written == &read) {
            written_.lock();
        } else if (reinterpret_cast<std::uintptr_t>(&written) < reinterpret_cast<std::uintptr_t>(&read)) {
            written_.lock();
            read_.lock();
        } else {
            read_.lock();
            written_.lock();
        }
    }

private:
    std::unique_lock<word_lock> written_;
    std::shared_lock<word_lock> read_;
};

}  // namespace detail::memory

class memory_file {
public:
    memory_file(memory_file&& other) noexcept
        : account_(std::move(other.account_)), file_(std::exchange(other.file_, nullptr)), flags_(other.flags_) {}
    memory_file& operator=(memory_file&& other) noexcept {
        std::swap(account_, other.account_);
        std::swap(file_, other.file_);
        std::swap(flags_, other.flags_);
        return *this;
    }
    ~memory_file() {
        if (file_ != nullptr)
            detail::memory::unpin(*account_, file_);
    }

    // Errors: ebadf if it was not opened for reading.
    [[nodiscard]] result<std::size_t> read_at(std::span<std::byte> out, std::uint64_t offset) {
        if (!has(flags_, open_flags::read))
            return fail(errc::ebadf, operation::read);
        std::shared_lock lock(file_->data.guard);
        if (offset >= file_->size)
            return std::size_t{0};
        auto const count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), file_->size - offset));
        file_->data.read(offset, out.first(count));
        return count;
    }
    // A handle that was opened for appending writes at the end, whatever `offset` is, as Linux does.
    // Errors: ebadf if it was not opened for writing; efbig; enospc, enomem if not one byte could be written.
    [[nodiscard]] result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) {
        return write(bytes, has(flags_, open_flags::append) ? place::end : place::given, offset);
    }
    // Errors: as write_at.
    [[nodiscard]] result<std::size_t> append(std::span<std::byte const> bytes) { return write(bytes, place::end, 0); }
    // Errors: einval if it was not opened for writing; efbig; enomem.
    [[nodiscard]] result<void> resize(std::uint64_t size) {
        using namespace detail::memory;
        if (!writable())
            return fail(errc::einval, operation::resize);
        return detail::memory::resize(*account_, *file_, size, same_size::sets_times);
    }
    // Errors: ebadf if it was not opened for writing, einval, efbig, enospc, enomem; eopnotsupp for collapse_range and
    // insert_range.
    [[nodiscard]] result<void> allocate(allocation how, std::uint64_t offset, std::uint64_t length) {
        if (!writable())
            return fail(errc::ebadf, operation::allocate);
        return detail::memory::allocate(*account_, *file_, how, offset, length);
    }

    [[nodiscard]] result<std::uint64_t> next_data(std::uint64_t offset) { return next(offset, true); }
    [[nodiscard]] result<std::uint64_t> next_hole(std::uint64_t offset) { return next(offset, false); }

    // nlink is 0 once the last name is gone.
    [[nodiscard]] result<attributes> status() { return detail::memory::stat(*account_, *file_); }
    // There is no storage to wait for.
    [[nodiscard]] result<void> sync(sync_kind) { return {}; }

    [[nodiscard]] result<void> set_mode(mode_bits mode) {
        detail::memory::change_mode(*account_, *file_, mode);
        return {};
    }
    [[nodiscard]] result<void> set_owner(user_id uid, group_id gid) {
        detail::memory::change_owner(*account_, *file_, uid, gid);
        return {};
    }
    // Errors: einval for nanoseconds that make a second or more.
    [[nodiscard]] result<void> set_times(time_change const& times) {
        return detail::memory::change_times(*account_, *file_, times);
    }
    // Errors: as memory_tree::set_xattr_at.
    [[nodiscard]] result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags) {
        return detail::memory::change_xattr(*account_, *file_, key, value, flags);
    }
    // Errors: erange for a key of no or of more than 255 bytes. A key of an unknown namespace is absent.
    [[nodiscard]] result<std::optional<std::string>> get_xattr(std::string_view key) {
        return detail::memory::get_xattr(*file_, key);
    }
    [[nodiscard]] result<std::vector<std::string>> list_xattrs() {
        std::shared_lock lock(file_->guard);
        return file_->xattrs.keys();
    }
    // Errors: as memory_tree::remove_xattr_at.
    [[nodiscard]] result<void> remove_xattr(std::string_view key) {
        return detail::memory::remove_xattr(*account_, *file_, key);
    }

    // copy_file_range(2): the bytes that were copied, 0 at the end of `from`; of any tree. Holes become holes, whole
    // chunks are shared. Errors: ebadf (not open for it, or for appending), einval (ranges of one file overlap), efbig,
    // enospc, enomem.
    [[nodiscard]] result<std::uint64_t> copy_range_from(memory_file& from, std::uint64_t from_offset,
                                                        std::uint64_t to_offset, std::uint64_t count) {
        if (!may_take_from(from))
            return fail(errc::ebadf, operation::write);
        detail::memory::two_files_lock lock(file_->data, from.file_->data);
        if (count == 0 || from_offset >= from.file_->size)
            return std::uint64_t{0};
        if (to_offset >= detail::memory::file_size_max)
            return fail(errc::efbig, operation::write);
        count = std::min({count, from.file_->size - from_offset, detail::memory::file_size_max - to_offset});
        if (file_ == from.file_ && from_offset < to_offset + count && to_offset < from_offset + count)
            return fail(errc::einval, operation::write);
        auto const done = file_->data.copy(*account_, from.file_->data, from_offset, to_offset, count);
        if (!done)
            return unexpected(done.error().during(operation::write));
        detail::memory::data_changed(*account_, *file_, std::max(file_->size, to_offset + *done));
        return done;
    }
    // ioctl(FICLONE): the bytes of `from`, which may be of any tree, in one step and without copying them; what this
    // file holds past them stays. Errors: ebadf as copy_range_from; einval for one file, and where bytes would stay
    // that do not begin with a chunk of their own; enospc; enomem.
    [[nodiscard]] result<void> clone_from(memory_file& from) {
        using namespace detail::memory;
        if (!may_take_from(from))
            return fail(errc::ebadf, operation::write);
        if (file_ == from.file_)
            return fail(errc::einval, operation::write);
        two_files_lock lock(file_->data, from.file_->data);
        auto const kept = from.file_->size;
        auto const size = std::max(file_->size, kept);
        if (size > kept && kept % chunk_size != 0)
            return fail(errc::einval, operation::write);
        // The new content is put together beside the old one, of shared chunks, uncounted; then it is counted and
        // taken.
        chunk_tree whole;
        whole.share_all(from.file_->data);
        if (size > kept) {
            budget unlimited;
            std::uint64_t const tail = (size - kept + chunk_size - 1) / chunk_size * chunk_size;
            auto const added = whole.copy(unlimited, file_->data, kept, kept, tail);
            if (!added || *added < tail)
                return fail(errc::enomem, operation::write);
        }
        auto const had = file_->data.allocated();
        auto const gets = whole.allocated();
        reservation room(*account_, gets > had ? gets - had : 0, 0);
        if (!room.granted())
            return fail(errc::enospc, operation::write);
        file_->data.share_all(whole);
        room.keep();
        if (had > gets)
            account_->give_back(had - gets);
        data_changed(*account_, *file_, size);
        return {};
    }

private:
    friend class memory_tree;
    enum class place : std::uint8_t { given, end };

    // Takes over one pin of `pinned`.
    memory_file(std::shared_ptr<detail::memory::ledger> account, detail::memory::file_inode* pinned,
                open_flags flags) noexcept
        : account_(std::move(account)), file_(pinned), flags_(flags) {}

    [[nodiscard]] bool writable() const noexcept { return has(flags_, open_flags::write | open_flags::append); }
    [[nodiscard]] bool may_take_from(memory_file const& from) const noexcept {
        return writable() && !has(flags_, open_flags::append) && has(from.flags_, open_flags::read);
    }

    result<std::size_t> write(std::span<std::byte const> bytes, place where, std::uint64_t offset) {
        if (!writable())
            return fail(errc::ebadf, operation::write);
        if (bytes.empty())
            return std::size_t{0};
        std::lock_guard lock(file_->data.guard);
        auto const start = where == place::end ? file_->size : offset;
        if (start >= detail::memory::file_size_max)
            return fail(errc::efbig, operation::write);
        auto const room = detail::memory::file_size_max - start;
        if (bytes.size() > room)
            bytes = bytes.first(static_cast<std::size_t>(room));
        auto const done = file_->data.write(*account_, start, bytes);
        if (!done)
            return unexpected(done.error().during(operation::write));
        detail::memory::data_changed(*account_, *file_, std::max(file_->size, start + *done));
        return done;
    }

    result<std::uint64_t> next(std::uint64_t offset, bool data) {
        using detail::memory::chunk_size;
        std::shared_lock lock(file_->data.guard);
        auto const size = file_->size;
        if (offset >= size)
            return size;
        auto const found = file_->data.seek(offset / chunk_size, data, (size - 1) / chunk_size + 1);
        return std::clamp(found * chunk_size, offset, size);
    }

    std::shared_ptr<detail::memory::ledger> account_;
    detail::memory::file_inode* file_;
    open_flags flags_;
};

}  // namespace lamina
