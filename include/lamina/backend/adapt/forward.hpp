// What every adaptor is made of: all primitives of a backend, each passed on to the wrapped one through a single
// function of the adaptor's policy. An adaptor is a policy and a few lines; the forwarding is written here and in
// forward_file.hpp, once.
//
// A policy is a class with
//     static constexpr bool wraps_files;   whether open files go through it too, or are the wrapped backend's own
//     static constexpr bool names_files;   whether open files remember the directory and name they were opened by
//     static constexpr bool lets_data_pass = true;   optional: a file's own descriptor may be handed out
//     template <class Target, class F>
//     auto around(Target& target, call const& c, F& perform) -> detail::answer_of<F>;
// `target` is the wrapped backend or the wrapped file; `perform(c)` is the primitive, with the arguments that `c`
// holds. `around` may answer without calling it, call it with other arguments, or change its answer; it does not turn
// success into failure where the primitive hands out a node, which would then be lost. What it answers is a `result`
// of what the primitive gives; a `result<attributes>` or `result<optional<attributes>>` is always the attributes of
// an object.
//
// Nodes pass unchanged: two adaptors over one backend (an upper and its work directory) still share them. What the
// wrapped backend can do beyond the concepts (unnamed files, a work area, descend, whole trees removed, claims, copies
// between files) its adaptor can do too, unless the adaptor deletes the member and says why. A refused `descend`
// becomes "used none": the walk then asks name by name.
//
// Concurrency: an adaptor has the rule of what it wraps; a policy protects its own state. An adaptor is moved only
// while nobody else uses it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/call.hpp>
#include <lamina/backend/adapt/forward_file.hpp>
#include <lamina/backend/concepts.hpp>
#include <lamina/backend/fwd.hpp>
#include <lamina/backend/paths.hpp>
#include <lamina/backend/remove_all.hpp>
#include <lamina/backend/traits.hpp>

namespace lamina {

namespace detail {

// The policy of an adaptor that changes nothing on the way.
struct passes_everything {
    static constexpr bool wraps_files = false;
    static constexpr bool names_files = false;
    template <class Target, class F>
    auto around(Target&, call const& c, F& perform) -> answer_of<F> {
        return perform(c);
    }
};

template <class B, class Policy, bool Wrapped = Policy::wraps_files>
struct forwarded_file_of {
    using type = forwarded_file<file_of<B>, Policy>;
};
template <class B, class Policy>
struct forwarded_file_of<B, Policy, false> {
    using type = file_of<B>;
};

// The format of a layer's marks stays what it is in the wrapped backend.
template <class B>
struct forwarded_marks {};
template <class B>
    requires requires { B::usual_marks; }
struct forwarded_marks<B> {
    static constexpr auto usual_marks = B::usual_marks;
};
template <class B>
concept knows_marks = requires(B const& backend) { backend.marks_format(); };
// A backend that finds out what it can do by trying it in a directory that it is given.
template <class B>
concept can_be_probed = requires(B& backend, node scratch) {
    { backend.probe(scratch) } -> std::same_as<result<void>>;
};

}  // namespace detail

// `Holder` has `type`, the wrapped backend, and `get()`: held<B>, or what shares one.
template <class Derived, class Holder, class Policy>
class forwarding : public path_interface<Derived>, public detail::forwarded_marks<typename Holder::type> {
    using B = typename Holder::type;
    static_assert(readable_backend<B>,
                  "lamina: what is wrapped here is no backend: it does not model lamina::readable_backend "
                  "(backend/concepts.hpp names the primitives that it needs)");

public:
    using file_type = typename detail::forwarded_file_of<B, Policy>::type;

    [[nodiscard]] node root() const { return inner().root(); }
    void retain(node n) { inner().retain(n); }
    void release(node n) { inner().release(n); }
    [[nodiscard]] capabilities able() const { return std::as_const(inner()).able(); }

    [[nodiscard]] auto marks_format() const
        requires detail::knows_marks<B>
    {
        return std::as_const(inner()).marks_format();
    }

    // What an overlay does once, when it is opened, and not on behalf of anybody.
    [[nodiscard]] auto claim(node directory)
        requires claims_directories<B>
    {
        return inner().claim(directory);
    }
    [[nodiscard]] result<void> probe(node scratch)
        requires detail::can_be_probed<B>
    {
        return inner().probe(scratch);
    }

    [[nodiscard]] auto boot()
        requires tells_boots<B>
    {
        return inner().boot();
    }

