// An open file whose type is known only at run time: what any_backend opens.
//
// A file of up to `inline_size` bytes lies in the handle itself, so that to open one through an any_backend allocates
// no more than to open it directly; larger ones lie on the heap. Types are told apart by the address of a static,
// which needs no RTTI.
//
// Concurrency: as the file inside.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/concepts.hpp>

namespace lamina {

namespace detail {

// One address for each type.
template <class T>
inline constexpr char type_mark = 0;

class erased_file {
public:
    virtual ~erased_file() = default;
    // The same file at `room`; what is left here can only be destroyed. Only for files that lie inline.
    virtual erased_file* move_to(void* room) noexcept = 0;
    [[nodiscard]] virtual void const* type() const noexcept = 0;
    [[nodiscard]] virtual void* object() noexcept = 0;

    virtual result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) = 0;
    virtual result<std::uint64_t> next_data(std::uint64_t offset) = 0;
    virtual result<std::uint64_t> next_hole(std::uint64_t offset) = 0;
    virtual result<attributes> status() = 0;
    virtual result<std::optional<digest>> verity_digest() = 0;
    virtual std::optional<int> data_descriptor() = 0;
    virtual bool descriptor_is_final() = 0;
    virtual result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) = 0;
    virtual result<std::size_t> append(std::span<std::byte const> bytes) = 0;
    virtual result<void> resize(std::uint64_t size) = 0;
    virtual result<void> allocate(allocation how, std::uint64_t offset, std::uint64_t length) = 0;
    virtual result<void> sync(sync_kind kind) = 0;
    virtual result<void> set_mode(mode_bits mode) = 0;
    virtual result<void> set_owner(user_id uid, group_id gid) = 0;
    virtual result<void> set_times(time_change const& times) = 0;
    virtual result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags) = 0;
    virtual result<std::optional<std::string>> get_xattr(std::string_view key) = 0;
    virtual result<std::vector<std::string>> list_xattrs() = 0;
    virtual result<void> remove_xattr(std::string_view key) = 0;
    virtual result<inode_flags> flags() = 0;
    virtual result<void> set_flags(inode_flags flags) = 0;
    // `from` holds the same type as this.
    virtual result<std::uint64_t> copy_range_from(erased_file& from, std::uint64_t from_offset, std::uint64_t to_offset,
                                                  std::uint64_t count) = 0;
    virtual result<void> clone_from(erased_file& from) = 0;
};

template <class F>
class erasing_file final : public erased_file {
public:
    explicit erasing_file(F&& file) : file_(std::move(file)) {}

    erased_file* move_to([[maybe_unused]] void* room) noexcept override {
        if constexpr (std::is_nothrow_move_constructible_v<F>)
            return ::new (room) erasing_file(std::move(file_));
        else
            return nullptr;  // such a file never lies inline
    }
    void const* type() const noexcept override { return &type_mark<F>; }
    void* object() noexcept override { return &file_; }

