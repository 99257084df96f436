// What an overlay is made of: one upper or none, and its lowers from the top down. `upper(...)` and `lower(...)` are
// the words in which a caller says it; `layers<...>` is how the stack holds and addresses them: number 0 is the upper
// (also where there is none), 1 the topmost lower. Immutable once made, so it needs no lock.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/backend/traits.hpp>
#include <lamina/stack/block_handle.hpp>
#include <lamina/whiteout/rules.hpp>

namespace lamina {

// A lower and the format of its marks, where that is not the backend's usual one:
//     lamina::lower(lamina::marked(extracted_image, lamina::whiteout_format::aufs))
template <class B>
struct marked_layer {
    held<B> tree;
    whiteout_format format;
};
template <class B>
[[nodiscard]] marked_layer<B> marked(B&& tree, whiteout_format format) {
    return {held<B>(std::forward<B>(tree)), format};
}

// A lower of which only data is used: nothing of it is seen in the tree, but a half copy (metacopy) in a layer above may lead
// into it by an absolute redirect. What is in it has no marks. Such layers come after all others:
//     lamina::lower(image, lamina::data_only(blobs))
// (The kernel's `lowerdir=image::blobs`; Documentation/filesystems/overlayfs.rst, "Data-only lower layers".)
template <class B>
struct data_only_layer {
    held<B> tree;
};
template <class B>
[[nodiscard]] data_only_layer<B> data_only(B&& tree) {
    return {held<B>(std::forward<B>(tree))};
}

// The format that a backend's layers have unless told otherwise: what its member function `marks_format()` says (an
// erased backend knows only at run time), else its member `static constexpr whiteout_format usual_marks`, else the
// kernel's.
template <class B>
[[nodiscard]] constexpr whiteout_format usual_marks([[maybe_unused]] B const& tree) noexcept {
    if constexpr (requires { tree.marks_format(); })
        return tree.marks_format();
    else if constexpr (requires { B::usual_marks; })
        return B::usual_marks;
    else
        return whiteout_format::kernel;
}

template <class B>
struct upper_layer {
    using type = std::remove_reference_t<B>;
    held<B> tree;
    std::optional<held<B>> work;
};

// A backend that has a work area of its own.
template <class B>
[[nodiscard]] upper_layer<B> upper(B&& tree) {
    using backend = std::remove_reference_t<B>;
    static_assert(writable_backend<backend>, "lamina::upper: this backend lacks an operation of writable_backend");
    static_assert(has_work_area<backend> || !writable_backend<backend>,
                  "lamina::upper: this backend has no work area (work_root); use lamina::upper(directory, work_directory)");
    return {held<B>(std::forward<B>(tree)), std::nullopt};
}
// A directory, and an empty directory on the same file system in which changes are prepared. Both of one backend type.
template <class B>
[[nodiscard]] upper_layer<B> upper(B&& tree, std::type_identity_t<B>&& work) {
    static_assert(writable_backend<std::remove_reference_t<B>>,
                  "lamina::upper: this backend lacks an operation of writable_backend");
    return {held<B>(std::forward<B>(tree)), held<B>(std::forward<B>(work))};
}

namespace detail {

// One argument of lower(...): a backend, a marked one, or a run-time list of either.
template <class B>
struct lower_one {
    using type = std::remove_reference_t<B>;
    static constexpr bool data_only = false;
    held<B> tree;
    whiteout_format format;

    [[nodiscard]] std::size_t size() const noexcept { return 1; }
    [[nodiscard]] type& at(std::size_t) const noexcept { return tree.get(); }
    [[nodiscard]] whiteout_format format_of(std::size_t) const noexcept { return format; }
};
template <class B>
struct lower_data {
    using type = std::remove_reference_t<B>;
    static constexpr bool data_only = true;
    held<B> tree;