    result<std::optional<attributes>> lookup(node directory, name_ref name) {
        return through({.what = primitive::lookup, .directory = directory, .name = name},
                       [this](call const& c) { return inner().lookup(c.directory, c.name); });
    }
    result<node> open_directory_at(node directory, name_ref name) {
        return through({.what = primitive::open_directory_at, .directory = directory, .name = name},
                       [this](call const& c) { return inner().open_directory_at(c.directory, c.name); });
    }
    result<void> list_at(node directory, entry_sink sink) {
        return through({.what = primitive::list_at, .directory = directory},
                       [&](call const& c) { return inner().list_at(c.directory, sink); });
    }
    result<file_type> open_at(node directory, name_ref name, open_flags flags) {
        return through({.what = primitive::open_at, .directory = directory, .name = name, .opening = flags},
                       [this](call const& c) { return wrap(inner().open_at(c.directory, c.name, c.opening), c); });
    }
    result<file_type> open_known_regular_at(node directory, name_ref name, open_flags flags)
        requires opens_known_regular<B>
    {
        return through(
            {.what = primitive::open_at, .directory = directory, .name = name, .opening = flags},
            [this](call const& c) { return wrap(inner().open_known_regular_at(c.directory, c.name, c.opening), c); });
    }
    result<std::string> read_symlink_at(node directory, name_ref name) {
        return through({.what = primitive::read_symlink_at, .directory = directory, .name = name},
                       [this](call const& c) { return inner().read_symlink_at(c.directory, c.name); });
    }
    result<std::optional<std::string>> get_xattr_at(node directory, name_ref name, std::string_view key) {
        return through({.what = primitive::get_xattr_at, .directory = directory, .name = name, .key = key},
                       [this](call const& c) { return inner().get_xattr_at(c.directory, c.name, c.key); });
    }
    result<std::vector<std::string>> list_xattrs_at(node directory, name_ref name) {
        return through({.what = primitive::list_xattrs_at, .directory = directory, .name = name},
                       [this](call const& c) { return inner().list_xattrs_at(c.directory, c.name); });
    }

    result<object_handle> handle_at(node directory, name_ref name)
        requires gives_handles<B>
    {
        return through({.what = primitive::handle_at, .directory = directory, .name = name},
                       [this](call const& c) { return inner().handle_at(c.directory, c.name); });
    }
    [[nodiscard]] std::optional<std::uint64_t> inode_of(object_handle const& handle)
        requires gives_handles<B>
    {
        return inner().inode_of(handle);
    }

    descent descend(node from, std::string_view names)
        requires descends<B>
    {
        auto const went =
            through({.what = primitive::descend, .directory = from, .name = name_ref(names, 0)},
                    [this](call const& c) -> result<descent> { return inner().descend(c.directory, c.name.text); });
        if (went)
            return *went;
        inner().retain(from);
        return {from, 0};
    }
    [[nodiscard]] node work_root() const
        requires has_work_area<B>
    {
        return inner().work_root();
    }