    result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) override {
        return file_.read_at(into, offset);
    }
    result<std::uint64_t> next_data(std::uint64_t offset) override { return file_.next_data(offset); }
    result<std::uint64_t> next_hole(std::uint64_t offset) override { return file_.next_hole(offset); }
    result<attributes> status() override { return file_.status(); }
    result<std::optional<digest>> verity_digest() override {
        if constexpr (measures_content<F>)
            return file_.verity_digest();
        else
            return std::optional<digest>();
    }
    std::optional<int> data_descriptor() override {
        if constexpr (has_data_descriptor<F>)
            return file_.data_descriptor();
        else
            return std::nullopt;
    }
    bool descriptor_is_final() override {
        if constexpr (has_data_descriptor<F>)
            return file_.descriptor_is_final();
        else
            return true;
    }

    // A handle of a backend that cannot write was not opened for writing, and there is nothing else it could change.
    result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) override {
        if constexpr (writable_file<F>)
            return file_.write_at(bytes, offset);
        else
            return fail(errc::ebadf, operation::write);
    }
    result<std::size_t> append(std::span<std::byte const> bytes) override {
        if constexpr (writable_file<F>)
            return file_.append(bytes);
        else
            return fail(errc::ebadf, operation::write);
    }
    result<void> resize(std::uint64_t size) override {
        if constexpr (writable_file<F>)
            return file_.resize(size);
        else
            return fail(errc::ebadf, operation::resize);
    }
    result<void> allocate([[maybe_unused]] allocation how, [[maybe_unused]] std::uint64_t offset,
                          [[maybe_unused]] std::uint64_t length) override {
        if constexpr (allocates<F>)
            return file_.allocate(how, offset, length);
        else
            return fail(writable_file<F> ? errc::eopnotsupp : errc::ebadf, operation::allocate);
    }
    result<void> sync(sync_kind kind) override {
        if constexpr (writable_file<F>)
            return file_.sync(kind);
        else
            return {};  // nothing was written
    }
    result<void> set_mode(mode_bits mode) override {
        if constexpr (writable_file<F>)
            return file_.set_mode(mode);
        else
            return fail(errc::erofs, operation::set_mode);
    }
    result<void> set_owner(user_id uid, group_id gid) override {
        if constexpr (writable_file<F>)
            return file_.set_owner(uid, gid);
        else
            return fail(errc::erofs, operation::set_owner);
    }
    result<void> set_times(time_change const& times) override {
        if constexpr (writable_file<F>)
            return file_.set_times(times);
        else
            return fail(errc::erofs, operation::set_times);
    }
    result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags) override {
        if constexpr (writable_file<F>)
            return file_.set_xattr(key, value, flags);
        else
            return fail(errc::erofs, operation::set_xattr);
    }
    result<std::optional<std::string>> get_xattr([[maybe_unused]] std::string_view key) override {
        if constexpr (reads_xattrs<F>)
            return file_.get_xattr(key);
        else
            return fail(errc::eopnotsupp, operation::get_xattr);
    }
    result<std::vector<std::string>> list_xattrs() override {
        if constexpr (reads_xattrs<F>)
            return file_.list_xattrs();
        else
            return fail(errc::eopnotsupp, operation::list_xattrs);
    }
    result<void> remove_xattr([[maybe_unused]] std::string_view key) override {
        if constexpr (removes_xattrs<F>)
            return file_.remove_xattr(key);
        else
            return fail(writable_file<F> ? errc::eopnotsupp : errc::erofs, operation::remove_xattr);
    }
    result<inode_flags> flags() override {
        if constexpr (has_inode_flags<F>)
            return file_.flags();
        else
            return fail(errc::eopnotsupp, operation::get_flags);
    }
    result<void> set_flags([[maybe_unused]] inode_flags flags) override {
        if constexpr (has_inode_flags<F>)
            return file_.set_flags(flags);
        else
            return fail(writable_file<F> ? errc::eopnotsupp : errc::erofs, operation::set_flags);
    }
    result<std::uint64_t> copy_range_from(erased_file& from, std::uint64_t from_offset, std::uint64_t to_offset,
                                          std::uint64_t count) override {
        if constexpr (copies_from<F, F>)
            return file_.copy_range_from(static_cast<erasing_file&>(from).file_, from_offset, to_offset, count);
        else
            return fail(errc::eopnotsupp, operation::write);
    }
    result<void> clone_from(erased_file& from) override {
        if constexpr (copies_from<F, F>)
            return file_.clone_from(static_cast<erasing_file&>(from).file_);
        else
            return fail(errc::eopnotsupp, operation::write);
    }

private:
    F file_;
};

}  // namespace detail

// Movable. One that was moved from can only be destroyed or assigned to.
class any_file {
public:
    // Enough for a descriptor, a shared owner and two words, and for an adaptor or two around that.
    static constexpr std::size_t inline_size = 56;

    // The order of the two constraints matters: whether any_file is a readable_file must not be asked here.
    template <class F>
        requires(!std::same_as<F, any_file> && readable_file<F>)
    explicit any_file(F file) {
        using erasing = detail::erasing_file<F>;
        if constexpr (sizeof(erasing) <= sizeof(room_) && alignof(erasing) <= alignof(std::max_align_t) &&
                      std::is_nothrow_move_constructible_v<F>)
            file_ = ::new (static_cast<void*>(room_)) erasing(std::move(file));
        else
            file_ = new erasing(std::move(file));
    }
    any_file(any_file&& other) noexcept { take(other); }
    any_file& operator=(any_file&& other) noexcept {
        if (this != &other) {
            drop();
            take(other);
        }
        return *this;
    }
    ~any_file() { drop(); }

