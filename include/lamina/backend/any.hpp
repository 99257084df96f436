// A backend whose type is known only at run time, for lists of layers that a program reads from its input.
//
// A handle: copies mean the same backend, and a list of 500 of them is 500 pointers. A backend given as an lvalue is
// referred to (the caller keeps it alive), one given as an rvalue lives as long as its last handle. It has every
// primitive; those for which the backend inside lacks an operation answer erofs, or eopnotsupp where they are
// optional, and `able()` tells so beforehand. The one virtual call per primitive is the only one in the library.
//
// An upper in an any_backend needs a work directory beside it: whether there is a work area is not asked at run time.
//
// Concurrency: as the backend inside. Handles may be copied and dropped from any thread; one handle is assigned by one.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/any_file.hpp>
#include <lamina/backend/concepts.hpp>
#include <lamina/backend/fwd.hpp>
#include <lamina/backend/traits.hpp>

namespace lamina {

namespace detail {

// All primitives, in the order of concepts.hpp.
class erased_backend {
public:
    using file_type = any_file;

    erased_backend() = default;
    erased_backend(erased_backend const&) = delete;
    erased_backend& operator=(erased_backend const&) = delete;
    virtual ~erased_backend() = default;
    [[nodiscard]] virtual void const* type() const noexcept = 0;
    [[nodiscard]] virtual void* object() noexcept = 0;
    [[nodiscard]] virtual whiteout_format marks_format() const = 0;

    [[nodiscard]] virtual node root() const = 0;
    virtual void retain(node n) = 0;
    virtual void release(node n) = 0;
    [[nodiscard]] virtual capabilities able() const = 0;
    virtual result<std::optional<attributes>> lookup(node directory, name_ref name) = 0;
    virtual result<node> open_directory_at(node directory, name_ref name) = 0;
    virtual descent descend(node from, std::string_view names) = 0;
    virtual result<void> list_at(node directory, entry_sink sink) = 0;
    virtual result<any_file> open_at(node directory, name_ref name, open_flags flags) = 0;
    virtual result<any_file> open_known_regular_at(node directory, name_ref name, open_flags flags) = 0;
    virtual result<std::string> read_symlink_at(node directory, name_ref name) = 0;
    virtual result<std::optional<std::string>> get_xattr_at(node directory, name_ref name, std::string_view key) = 0;
    virtual result<std::vector<std::string>> list_xattrs_at(node directory, name_ref name) = 0;
    virtual result<object_handle> handle_at(node directory, name_ref name) = 0;
    virtual std::optional<std::uint64_t> inode_of(object_handle const& handle) = 0;

    virtual result<any_file> create_at(node directory, name_ref name, mode_bits mode) = 0;
    virtual result<void> create_directory_at(node directory, name_ref name, mode_bits mode) = 0;
    virtual result<void> create_symlink_at(node directory, name_ref name, std::string_view target) = 0;
    virtual result<void> create_node_at(node directory, name_ref name, lamina::file_type type, mode_bits mode,
                                        device_number device) = 0;
    virtual result<any_file> create_unnamed(node directory, mode_bits mode) = 0;
    virtual result<void> publish_at(any_file& file, node directory, name_ref name) = 0;
    virtual result<void> link_at(node directory, name_ref name, node to_directory, name_ref to_name) = 0;
    virtual result<void> rename_at(node directory, name_ref name, node to_directory, name_ref to_name,
                                   rename_flags flags) = 0;
    virtual result<void> remove_at(node directory, name_ref name) = 0;
    virtual result<void> remove_directory_at(node directory, name_ref name) = 0;
    virtual result<void> set_mode_at(node directory, name_ref name, mode_bits mode) = 0;
    virtual result<void> set_owner_at(node directory, name_ref name, user_id uid, group_id gid) = 0;
    virtual result<void> set_times_at(node directory, name_ref name, time_change const& times) = 0;
    virtual result<void> set_xattr_at(node directory, name_ref name, std::string_view key, std::string_view value,
                                      xattr_flags flags) = 0;
    virtual result<void> remove_xattr_at(node directory, name_ref name, std::string_view key) = 0;
    virtual result<void> resize_at(node directory, name_ref name, std::uint64_t size) = 0;
    virtual result<void> sync_directory(node directory) = 0;
    virtual result<void> sync_all() = 0;
    virtual result<space_info> space() = 0;
    virtual result<std::shared_ptr<void>> claim(node directory) = 0;
    virtual result<void> probe(node scratch) = 0;
};

template <class T>
class erasing_backend final : public erased_backend {
    using B = typename held<T>::type;
    static constexpr bool writes = writable_backend<B>;

public:
    explicit erasing_backend(T&& backend) : inner_(std::forward<T>(backend)) {}

