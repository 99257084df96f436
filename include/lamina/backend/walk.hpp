// From a path to an object: how the components of a path are resolved inside a tree, over the primitives of any
// backend.
//
// Decided here: symbolic links are followed inside the tree and nowhere else. An absolute target starts at the tree's
// root; ".." goes to the parent of the directory that the walk actually reached, and at the root it stays, as in a
// chroot; at most 40 links are followed in one walk. Link targets are bytes out of a layer and are judged like
// anybody's: a component over 255 bytes or a target over 4,095 is enametoolong, an empty target enoent, a NUL einval.
//
// A walk holds one node, the directory it has come to, and allocates nothing. Only one that meets ".." needs the way it
// came by; it is begun again, then one component at a time, with every directory on the way retained.
//
// Concurrency: a walk belongs to one thread; any number of walks and changes may run at once. A walk is not atomic:
// while others rename directories it may end in the old place or in the new one, never outside the tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/concepts.hpp>
#include <lamina/backend/traits.hpp>

namespace lamina {

inline constexpr unsigned symlinks_max = 40;             // as MAXSYMLINKS
inline constexpr std::size_t symlink_target_max = 4095;  // PATH_MAX without its NUL

// What a path ends in. Only a `name` can be created, removed or renamed.
enum class last_component : std::uint8_t { name, root, dot, dot_dot };

// Whether a walk retains every directory on its way, not only the one that it has come to.
enum class route : std::uint8_t { forgotten, retained };

// One resolution. Afterwards (directory(), name()) is what the primitives of the backend want. The object must not move
// while it is in use: a name that came out of a symbolic link lies inside it. Requires: the backend and the path
// outlive it.
template <class B>
class path_walk {
public:
    // `op` is what errors are reported as.
    path_walk(B& backend, operation op, route way = route::forgotten) noexcept
        : backend_(&backend), here_(backend.root()), op_(op), way_(way) {}
    path_walk(path_walk const&) = delete;
    path_walk& operator=(path_walk const&) = delete;

    // To a directory: every component is entered, links are followed. Then directory() is it and name() is empty.
    // Errors: enoent, enotdir, eloop, enametoolong, and what the backend reports.
    result<void> to_directory(path_view path) { return start(path, aim::directory, links::follow); }

    // To the directory that holds the last component, which is not looked at. See last() and trailing_slash().
    // Errors: as to_directory.
    result<void> to_parent(path_view path) { return start(path, aim::parent, links::no_follow); }

    // To an object that exists: object() tells what it is. A link in the last component is followed if `last` says so
    // or a slash comes after it. A directory that was reached by "/", "." or ".." has the empty name. Errors: as
    // to_directory; enotdir for a trailing slash after anything but a directory.
    result<void> to_object(path_view path, links last) { return start(path, aim::object, last); }

    // As to_object, for opening what may have to be made: the last component, also one that a link led to, may be
    // missing; then found() is false, and (directory(), name()) is where it would be. Errors: eisdir for a trailing
    // slash.
    result<void> to_place(path_view path, links last) { return start(path, aim::place, last); }

    // As to_directory, but components of the path's own words that are missing are made, with `mode`; all but the last
    // so that their owner can enter and write. What a dangling link leads to is not made. Errors: also what creation
    // reports.
    result<void> to_made_directory(path_view path, mode_bits mode) {
        make_mode_ = mode;
        return start(path, aim::made_directory, links::follow);
    }