    result<file_type> create_at(node directory, name_ref name, mode_bits mode)
        requires writable_backend<B>
    {
        return through({.what = primitive::create_at, .directory = directory, .name = name, .mode = mode},
                       [this](call const& c) { return wrap(inner().create_at(c.directory, c.name, c.mode), c); });
    }
    result<void> create_directory_at(node directory, name_ref name, mode_bits mode)
        requires writable_backend<B>
    {
        return through({.what = primitive::create_directory_at, .directory = directory, .name = name, .mode = mode},
                       [this](call const& c) { return inner().create_directory_at(c.directory, c.name, c.mode); });
    }
    result<void> create_symlink_at(node directory, name_ref name, std::string_view target)
        requires writable_backend<B>
    {
        return through({.what = primitive::create_symlink_at, .directory = directory, .name = name, .value = target},
                       [this](call const& c) { return inner().create_symlink_at(c.directory, c.name, c.value); });
    }
    result<void> create_node_at(node directory, name_ref name, lamina::file_type type, mode_bits mode,
                                device_number device)
        requires writable_backend<B>
    {
        return through(
            {.what = primitive::create_node_at,
             .directory = directory,
             .name = name,
             .type = type,
             .mode = mode,
             .rdev = device},
            [this](call const& c) { return inner().create_node_at(c.directory, c.name, c.type, c.mode, c.rdev); });
    }
    result<file_type> create_unnamed(node directory, mode_bits mode)
        requires makes_unnamed_files<B>
    {
        return through({.what = primitive::create_unnamed, .directory = directory, .mode = mode},
                       [this](call const& c) { return wrap(inner().create_unnamed(c.directory, c.mode), c); });
    }
    result<void> publish_at(file_type& file, node directory, name_ref name)
        requires makes_unnamed_files<B>
    {
        return through({.what = primitive::publish_at, .directory = directory, .name = name}, [&](call const& c) {
            if constexpr (Policy::wraps_files)
                return inner().publish_at(file.inner(), c.directory, c.name);
            else
                return inner().publish_at(file, c.directory, c.name);
        });
    }
    result<void> link_at(node directory, name_ref name, node to_directory, name_ref to_name)
        requires writable_backend<B>
    {
        return through(
            {.what = primitive::link_at,
             .directory = directory,
             .name = name,
             .to_directory = to_directory,
             .to_name = to_name},
            [this](call const& c) { return inner().link_at(c.directory, c.name, c.to_directory, c.to_name); });
    }
    result<void> rename_at(node directory, name_ref name, node to_directory, name_ref to_name, rename_flags flags)
        requires writable_backend<B>
    {
        return through({.what = primitive::rename_at,
                        .directory = directory,
                        .name = name,
                        .to_directory = to_directory,
                        .to_name = to_name,
                        .renaming = flags},
                       [this](call const& c) {
                           return inner().rename_at(c.directory, c.name, c.to_directory, c.to_name, c.renaming);
                       });
    }
    result<void> remove_at(node directory, name_ref name)
        requires writable_backend<B>
    {
        return through({.what = primitive::remove_at, .directory = directory, .name = name},
                       [this](call const& c) { return inner().remove_at(c.directory, c.name); });
    }
    result<void> remove_directory_at(node directory, name_ref name)
        requires writable_backend<B>
    {
        return through({.what = primitive::remove_directory_at, .directory = directory, .name = name},
                       [this](call const& c) { return inner().remove_directory_at(c.directory, c.name); });
    }
    result<void> remove_tree_at(node directory, name_ref name)
        requires paths::removes_trees<B>
    {
        return through({.what = primitive::remove_tree_at, .directory = directory, .name = name},
                       [this](call const& c) { return inner().remove_tree_at(c.directory, c.name); });
    }
    result<void> set_mode_at(node directory, name_ref name, mode_bits mode)
        requires writable_backend<B>
    {
        return through({.what = primitive::set_mode_at, .directory = directory, .name = name, .mode = mode},
                       [this](call const& c) { return inner().set_mode_at(c.directory, c.name, c.mode); });
    }
    result<void> set_owner_at(node directory, name_ref name, user_id uid, group_id gid)
        requires writable_backend<B>
    {
        return through({.what = primitive::set_owner_at, .directory = directory, .name = name, .uid = uid, .gid = gid},
                       [this](call const& c) { return inner().set_owner_at(c.directory, c.name, c.uid, c.gid); });
    }
    result<void> set_times_at(node directory, name_ref name, time_change const& times)
        requires writable_backend<B>
    {
        return through({.what = primitive::set_times_at, .directory = directory, .name = name, .times = &times},
                       [this](call const& c) { return inner().set_times_at(c.directory, c.name, *c.times); });
    }
    result<void> set_xattr_at(node directory, name_ref name, std::string_view key, std::string_view value,
                              xattr_flags flags)
        requires writable_backend<B>
    {
        return through(
            {.what = primitive::set_xattr_at,
             .directory = directory,
             .name = name,
             .key = key,
             .value = value,
             .setting = flags},
            [this](call const& c) { return inner().set_xattr_at(c.directory, c.name, c.key, c.value, c.setting); });
    }
    result<void> remove_xattr_at(node directory, name_ref name, std::string_view key)
        requires writable_backend<B>
    {
        return through({.what = primitive::remove_xattr_at, .directory = directory, .name = name, .key = key},
                       [this](call const& c) { return inner().remove_xattr_at(c.directory, c.name, c.key); });
    }
    result<void> resize_at(node directory, name_ref name, std::uint64_t size)
        requires writable_backend<B>
    {
        return through({.what = primitive::resize_at, .directory = directory, .name = name, .offset = size},
                       [this](call const& c) { return inner().resize_at(c.directory, c.name, c.offset); });
    }
    result<void> sync_directory(node directory)
        requires writable_backend<B>
    {
        return through({.what = primitive::sync_directory, .directory = directory},
                       [this](call const& c) { return inner().sync_directory(c.directory); });
    }
    result<void> sync_all()
        requires syncs_all<B>
    {
        return through({.what = primitive::sync_all}, [this](call const&) { return inner().sync_all(); });
    }
    result<space_info> space()
        requires writable_backend<B>
    {
        return through({.what = primitive::space}, [this](call const&) { return inner().space(); });
    }

protected:
    forwarding(Holder inner, Policy policy) : inner_(std::move(inner)), policy_(std::move(policy)) {}
    explicit forwarding(Holder inner)
        requires std::is_empty_v<Policy>
        : inner_(std::move(inner)),
          policy_(Policy{}) {}

    [[nodiscard]] B& inner() const noexcept { return inner_.get(); }
    [[nodiscard]] Policy& policy() const noexcept { return policy_.get(); }

private:
    template <class Perform>
    auto through(call const& c, Perform perform) -> detail::answer_of<Perform> {
        return policy_.get().around(inner(), c, perform);
    }
    result<file_type> wrap(result<file_of<B>> opened, call const& c) {
        if constexpr (Policy::wraps_files) {
            LAMINA_TRY(auto file, std::move(opened));
            auto const opening = c.what == primitive::open_at ? c.opening : open_flags::read_write;
            return file_type(std::move(file), policy_.get(), c.directory, c.name, opening);
        } else {
            return opened;
        }
    }

    Holder inner_;
    [[no_unique_address]] detail::kept_policy<Policy> policy_;
};

}  // namespace lamina