    void const* type() const noexcept override { return &type_mark<B>; }
    void* object() noexcept override { return &inner(); }
    whiteout_format marks_format() const override {
        if constexpr (requires { B::usual_marks; })
            return B::usual_marks;
        else if constexpr (knows_marks<B>)
            return std::as_const(inner()).marks_format();
        else
            return whiteout_format{};  // automatic
    }

    node root() const override { return inner().root(); }
    void retain(node n) override { inner().retain(n); }
    void release(node n) override { inner().release(n); }
    capabilities able() const override {
        auto able = std::as_const(inner()).able();
        if constexpr (!writes)
            able = able.without(capability::write);
        if constexpr (!makes_unnamed_files<B>)
            able = able.without(capability::unnamed_files);
        return able;
    }
    result<std::optional<attributes>> lookup(node directory, name_ref name) override {
        return inner().lookup(directory, name);
    }
    result<node> open_directory_at(node directory, name_ref name) override {
        return inner().open_directory_at(directory, name);
    }
    descent descend(node from, std::string_view names) override {
        if constexpr (descends<B>)
            return inner().descend(from, names);
        inner().retain(from);
        return {from, 0};
    }
    result<void> list_at(node directory, entry_sink sink) override { return inner().list_at(directory, sink); }
    result<any_file> open_at(node directory, name_ref name, open_flags flags) override {
        return erase(inner().open_at(directory, name, flags));
    }
    result<any_file> open_known_regular_at(node directory, name_ref name, open_flags flags) override {
        if constexpr (opens_known_regular<B>)
            return erase(inner().open_known_regular_at(directory, name, flags));
        else
            return erase(inner().open_at(directory, name, flags));
    }
    result<std::string> read_symlink_at(node directory, name_ref name) override {
        return inner().read_symlink_at(directory, name);
    }
    result<std::optional<std::string>> get_xattr_at(node directory, name_ref name, std::string_view key) override {
        return inner().get_xattr_at(directory, name, key);
    }
    result<std::vector<std::string>> list_xattrs_at(node directory, name_ref name) override {
        return inner().list_xattrs_at(directory, name);
    }
    result<object_handle> handle_at([[maybe_unused]] node directory, [[maybe_unused]] name_ref name) override {
        if constexpr (gives_handles<B>)
            return inner().handle_at(directory, name);
        else
            return fail(errc::eopnotsupp, operation::lookup);
    }
    std::optional<std::uint64_t> inode_of([[maybe_unused]] object_handle const& handle) override {
        if constexpr (gives_handles<B>)
            return inner().inode_of(handle);
        else
            return std::nullopt;
    }