    [[nodiscard]] node directory() const noexcept { return here_; }
    [[nodiscard]] name_ref name() const noexcept { return name_; }
    [[nodiscard]] last_component last() const noexcept { return last_kind_; }
    [[nodiscard]] bool trailing_slash() const noexcept { return slash_; }
    [[nodiscard]] bool found() const noexcept { return found_; }
    // Requires: found().
    [[nodiscard]] attributes const& object() const noexcept { return object_; }
    // Whether directory() is the directory `id` or lies below it. Requires: route::retained.
    [[nodiscard]] result<bool> came_through(file_id id) {
        LAMINA_TRY(auto const root, backend_->lookup(backend_->root(), {}));
        if (root && root->id == id)
            return true;
        for (auto const& ancestor : ancestors_) {
            LAMINA_TRY(auto const found, backend_->lookup(ancestor.get(), {}));
            if (found && found->id == id)
                return true;
        }
        return false;
    }
    // How many bytes of the path were still to be walked when to_directory or to_made_directory failed.
    [[nodiscard]] std::size_t unwalked() const noexcept { return prefix_.size() < own_ ? prefix_.size() : own_; }

private:
    enum class aim : std::uint8_t { directory, made_directory, parent, object, place };

    result<void> start(path_view path, aim to, links last) {
        aim_ = to;
        careful_ = way_ == route::retained || path.bytes().find("..") != std::string_view::npos;
        auto outcome = attempt(path, last);
        if (!outcome && wants_ancestors_) {
            careful_ = true;
            outcome = attempt(path, last);
        }
        if (!outcome)
            return unexpected(outcome.error().during(op_));
        return outcome;
    }

    result<void> attempt(path_view path, links last) {
        wants_ancestors_ = false;
        links_left_ = symlinks_max;
        slash_ = false;
        found_ = false;
        own_ = path.bytes().size();
        go_to_root();
        take_words(path.bytes());
        for (;;) {
            LAMINA_CHECK(walk_prefix());
            if (aim_ != aim::object && aim_ != aim::place)
                return {};
            if (last_kind_ != last_component::name) {
                if (last_kind_ == last_component::dot_dot)
                    LAMINA_CHECK(go_up());
                name_ = name_ref();
            } else if (slash_ && aim_ == aim::place) {
                return fail(errc::eisdir);
            }
            LAMINA_TRY(auto found, backend_->lookup(here_, name_));
            if (!found) {
                if (aim_ == aim::place && !name_.empty())
                    return {};
                return fail(errc::enoent);
            }
            if (found->is_symlink() && (last == links::follow || slash_)) {
                prefix_ = {};
                last_ = {};
                LAMINA_CHECK(follow(name_));
                continue;
            }
            if (slash_ && !found->is_directory())
                return fail(errc::enotdir);
            object_ = *found;
            found_ = true;
            return {};
        }
    }

    void go_to_root() {
        ancestors_.clear();
        held_ = {};
        here_ = backend_->root();
    }

    // `words` becomes what is to be walked, from here, or from the root if they begin with a slash.
    void take_words(std::string_view words) {
        if (words.starts_with('/'))
            go_to_root();
        while (words.ends_with('/')) {
            words.remove_suffix(1);
            slash_ = true;
        }
        last_ = {};
        name_ = name_ref();
        last_kind_ = last_component::root;
        prefix_ = words;
        if (aim_ == aim::directory || aim_ == aim::made_directory || words.empty())
            return;
        last_ = words.substr(words.rfind('/') + 1);  // npos + 1 is 0
        prefix_.remove_suffix(last_.size());
        if (last_ == ".") {
            last_kind_ = last_component::dot;
        } else if (last_ == "..") {
            last_kind_ = last_component::dot_dot;
        } else {
            last_kind_ = last_component::name;
            name_ = name_ref(last_);
        }
    }

    result<void> walk_prefix() {
        for (;;) {
            while (prefix_.starts_with('/'))
                prefix_.remove_prefix(1);
            if (prefix_.empty())
                break;
            if (!careful_ && descend_some())
                continue;
            auto const component = prefix_.substr(0, prefix_.find('/'));
            if (component == "..")
                LAMINA_CHECK(go_up());
            else if (component.size() > name_max)
                return fail(errc::enametoolong);
            else if (component != ".") {
                LAMINA_TRY(bool const entered, step(name_ref(component)));
                if (!entered)
                    continue;  // a link: prefix_ is new
            }
            prefix_.remove_prefix(component.size());
        }
        if (last_.size() > name_max)
            return fail(errc::enametoolong);
        return {};
    }