    // The file inside, if it is an F.
    template <class F>
    [[nodiscard]] F* get_if() noexcept {
        return file_ != nullptr && file_->type() == &detail::type_mark<F> ? static_cast<F*>(file_->object()) : nullptr;
    }

    result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
        return file_->read_at(into, offset);
    }
    result<std::uint64_t> next_data(std::uint64_t offset) { return file_->next_data(offset); }
    result<std::uint64_t> next_hole(std::uint64_t offset) { return file_->next_hole(offset); }
    result<attributes> status() { return file_->status(); }
    // Empty also for a kind of file that has none.
    result<std::optional<digest>> verity_digest() { return file_->verity_digest(); }
    [[nodiscard]] std::optional<int> data_descriptor() { return file_->data_descriptor(); }
    [[nodiscard]] bool descriptor_is_final() { return file_->descriptor_is_final(); }

    // Changes. Errors: of a file whose backend cannot write, ebadf for content and erofs for everything else.
    result<std::size_t> write_at(std::span<std::byte const> bytes, std::uint64_t offset) {
        return file_->write_at(bytes, offset);
    }
    result<std::size_t> append(std::span<std::byte const> bytes) { return file_->append(bytes); }
    result<void> resize(std::uint64_t size) { return file_->resize(size); }
    // Errors: also eopnotsupp for a kind of file that has no such call.
    result<void> allocate(allocation how, std::uint64_t offset, std::uint64_t length) {
        return file_->allocate(how, offset, length);
    }
    result<void> sync(sync_kind kind) { return file_->sync(kind); }
    result<void> set_mode(mode_bits mode) { return file_->set_mode(mode); }
    result<void> set_owner(user_id uid, group_id gid) { return file_->set_owner(uid, gid); }
    result<void> set_times(time_change const& times) { return file_->set_times(times); }
    result<void> set_xattr(std::string_view key, std::string_view value, xattr_flags flags) {
        return file_->set_xattr(key, value, flags);
    }
    // Errors of these also: eopnotsupp for a kind of file whose attributes are read by name only.
    result<std::optional<std::string>> get_xattr(std::string_view key) { return file_->get_xattr(key); }
    result<std::vector<std::string>> list_xattrs() { return file_->list_xattrs(); }
    result<void> remove_xattr(std::string_view key) { return file_->remove_xattr(key); }
    // Errors: also eopnotsupp for a kind of file that has none.
    result<inode_flags> flags() { return file_->flags(); }
    result<void> set_flags(inode_flags flags) { return file_->set_flags(flags); }

    // Errors: eopnotsupp for two files of different types, or of one that cannot copy.
    result<std::uint64_t> copy_range_from(any_file& from, std::uint64_t from_offset, std::uint64_t to_offset,
                                          std::uint64_t count) {
        if (file_->type() != from.file_->type())
            return fail(errc::eopnotsupp, operation::write);
        return file_->copy_range_from(*from.file_, from_offset, to_offset, count);
    }
    result<void> clone_from(any_file& from) {
        if (file_->type() != from.file_->type())
            return fail(errc::eopnotsupp, operation::write);
        return file_->clone_from(*from.file_);
    }

private:
    [[nodiscard]] bool is_inline() const noexcept {
        return static_cast<void const*>(file_) == static_cast<void const*>(room_);
    }
    void take(any_file& other) noexcept {
        file_ = other.file_;
        if (other.is_inline()) {
            file_ = other.file_->move_to(room_);
            other.file_->~erased_file();
        }
        other.file_ = nullptr;
    }
    void drop() noexcept {
        if (file_ == nullptr)
            return;
        if (is_inline())
            file_->~erased_file();
        else
            delete file_;
    }

    alignas(std::max_align_t) std::byte room_[inline_size + sizeof(void*)];
    detail::erased_file* file_ = nullptr;
};

}  // namespace lamina