    result<any_file> create_at(node directory, name_ref name, mode_bits mode) override {
        if constexpr (writes)
            return erase(inner().create_at(directory, name, mode));
        else
            return fail(errc::erofs, operation::create);
    }
    result<void> create_directory_at(node directory, name_ref name, mode_bits mode) override {
        return change(operation::create_directory,
                      [&](auto& b) { return b.create_directory_at(directory, name, mode); });
    }
    result<void> create_symlink_at(node directory, name_ref name, std::string_view target) override {
        return change(operation::create_symlink, [&](auto& b) { return b.create_symlink_at(directory, name, target); });
    }
    result<void> create_node_at(node directory, name_ref name, lamina::file_type type, mode_bits mode,
                                device_number device) override {
        return change(operation::create_node,
                      [&](auto& b) { return b.create_node_at(directory, name, type, mode, device); });
    }
    result<any_file> create_unnamed(node directory, mode_bits mode) override {
        if constexpr (makes_unnamed_files<B>)
            return erase(inner().create_unnamed(directory, mode));
        else
            return fail(writes ? errc::eopnotsupp : errc::erofs, operation::create);
    }
    // einval: `file` is not one of this backend's.
    result<void> publish_at(any_file& file, node directory, name_ref name) override {
        if constexpr (makes_unnamed_files<B>) {
            auto* const unnamed = file.get_if<file_of<B>>();
            return unnamed != nullptr ? inner().publish_at(*unnamed, directory, name)
                                      : fail(errc::einval, operation::link);
        } else {
            return fail(writes ? errc::eopnotsupp : errc::erofs, operation::link);
        }
    }
    result<void> link_at(node directory, name_ref name, node to_directory, name_ref to_name) override {
        return change(operation::link, [&](auto& b) { return b.link_at(directory, name, to_directory, to_name); });
    }
    result<void> rename_at(node directory, name_ref name, node to_directory, name_ref to_name,
                           rename_flags flags) override {
        return change(operation::rename,
                      [&](auto& b) { return b.rename_at(directory, name, to_directory, to_name, flags); });
    }
    result<void> remove_at(node directory, name_ref name) override {
        return change(operation::remove, [&](auto& b) { return b.remove_at(directory, name); });
    }
    result<void> remove_directory_at(node directory, name_ref name) override {
        return change(operation::remove_directory, [&](auto& b) { return b.remove_directory_at(directory, name); });
    }
    result<void> set_mode_at(node directory, name_ref name, mode_bits mode) override {
        return change(operation::set_mode, [&](auto& b) { return b.set_mode_at(directory, name, mode); });
    }
    result<void> set_owner_at(node directory, name_ref name, user_id uid, group_id gid) override {
        return change(operation::set_owner, [&](auto& b) { return b.set_owner_at(directory, name, uid, gid); });
    }
    result<void> set_times_at(node directory, name_ref name, time_change const& times) override {
        return change(operation::set_times, [&](auto& b) { return b.set_times_at(directory, name, times); });
    }
    result<void> set_xattr_at(node directory, name_ref name, std::string_view key, std::string_view value,
                              xattr_flags flags) override {
        return change(operation::set_xattr,
                      [&](auto& b) { return b.set_xattr_at(directory, name, key, value, flags); });
    }
    result<void> remove_xattr_at(node directory, name_ref name, std::string_view key) override {
        return change(operation::remove_xattr, [&](auto& b) { return b.remove_xattr_at(directory, name, key); });
    }
    result<void> resize_at(node directory, name_ref name, std::uint64_t size) override {
        return change(operation::resize, [&](auto& b) { return b.resize_at(directory, name, size); });
    }
    result<void> sync_directory(node directory) override {
        if constexpr (writes)
            return inner().sync_directory(directory);
        else
            return {};  // nothing was changed
    }
    // Without a way to flush everything, or to claim, or to find out, there is nothing that would need it.
    result<void> sync_all() override {
        if constexpr (syncs_all<B>)
            return inner().sync_all();
        else
            return {};
    }
    result<std::shared_ptr<void>> claim([[maybe_unused]] node directory) override {
        if constexpr (claims_directories<B>) {
            LAMINA_TRY(auto claimed, inner().claim(directory));
            return std::shared_ptr<void>(std::make_shared<decltype(claimed)>(std::move(claimed)));
        } else {
            return std::shared_ptr<void>();
        }
    }
    result<void> probe([[maybe_unused]] node scratch) override {
        if constexpr (can_be_probed<B>)
            return inner().probe(scratch);
        else
            return {};
    }
    result<space_info> space() override {
        if constexpr (writes)
            return inner().space();
        else
            return fail(errc::eopnotsupp, operation::space);
    }

private:
    [[nodiscard]] B& inner() const noexcept { return inner_.get(); }
    template <class F>
    static result<any_file> erase(result<F> opened) {
        LAMINA_TRY(auto file, std::move(opened));
        return any_file(std::move(file));
    }
    template <class Perform>
    result<void> change(operation op, [[maybe_unused]] Perform perform) {
        if constexpr (writes)
            return perform(inner());
        else
            return fail(errc::erofs, op);
    }

    held<T> inner_;
};

// How any_backend holds what it forwards to.
class shared_backend {
public:
    using type = erased_backend;
    explicit shared_backend(std::shared_ptr<erased_backend> backend) noexcept : backend_(std::move(backend)) {}
    [[nodiscard]] erased_backend& get() const noexcept { return *backend_; }

private:
    std::shared_ptr<erased_backend> backend_;
};

}  // namespace detail

//     std::vector<lamina::any_backend> layers;
//     for (auto const& path : arguments)
//         layers.emplace_back(lamina::posix_directory::open(path).value());
class any_backend : public forwarding<any_backend, detail::shared_backend> {
    using base = forwarding<any_backend, detail::shared_backend>;

public:
    template <class B>
        requires(!std::same_as<std::remove_cvref_t<B>, any_backend> && readable_backend<std::remove_reference_t<B>>)
    any_backend(B&& backend)
        : base(detail::shared_backend(std::make_shared<detail::erasing_backend<B>>(std::forward<B>(backend)))) {}

    // So that the compiler says in one line what is wrong.
    template <class B>
        requires(!std::same_as<std::remove_cvref_t<B>, any_backend> && !readable_backend<std::remove_reference_t<B>>)
    explicit any_backend(B&&) : base(detail::shared_backend(nullptr)) {
        static_assert(readable_backend<std::remove_reference_t<B>>,
                      "lamina::any_backend: this type is no backend: it does not model lamina::readable_backend");
    }

    // The backend inside, if it is a B.
    template <class B>
    [[nodiscard]] B* get_if() noexcept {
        return inner().type() == &detail::type_mark<B> ? static_cast<B*>(inner().object()) : nullptr;
    }
};

}  // namespace lamina