    // Whether the backend's short cut used any of prefix_.
    bool descend_some() {
        if constexpr (descends<B>) {
            auto const down = backend_->descend(here_, prefix_);
            node_guard<B> reached(*backend_, down.reached);
            if (down.used == 0 || down.used > prefix_.size())
                return false;
            held_ = std::move(reached);
            here_ = down.reached;
            prefix_.remove_prefix(down.used);
            return true;
        } else {
            return false;
        }
    }

    // Enters `name`, the first component of prefix_. False if it is a link: then prefix_ begins with its target.
    result<bool> step(name_ref name) {
        auto opened = backend_->open_directory_at(here_, name);
        if constexpr (writable_backend<B>)
            if (!opened && opened.error() == errc::enoent && aim_ == aim::made_directory && prefix_.size() <= own_) {
                bool const is_last = prefix_.size() == name.text.size();
                auto made = backend_->create_directory_at(here_, name, is_last ? make_mode_ : make_mode_ | 0300);
                // eexist: somebody else made it meanwhile, or it is a dangling link that vanished again; opening tells.
                if (!made && made.error() != errc::eexist)
                    return unexpected(made.error());
                opened = backend_->open_directory_at(here_, name);
            }
        if (opened) {
            enter(*opened);
            return true;
        }
        if (opened.error() != errc::enotdir)
            return unexpected(opened.error());
        auto const whole = prefix_;
        prefix_.remove_prefix(name.text.size());
        if (auto followed = follow(name); !followed) {
            prefix_ = whole;
            return unexpected(followed.error());
        }
        return false;
    }

    void enter(node opened) {
        node_guard<B> reached(*backend_, opened);
        if (careful_)
            ancestors_.push_back(std::move(reached));
        else
            held_ = std::move(reached);
        here_ = opened;
    }

    result<void> go_up() {
        if (!careful_) {
            if (here_ == backend_->root())
                return {};
            wants_ancestors_ = true;
            return fail(errc::eagain);  // never seen outside: start() begins again
        }
        if (!ancestors_.empty())
            ancestors_.pop_back();
        here_ = ancestors_.empty() ? backend_->root() : ancestors_.back().get();
        return {};
    }

    // Puts the target of the link `name`, which lies here, before what is still to be walked. Errors: enotdir if it is
    // no link.
    result<void> follow(name_ref name) {
        auto target = backend_->read_symlink_at(here_, name);
        if (!target)
            return unexpected(target.error() == errc::einval ? error{errc::enotdir} : target.error());
        if (links_left_ == 0)
            return fail(errc::eloop);
        --links_left_;
        if (target->empty())
            return fail(errc::enoent);
        if (target->size() > symlink_target_max)
            return fail(errc::enametoolong);
        if (target->find('\0') != std::string::npos)
            return fail(errc::einval);
        own_ = prefix_.size() < own_ ? prefix_.size() : own_;
        std::string words = *std::move(target);
        if (!prefix_.empty() || !last_.empty())
            words.append("/").append(prefix_).append(last_);
        text_ = std::move(words);  // only now: prefix_ and last_ may lie in the old one
        take_words(text_);
        return {};
    }

    B* backend_;
    node here_;
    operation op_;
    route way_;
    aim aim_ = aim::directory;
    last_component last_kind_ = last_component::root;
    bool careful_ = false;          // every directory on the way is retained in ancestors_
    bool wants_ancestors_ = false;  // a walk that was not careful has met ".."
    bool slash_ = false;
    bool found_ = false;
    unsigned links_left_ = symlinks_max;
    mode_bits make_mode_ = 0;
    node_guard<B> held_;  // here_, unless it is the root or in ancestors_
    std::vector<node_guard<B>> ancestors_;
    std::string text_;         // a link's target and what came after the link
    std::string_view prefix_;  // still to be entered
    std::string_view last_;
    std::size_t own_ = 0;  // so many bytes at the end of prefix_ are the path's own words
    name_ref name_;
    attributes object_;
};

}  // namespace lamina