    [[nodiscard]] std::size_t size() const noexcept { return 1; }
    [[nodiscard]] type& at(std::size_t) const noexcept { return tree.get(); }
    [[nodiscard]] whiteout_format format_of(std::size_t) const noexcept { return whiteout_format::none; }
};
template <class List>
struct lower_list {
    using type = typename std::remove_cvref_t<List>::value_type;
    static constexpr bool data_only = false;
    held<List> trees;

    [[nodiscard]] std::size_t size() const noexcept { return trees.get().size(); }
    [[nodiscard]] type& at(std::size_t i) const noexcept { return trees.get()[i]; }
    [[nodiscard]] whiteout_format format_of(std::size_t i) const noexcept {
        return usual_marks(at(i));
    }
};

template <class T>
inline constexpr bool is_marked = false;
template <class B>
inline constexpr bool is_marked<marked_layer<B>> = true;

template <class T>
inline constexpr bool is_data_only = false;
template <class B>
inline constexpr bool is_data_only<data_only_layer<B>> = true;

template <class T>
inline constexpr bool is_upper = false;
template <class B>
inline constexpr bool is_upper<upper_layer<B>> = true;

template <class A>
[[nodiscard]] auto make_lower(A&& argument) {
    using plain = std::remove_cvref_t<A>;
    if constexpr (is_marked<plain>) {
        using inner = decltype(argument.tree);
        using backend = typename inner::type;
        static_assert(readable_backend<backend>, "lamina::lower: this backend lacks an operation of readable_backend");
        return [&]<class B>(held<B> tree) {
            return lower_one<B>{std::move(tree), argument.format};
        }(std::move(argument.tree));
    } else if constexpr (is_data_only<plain>) {
        return [&]<class B>(held<B> tree) {
            static_assert(readable_backend<std::remove_reference_t<B>>,
                          "lamina::data_only: this backend lacks an operation of readable_backend");
            return lower_data<B>{std::move(tree)};
        }(std::move(argument.tree));
    } else if constexpr (readable_backend<plain>) {
        auto const format = usual_marks(argument);
        return lower_one<A>{held<A>(std::forward<A>(argument)), format};
    } else {
        static_assert(requires { typename plain::value_type; } && requires { argument[0]; },
                      "lamina::lower takes backends, marked backends and vectors of backends");
        static_assert(readable_backend<typename plain::value_type>,
                      "lamina::lower: the elements of this list lack an operation of readable_backend");
        return lower_list<A>{held<A>(std::forward<A>(argument))};
    }
}

template <class... Groups>
struct lower_layers {
    std::tuple<Groups...> groups;
};

template <class T, class... Seen>
inline constexpr bool is_one_of = (std::is_same_v<T, Seen> || ...);

// The alternatives without repetitions, in order.
template <class Variant, class... Rest>
struct unique_variant {
    using type = Variant;
};
template <class... Kept, class First, class... Rest>
struct unique_variant<std::variant<Kept...>, First, Rest...>
    : std::conditional_t<is_one_of<First, Kept...>, unique_variant<std::variant<Kept...>, Rest...>,
                         unique_variant<std::variant<Kept..., First>, Rest...>> {};

}  // namespace detail

// The lowers, topmost first. Each argument is a backend (an lvalue is referred to, an rvalue is moved in),
// `marked(...)`, a std::vector of backends, whose elements are lowers in their order, or, after those, `data_only(...)`.
template <class... A>
[[nodiscard]] auto lower(A&&... arguments) {
    return detail::lower_layers<decltype(detail::make_lower(std::forward<A>(arguments)))...>{
        {detail::make_lower(std::forward<A>(arguments))...}};
}

// The place of an upper in an overlay that has none: nothing can be changed there.
struct no_upper {
    using type = no_upper;
};

// All layers of one stack.
template <class Upper, class... Groups>
class layers {
public:
    static constexpr bool writable = !std::is_same_v<Upper, no_upper>;
    using upper_type = typename Upper::type;

private:
    template <bool Writable, class = void>
    struct files {
        using type = typename detail::unique_variant<std::variant<>, file_of<typename Groups::type>...>::type;
    };
    template <class Dummy>
    struct files<true, Dummy> {
        using type = typename detail::unique_variant<std::variant<>, file_of<upper_type>, file_of<typename Groups::type>...,
                                                     detail::block_handle<file_of<upper_type>>>::type;
    };

