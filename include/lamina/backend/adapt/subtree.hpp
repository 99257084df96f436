// One directory of a backend as a tree of its own. Nothing above it can be reached: primitives take one component and
// never "..", and paths are resolved from this root, so a link's absolute target begins here too.
//
// The directory is found once, and stays this tree's root when it is renamed. Its nodes are the wrapped backend's:
// two subtrees of one backend, an upper and its work directory, can move names between each other.
//
// Concurrency: no state of its own that changes.
#pragma once

#include <utility>

#include <lamina/backend/adapt/forward.hpp>
#include <lamina/backend/fwd.hpp>
#include <lamina/backend/walk.hpp>

namespace lamina {

template <class B>
class subtree : public forwarding<subtree<B>, held<B>> {
    using base = forwarding<subtree<B>, held<B>>;

public:
    // `where` is resolved in the wrapped backend's tree, links followed. Errors: enoent, enotdir, eloop, and the
    // backend's.
    [[nodiscard]] static result<subtree> of(B&& backend, path_view where) {
        held<B> holder(std::forward<B>(backend));
        node found;
        {
            auto& tree = holder.get();
            path_walk walk(tree, operation::open);
            LAMINA_CHECK(walk.to_directory(where));
            found = walk.directory();
            tree.retain(found);
        }
        // From here on `found` alone counts: a node stays good when a backend that is held by value moves.
        return subtree(std::move(holder), found);
    }

    subtree(subtree&& other) noexcept
        : base(std::move(other)),
          root_(other.root_),
          retains_(std::exchange(other.retains_, false)) {}
    subtree& operator=(subtree&& other) noexcept {
        if (this != &other) {
            give_back();
            base::operator=(std::move(other));
            root_ = other.root_;
            retains_ = std::exchange(other.retains_, false);
        }
        return *this;
    }
    ~subtree() { give_back(); }

    [[nodiscard]] node root() const { return root_; }
    // It lies outside this tree, and every subtree of the backend would clear it under the others.
    [[nodiscard]] node work_root() const = delete;

private:
    subtree(held<B> holder, node root) : base(std::move(holder)), root_(root), retains_(true) {}
    void give_back() noexcept {
        if (std::exchange(retains_, false))
            this->inner().release(root_);
    }

    node root_;
    bool retains_;
};

//     LAMINA_TRY(auto upper, lamina::subtree_of(disk, "upper"));
// See subtree::of.
template <class B>
[[nodiscard]] result<subtree<B>> subtree_of(B&& backend, path_view where) {
    return subtree<B>::of(std::forward<B>(backend), where);
}

}  // namespace lamina
