// Which names are one object, across copy-up: what the stack remembers of the hard links of lower objects, and of the file
// systems that handles belong to.
//
// A group is made for each object that a lower shows under more than one name, when the first of its names is met. Once
// one of them is copied up, the object is in the index (index.hpp), and what the others show is that.
//
// Not thread safe: the stack's tree lock, exclusive, guards it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <lamina/core/handle.hpp>
#include <lamina/core/path.hpp>
#include <lamina/stack/entry.hpp>

namespace lamina::detail {

struct link_group {
    std::string handle;      // of the lower object, as the mark `origin` has it
    std::string index_name;  // of its entry in the index
    std::vector<entry_id> members;  // those of its names that are cached
    bool copying = false;           // one of them is being copied up
    bool indexed = false;           // the object is in the index; what follows is then valid
    // The links that the merged view shows, less those of the upper's object.
    std::int64_t difference = 0;
    // Whether its mark `nlink` says so, and so stays right when a name in the upper comes or goes.
    bool mark_follows_upper = false;
};

class identities {
public:
    // What policy::index came to.
    bool on = false;

    // A file system that gives handles, by one of the layers on it. Two with one UUID are told apart by nothing, so
    // handles of neither are used.
    void add(std::array<unsigned char, 16> const& uuid, std::uint64_t device, layer_number layer) {
        for (auto& known : systems_)
            if (known.uuid == uuid) {
                known.ambiguous = known.ambiguous || known.device != device;
                return;
            }
        systems_.push_back({uuid, device, layer, false});
    }
    struct file_system {
        std::array<unsigned char, 16> uuid;
        std::uint64_t device;
        layer_number layer;
        bool ambiguous;
    };
    [[nodiscard]] file_system const* find(object_handle const& handle) const noexcept {
        for (auto const& known : systems_)
            if (known.uuid == handle.file_system)
                return known.ambiguous ? nullptr : &known;
        return nullptr;
    }

    // Null if the entry is in none. Requires: fact::grouped says whether it is.
    [[nodiscard]] link_group* group_of(entry_id id) const {
        auto const at = group_of_.find(id);
        return at == group_of_.end() ? nullptr : at->second;
    }
    // The group of an object, made if there is none yet, with the entry in it.
    link_group& join(std::string const& handle, entry_id id) {
        auto& group = groups_[handle];
        if (group == nullptr)
            group = std::make_unique<link_group>();
        group->handle = handle;
        group->members.push_back(id);
        group_of_[id] = group.get();
        return *group;
    }
    // Requires: it is in one. A group without members is forgotten: what counts of it is on the disk.
    void leave(entry_id id) {
        auto const at = group_of_.find(id);
        link_group& group = *at->second;
        group_of_.erase(at);
        std::erase(group.members, id);
        drop_unused(group);
    }
    void drop_unused(link_group& group) {
        if (group.members.empty() && !group.copying)
            groups_.erase(std::string(group.handle));
    }

private:
    std::vector<file_system> systems_;
    std::map<std::string, std::unique_ptr<link_group>> groups_;
    std::map<entry_id, link_group*> group_of_;
};

}  // namespace lamina::detail