    // Once there is data alone, everything after it is.
    [[nodiscard]] static constexpr bool data_comes_last() {
        bool const alone[] = {false, Groups::data_only...};
        for (std::size_t i = 1; i + 1 < sizeof alone; ++i)
            if (alone[i] && !alone[i + 1])
                return false;
        return true;
    }
    static_assert(data_comes_last(), "lamina::lower: data_only layers come after all others");

public:
    // An open file of any of the layers, or one that two of them share.
    using file_variant = typename files<writable>::type;

    layers(Upper upper, std::tuple<Groups...> groups) : upper_(std::move(upper)), groups_(std::move(groups)) {
        styles_.push_back({});
        std::apply(
            [this](auto const&... group) {
                auto const add = [this](auto const& g) {
                    for (std::size_t i = 0; i < g.size(); ++i)
                        styles_.push_back({g.format_of(i), mark_space::automatic});
                    if (!std::remove_cvref_t<decltype(g)>::data_only)
                        merged_ = styles_.size();
                };
                (add(group), ...);
            },
            groups_);
    }

    // Layers, the upper's place included.
    [[nodiscard]] std::size_t count() const noexcept { return styles_.size(); }
    // The number after the last layer that is seen in the tree; what follows holds data alone.
    [[nodiscard]] std::size_t merged_count() const noexcept { return merged_; }
    [[nodiscard]] mark_style style(layer_number i) const noexcept { return styles_[i]; }
    void set_style(layer_number i, mark_style style) noexcept { styles_[i] = style; }

    [[nodiscard]] upper_type& upper() const noexcept
        requires writable
    {
        return upper_.tree.get();
    }
    // The directory that the caller gave for work, or the upper's own work area.
    [[nodiscard]] upper_type& work_tree() const noexcept
        requires writable
    {
        return upper_.work ? upper_.work->get() : upper_.tree.get();
    }
    [[nodiscard]] node work_root() const noexcept
        requires writable
    {
        if constexpr (has_work_area<upper_type>)
            return upper_.work ? upper_.work->get().root() : upper_.tree.get().work_root();
        else
            return upper_.work->get().root();
    }

    // f(backend) for layer i. Requires: i < count(), and i > 0 where there is no upper. F returns the same for all.
    template <class F>
    decltype(auto) visit(std::size_t i, F&& f) const {
        if constexpr (writable) {
            if (i == 0)
                return f(upper_.tree.get());
        }
        return visit_lower<0>(i - 1, f);
    }

