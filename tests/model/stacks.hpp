// The stacks that the model is compared with: what each can hold, and how it is opened, closed and opened again.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
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

// An overlay over a list of layers of types known at run time, opened and closed again and again over the same upper. The base
// of most configurations; the layers themselves are made on one whose upper is a memory tree.
template <class Upper>
class list_stack {
public:
    using tree_type = lamina::overlay<Upper, lamina::detail::lower_list<std::vector<lamina::any_backend>&>>;

    list_stack(std::vector<lamina::any_backend> lowers, lamina::policy rules)
        : list_(std::move(lowers)), rules_(rules) {
        // A stack needs one lower at least.
        if (list_.empty())
            list_.emplace_back(lamina::memory_tree());
    }

    [[nodiscard]] tree_type& tree() { return *tree_; }
    [[nodiscard]] lamina::mark_space marks() const { return rules_.marks; }
    // What this stack may refuse to do although the model does it.
    [[nodiscard]] bool refuses(step const& s, outcome const& found) const {
        if (s.what != op::rename)
            return false;
        if (s.flags == lamina::rename_flags::exchange && found.code == lamina::errc::einval)
            return !tree_->able().has(lamina::capability::exchange);
        // No redirect is written: then directories that lie in a lower stay where they are.
        return found.code == lamina::errc::exdev &&
               (rules_.format == lamina::whiteout_format::aufs || rules_.redirect != lamina::redirects::on);
    }
    void close() { tree_.reset(); }

protected:
    void open_over(Upper upper) { tree_.emplace(std::move(upper), lamina::lower(list_), rules_); }

private:
    std::vector<lamina::any_backend> list_;
    lamina::policy rules_;
    std::optional<tree_type> tree_;
};

class layer_stack : public list_stack<lamina::upper_layer<lamina::memory_tree&>> {
public:
    layer_stack(shared_trees lowers, lamina::policy rules)
        : list_stack(any_list(lowers, rules.format), rules), lowers_(std::move(lowers)) {}

    [[nodiscard]] lamina::memory_tree& upper() { return *upper_; }
    [[nodiscard]] shared_tree const& shared_upper() const { return upper_; }
    void open() { open_over(lamina::upper(*upper_)); }
    [[nodiscard]] std::vector<image> lower_images() { return exact_images(lowers_); }

private:
    shared_trees lowers_;
    shared_tree upper_ = std::make_shared<lamina::memory_tree>();
};

}  // namespace model
