// What a tree holds before a test begins, told in words, so that each configuration can bring it about in its own way:
// by making it (materialise), by writing an archive, or by spreading it over the layers of a stack (part).
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/paths.hpp>

namespace conformance {

// One name and what it names.
struct object {
    std::string path;
    lamina::file_type type = lamina::file_type::regular;
    std::string bytes;  // of a file; the target of a symbolic link
    std::string
        same_as;  // for a further hard link: the path of an object that was named before; nothing else counts then
    lamina::mode_bits mode = 0644;
    lamina::user_id uid = lamina::keep_user;
    lamina::group_id gid = lamina::keep_group;
    lamina::timestamp atime{1'500'000'000, 111'222'333};
    lamina::timestamp mtime{1'600'000'000, 444'555'666};
    lamina::device_number rdev;
    std::vector<std::pair<std::string, std::string>> xattrs;
};

// The objects of a tree, parents before what is in them. What follows an object and has no path of its own describes
// that object: content().file("f", "text").mode(0600).xattr("user.k", "v").directory("d").
class content {
public:
    content& directory(std::string path) {
        add(std::move(path), lamina::file_type::directory).mode = 0755;
        return *this;
    }
    content& file(std::string path, std::string bytes) {
        add(std::move(path), lamina::file_type::regular).bytes = std::move(bytes);
        return *this;
    }
    content& symlink(std::string path, std::string target) {
        auto& link = add(std::move(path), lamina::file_type::symlink);
        link.bytes = std::move(target);
        link.mode = 0777;
        return *this;
    }
    content& hard_link(std::string path, std::string existing) {
        add(std::move(path), lamina::file_type::regular).same_as = std::move(existing);
        return *this;
    }
    content& special(std::string path, lamina::file_type type, lamina::device_number device = {}) {
        add(std::move(path), type).rdev = device;
        return *this;
    }

    content& mode(lamina::mode_bits mode) {
        objects_.back().mode = mode;
        return *this;
    }
    content& owner(lamina::user_id uid, lamina::group_id gid) {
        objects_.back().uid = uid;
        objects_.back().gid = gid;
        return *this;
    }
    content& times(lamina::timestamp atime, lamina::timestamp mtime) {
        objects_.back().atime = atime;
        objects_.back().mtime = mtime;
        return *this;
    }
    content& xattr(std::string key, std::string value) {
        objects_.back().xattrs.emplace_back(std::move(key), std::move(value));
        return *this;
    }

    void add(object o) { objects_.push_back(std::move(o)); }
    [[nodiscard]] std::vector<object> const& objects() const { return objects_; }

private:
    object& add(std::string path, lamina::file_type type) {
        objects_.emplace_back();
        objects_.back().path = std::move(path);
        objects_.back().type = type;
        return objects_.back();
    }

    std::vector<object> objects_;
};

[[nodiscard]] inline lamina::path at(std::string bytes) { return lamina::path::parse(std::move(bytes)).value(); }

// Makes `given` in an empty tree. Throws what goes wrong: without it there is no test.
template <lamina::writable_backend B>
void materialise(B& tree, content const& given) {
    using lamina::file_type;
    using lamina::links;
    for (auto const& o : given.objects()) {
        auto const path = at(o.path);
        if (!o.same_as.empty()) {
            tree.create_hard_link(at(o.same_as), path).value();
            continue;
        }
        switch (o.type) {
        case file_type::directory: tree.create_directory(path).value(); break;
        case file_type::regular: tree.write(path, o.bytes).value(); break;
        case file_type::symlink: tree.create_symlink(o.bytes, path).value(); break;
        default: tree.create_node(path, o.type, o.mode, o.rdev).value();
        }
        if (o.uid != lamina::keep_user || o.gid != lamina::keep_group)
            tree.owner(path, o.uid, o.gid, links::no_follow).value();
        for (auto const& [key, value] : o.xattrs)
            tree.set_xattr(path, key, value, lamina::xattr_flags::none, links::no_follow).value();
        if (o.type != file_type::symlink)
            tree.permissions(path, o.mode).value();
    }
    // Last, from the leaves up: whatever is made in a directory moves its times.
    for (std::size_t i = given.objects().size(); i-- != 0;)
        if (auto const& o = given.objects()[i]; o.same_as.empty())
            tree.times(at(o.path), lamina::time_change::both(o.atime, o.mtime), links::no_follow).value();
}

// The share of layer `number` out of `count`: objects in turn, all names of an object in one layer, and directories in
// every layer, so that each directory is merged. Together the layers show `given`.
[[nodiscard]] inline content part(content const& given, std::size_t number, std::size_t count) {
    content share;
    std::set<std::string> mine;
    std::size_t turn = 0;
    for (auto const& o : given.objects()) {
        bool take;
        if (o.type == lamina::file_type::directory && o.same_as.empty())
            take = true;
        else if (!o.same_as.empty())
            take = mine.contains(o.same_as);
        else
            take = turn++ % count == number;
        if (!take)
            continue;
        mine.insert(o.path);
        share.add(o);
    }
    return share;
}

// What not every tree keeps up. A fixture whose tree does not says so in a static member `bool promises(promise)`.
enum class promise {
    links_stay_links,  // names of one object in a lower layer stay names of one object when they are copied up
    handles_follow,    // a file that was opened before a copy-up shows what came after it
    acls_act,          // ACLs are more than bytes: they show in the mode, are judged, and are inherited
};

// For fixtures over memory_tree.
struct memory_promises {
    [[nodiscard]] static bool promises(promise p) { return p != promise::acls_act; }
};

}  // namespace conformance