    // The primitives that the stack needs of any layer, each error with the layer's number.
    [[nodiscard]] node root(layer_number i) const {
        return visit(i, [](auto& b) { return b.root(); });
    }
    void retain(layer_number i, node n) const {
        visit(i, [n](auto& b) { b.retain(n); });
    }
    void release(layer_number i, node n) const {
        visit(i, [n](auto& b) { b.release(n); });
    }
    [[nodiscard]] result<std::optional<attributes>> lookup(layer_number i, node dir, name_ref name) const {
        return visit(i, [&](auto& b) { return b.lookup(dir, name); }).transform_error(placed(i));
    }
    [[nodiscard]] result<node> open_directory(layer_number i, node dir, name_ref name) const {
        return visit(i, [&](auto& b) { return b.open_directory_at(dir, name); }).transform_error(placed(i));
    }
    [[nodiscard]] result<finding> find(layer_number i, node dir, name_ref name, bool xattr_whiteouts) const {
        return visit(i, [&](auto& b) { return find_in_layer(b, dir, name, styles_[i], xattr_whiteouts); })
            .transform_error(placed(i));
    }
    [[nodiscard]] result<directory_marks> marks(layer_number i, node dir) const {
        return visit(i, [&](auto& b) { return read_directory_marks(b, dir, styles_[i]); }).transform_error(placed(i));
    }
    template <class Sink>
    [[nodiscard]] result<void> list(layer_number i, node dir, bool xattr_whiteouts, Sink&& sink) const {
        return visit(i, [&](auto& b) { return list_layer(b, dir, styles_[i], xattr_whiteouts, sink); })
            .transform_error(placed(i));
    }
    [[nodiscard]] result<std::string> read_symlink(layer_number i, node dir, name_ref name) const {
        return visit(i, [&](auto& b) { return b.read_symlink_at(dir, name); }).transform_error(placed(i));
    }
    [[nodiscard]] result<std::optional<std::string>> get_xattr(layer_number i, node dir, name_ref name,
                                                               std::string_view key) const {
        return visit(i, [&](auto& b) { return b.get_xattr_at(dir, name, key); }).transform_error(placed(i));
    }
    [[nodiscard]] result<std::vector<std::string>> list_xattrs(layer_number i, node dir, name_ref name) const {
        return visit(i, [&](auto& b) { return b.list_xattrs_at(dir, name); }).transform_error(placed(i));
    }
    // Errors: eopnotsupp where the layer gives none.
    [[nodiscard]] result<object_handle> handle(layer_number i, node dir, name_ref name) const {
        return visit(i, [&]<class B>(B& b) -> result<object_handle> {
            if constexpr (gives_handles<B>)
                return b.handle_at(dir, name);
            else
                return fail(errc::eopnotsupp, operation::lookup);
        }).transform_error(placed(i));
    }
    [[nodiscard]] std::optional<std::uint64_t> inode_of(layer_number i, object_handle const& handle) const {
        return visit(i, [&]<class B>(B& b) -> std::optional<std::uint64_t> {
            if constexpr (gives_handles<B>)
                return b.inode_of(handle);
            else
                return std::nullopt;
        });
    }
    // Whether it is worth while to ask the layer's files what content they have.
    [[nodiscard]] bool measures(layer_number i) const {
        return visit(i, []<class B>(B& b) {
            return measures_content<file_of<B>> && std::as_const(b).able().has(capability::content_digests);
        });
    }
    // A regular file: the caller has looked the type up.
    [[nodiscard]] result<file_variant> open(layer_number i, node dir, name_ref name, open_flags flags) const {
        return visit(i, [&](auto& b) -> result<file_variant> {
            auto opened = open_known_regular(b, dir, name, flags);
            if (!opened)
                return unexpected(opened.error().in_layer(i));
            return file_variant(*std::move(opened));
        });
    }

    [[nodiscard]] static constexpr auto placed(layer_number i) noexcept {
        return [i](error e) { return e.in_layer(i); };
    }

private:
    template <class B>
    static auto open_known_regular(B& b, node dir, name_ref name, open_flags flags) {
        if constexpr (requires { b.open_known_regular_at(dir, name, flags); })
            return b.open_known_regular_at(dir, name, flags);
        else
            return b.open_at(dir, name, flags);
    }

    template <std::size_t Group, class F>
    decltype(auto) visit_lower(std::size_t i, F& f) const {
        auto const& group = std::get<Group>(groups_);
        if constexpr (Group + 1 == sizeof...(Groups)) {
            return f(group.at(i));
        } else {
            if (i < group.size())
                return f(group.at(i));
            return visit_lower<Group + 1>(i - group.size(), f);
        }
    }

    Upper upper_;
    std::tuple<Groups...> groups_;
    std::vector<mark_style> styles_;
    std::size_t merged_ = 1;
};

}  // namespace lamina
