// The stacks that the model is compared with: what each can hold, and how it is opened, closed and opened again.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "model/image.hpp"
#include "model/script.hpp"

namespace model {

using shared_tree = std::shared_ptr<lamina::memory_tree>;
using shared_trees = std::vector<shared_tree>;  // topmost first

// A tree whose marks are said to be of some format, for lists of any_backend.
template <class B>
class declared : public lamina::forwarding<declared<B>, lamina::held<B>> {
    using base = lamina::forwarding<declared<B>, lamina::held<B>>;

public:
    declared(B&& tree, lamina::whiteout_format format) : base(lamina::held<B>(std::forward<B>(tree))), format_(format) {}
    [[nodiscard]] lamina::whiteout_format marks_format() const { return format_; }

private:
    lamina::whiteout_format format_;
};

[[nodiscard]] inline std::vector<lamina::any_backend> any_list(shared_trees const& trees, lamina::whiteout_format format) {
    std::vector<lamina::any_backend> list;
    for (auto const& tree : trees)
        list.emplace_back(declared<lamina::memory_tree&>(*tree, format));
    return list;
}

[[nodiscard]] inline std::vector<image> exact_images(shared_trees const& trees) {
    std::vector<image> images;
    for (auto const& tree : trees)
        images.push_back(photograph(*tree, detail::everything));
    return images;
}

// What an upper's root must look like for the stack to look as before: the root of a merged tree is the upper's. What users
// have set in the namespace of our marks is stored one level down.
template <class From, class To>
void dress_root(From& from, To& to, lamina::mark_space marks) {
    auto const wanted = from.status("/").value();
    if (auto const now = to.status("/").value(); now.uid != wanted.uid || now.gid != wanted.gid)
        to.owner("/", wanted.uid, wanted.gid).value();
    for (auto const& key : from.xattrs("/").value())
        to.set_xattr("/", lamina::mark::escape(marks, key).value(), from.get_xattr("/", key).value()).value();
    to.permissions("/", wanted.mode).value();
    to.times("/", lamina::time_change::both(wanted.atime, wanted.mtime)).value();
}

// A memory upper over any number of memory lowers, of types known at run time: the stack on which the layers are made.
class layer_stack {
public:
    using tree_type = decltype(lamina::overlay{lamina::upper(std::declval<lamina::memory_tree&>()),
                                               lamina::lower(std::declval<std::vector<lamina::any_backend>&>())});

    layer_stack(shared_trees lowers, lamina::policy rules)
        : lowers_(std::move(lowers)), list_(any_list(lowers_, rules.format)), rules_(rules),
          upper_(std::make_shared<lamina::memory_tree>()) {
        // A stack needs one lower at least.
        if (list_.empty())
            list_.emplace_back(lamina::memory_tree());
    }

    [[nodiscard]] lamina::mark_space marks() const { return rules_.marks; }
    [[nodiscard]] tree_type& tree() { return *tree_; }
    [[nodiscard]] lamina::memory_tree& upper() { return *upper_; }
    [[nodiscard]] shared_tree const& shared_upper() const { return upper_; }
    void open() { tree_.emplace(lamina::upper(*upper_), lamina::lower(list_), rules_); }
    void close() { tree_.reset(); }
    [[nodiscard]] std::vector<image> lower_images() { return exact_images(lowers_); }

private:
    shared_trees lowers_;
    std::vector<lamina::any_backend> list_;
    lamina::policy rules_;
    shared_tree upper_;
    std::optional<tree_type> tree_;
};

}  // namespace model
