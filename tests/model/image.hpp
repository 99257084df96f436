// Everything that a tree shows, taken down in one value, so that two trees can be compared and told apart in words.
//
// What is left out, and why: change times and blocks (each implementation has its own), sizes and link counts of directories
// (a merged directory's are not known), access times unless asked for. A modification time counts exactly where it was set, and
// as "the present" where it came from the clock: all times that tests set lie before `present`.
//
// While it looks, it checks that lookup, list and open agree on what exists, and that no two objects share a number.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/backend/content.hpp>
#include <lamina/backend/traits.hpp>

namespace model {

inline constexpr std::int64_t present = 1'650'000'000;

struct object {
    lamina::file_type type = lamina::file_type::unknown;
    lamina::mode_bits mode = 0;
    lamina::user_id uid = 0;
    lamina::group_id gid = 0;
    std::uint64_t nlink = 0;  // 0 for a directory
    lamina::device_number rdev;
    lamina::timestamp mtime;  // zero for the present
    std::string bytes;        // of a file; the target of a symbolic link
    std::string first_name;   // the least of the names that this object has
    std::map<std::string, std::string> xattrs;
    std::string exactly;  // with detail::everything: the times, the link count and the number; else a set access time

    friend bool operator==(object const&, object const&) = default;
};

// `everything` is for a tree that nobody may change; `access_times`, where nothing moves them, adds those that were
// set.
enum class detail : std::uint8_t { what_counts, access_times, everything };

struct image {
    std::map<std::string, object> objects;  // by path; the root is ""
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> numbers;  // device and inode, by path
    std::vector<std::string> contradictions;
};

[[nodiscard]] inline std::string in_quotes(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text = "\"";
    for (char const c : bytes.substr(0, 60)) {
        auto const b = static_cast<unsigned char>(c);
        if (b >= 0x20 && b < 0x7f && c != '"' && c != '\\')
            text += c;
        else
            text.append({'\\', 'x', digits[b >> 4], digits[b & 15]});
    }
    text += '"';
    if (bytes.size() > 60)
        text += "... (" + std::to_string(bytes.size()) + " bytes)";
    return text;
}

[[nodiscard]] inline std::string describe(object const& o) {
    std::string text(lamina::name(o.type));
    char mode[16];
    std::snprintf(mode, sizeof mode, " %04o", o.mode);
    text += mode;
    text += " " + std::to_string(o.uid) + ":" + std::to_string(o.gid) + " nlink " + std::to_string(o.nlink);
    if (o.rdev != lamina::device_number{})
        text += " rdev " + std::to_string(o.rdev.major) + ":" + std::to_string(o.rdev.minor);
    text += o.mtime == lamina::timestamp{} ? " mtime now" : " mtime " + std::to_string(o.mtime.seconds) + "." +
                                                                std::to_string(o.mtime.nanoseconds);
    if (!o.bytes.empty())
        text += " bytes " + in_quotes(o.bytes);
    text += " first name " + in_quotes(o.first_name);
    for (auto const& [key, value] : o.xattrs)
        text += " " + key + "=" + in_quotes(value);
    return text + o.exactly;
}

template <class B>
class photographer {
public:
    photographer(B& tree, detail how) : tree_(tree), how_(how) {}

    [[nodiscard]] image take() {
        tree_.retain(tree_.root());
        look("", lamina::node_guard<B>(tree_, tree_.root()), {});
        for (std::size_t i = 0; i < directories_.size(); ++i)
            enter(i);
        for (auto& [path, o] : seen_.objects)
            o.first_name = first_names_.at(ids_.at(path));
        for (auto const& [id, paths] : paths_)
            if (paths.size() > 1 && paths.size() > seen_.objects.at(paths.front()).nlink)
                complain(paths.back(), "has the number of " + in_quotes(paths.front()));
        seen_.numbers = std::move(ids_);
        return std::move(seen_);
    }

private:
    struct place {
        std::string path;
        lamina::node_guard<B> at;
    };

    void complain(std::string const& path, std::string const& what) {
        if (seen_.contradictions.size() < 10)
            seen_.contradictions.push_back(in_quotes(path) + ": " + what);
    }
    void complain(std::string const& path, std::string const& what, lamina::error e) {
        complain(path, what + ": " + to_string(e));
    }

    void enter(std::size_t which) {
        std::string const path = directories_[which].path;
        lamina::node const at = directories_[which].at.get();
        struct name {
            std::string text;
            lamina::file_type type;
            std::uint64_t inode;
        };
        std::vector<name> names;
        auto const listed = tree_.list_at(at, [&](lamina::directory_entry const& entry) {
            names.push_back({std::string(entry.name), entry.type, entry.inode});
            return true;
        });
        if (!listed)
            return complain(path, "cannot be listed", listed.error());
        std::sort(names.begin(), names.end(), [](auto const& a, auto const& b) { return a.text < b.text; });
        for (std::size_t i = 0; i < names.size(); ++i) {
            std::string const child = path.empty() ? names[i].text : path + '/' + names[i].text;
            if (i > 0 && names[i].text == names[i - 1].text)
                complain(child, "is listed twice");
            else
                visit(child, at, names[i].text, names[i].type, names[i].inode);
        }
    }

    void visit(std::string const& path, lamina::node parent, std::string const& name, lamina::file_type type,
               std::uint64_t inode) {
        auto const found = tree_.lookup(parent, name);
        if (!found)
            return complain(path, "cannot be looked up", found.error());
        if (!*found)
            return complain(path, "is listed, and not there");
        if (type != lamina::file_type::unknown && type != (*found)->type)
            complain(path, "is listed as " + std::string(lamina::name(type)) + " and is " +
                               std::string(lamina::name((*found)->type)));
        if (inode != 0 && inode != (*found)->id.inode)
            complain(path, "is listed under another number");
        if (!(*found)->is_directory())
            return describe_object(path, parent, name, **found);
        auto const opened = tree_.open_directory_at(parent, name);
        if (!opened)
            return complain(path, "cannot be entered", opened.error());
        look(path, lamina::node_guard<B>(tree_, *opened), **found);
    }

    void look(std::string const& path, lamina::node_guard<B> at, std::optional<lamina::attributes> named) {
        auto const self = tree_.lookup(at.get(), lamina::name_ref{});
        if (!self || !*self)
            return complain(path, "does not know itself");
        if (named && (named->id != (*self)->id || named->mode != (*self)->mode || named->mtime != (*self)->mtime))
            complain(path, "is something else by name and by node");
        describe_object(path, at.get(), {}, **self);
        directories_.push_back({path, std::move(at)});
    }

    void describe_object(std::string const& path, lamina::node at, std::string const& name, lamina::attributes const& a) {
        object o;
        o.type = a.type;
        o.mode = a.is_symlink() ? 0777 : a.mode;
        o.uid = a.uid;
        o.gid = a.gid;
        o.nlink = a.is_directory() ? 0 : a.nlink;
        o.rdev = a.rdev;
        o.mtime = a.mtime.seconds < present ? a.mtime : lamina::timestamp{};
        if (a.is_regular())
            read_file(path, at, name, a, o);
        else if (a.is_symlink())
            read_link(path, at, name, a, o);
        read_xattrs(path, at, name, o);
        if (how_ == detail::everything)
            // (Reading a symbolic link always counts as an access.)
            o.exactly = " exactly " + exact_time(a.is_symlink() ? lamina::timestamp{} : a.atime) + exact_time(a.mtime) + exact_time(a.ctime) +
                        std::to_string(a.nlink) + " " + std::to_string(a.id.inode);
        else if (how_ == detail::access_times && a.atime.seconds < present)
            o.exactly = " atime " + exact_time(a.atime);
        std::pair const id{a.id.device, a.id.inode};
        auto const [first, fresh] = first_names_.try_emplace(id, path);
        if (!fresh && path < first->second)
            first->second = path;
        ids_.emplace(path, id);
        paths_[id].push_back(path);
        seen_.objects.emplace(path, std::move(o));
    }

    static std::string exact_time(lamina::timestamp t) {
        return std::to_string(t.seconds) + "." + std::to_string(t.nanoseconds) + " ";
    }
    void read_file(std::string const& path, lamina::node at, std::string const& name, lamina::attributes const& a,
                   object& o) {
        auto file = tree_.open_at(at, name, lamina::open_flags::read);
        if (!file)
            return complain(path, "cannot be opened", file.error());
        auto bytes = lamina::paths::read_all(*file);
        if (!bytes)
            return complain(path, "cannot be read", bytes.error());
        if (bytes->size() != a.size)
            complain(path, "says it has " + std::to_string(a.size) + " bytes and has " + std::to_string(bytes->size()));
        auto const open = file->status();
        if (!open)
            complain(path, "has no status when open", open.error());
        else if (open->id != a.id || open->mode != a.mode || open->uid != a.uid || open->size != a.size)
            complain(path, "is something else by name and by handle");
        o.bytes = *std::move(bytes);
    }
    void read_link(std::string const& path, lamina::node at, std::string const& name, lamina::attributes const& a,
                   object& o) {
        auto target = tree_.read_symlink_at(at, name);
        if (!target)
            return complain(path, "has no target", target.error());
        if (target->size() != a.size)
            complain(path, "has a target of another size");
        o.bytes = *std::move(target);
    }
    void read_xattrs(std::string const& path, lamina::node at, std::string const& name, object& o) {
        auto const keys = tree_.list_xattrs_at(at, name);
        if (!keys)
            return complain(path, "does not list its attributes", keys.error());
        for (auto const& key : *keys) {
            auto const value = tree_.get_xattr_at(at, name, key);
            if (!value)
                complain(path, "does not tell " + key, value.error());
            else if (!*value)
                complain(path, "lists " + key + " and has it not");
            else if (!o.xattrs.emplace(key, **value).second)
                complain(path, "lists " + key + " twice");
        }
    }

    B& tree_;
    detail how_;
    image seen_;
    std::vector<place> directories_;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> first_names_;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<std::string>> paths_;
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> ids_;
};

template <class B>
[[nodiscard]] image photograph(B& tree, detail how = detail::what_counts) {
    return photographer<B>(tree, how).take();
}

// In which `found` is not `wanted`, one line each, at most ten; empty if they are equal and neither contradicts itself.
[[nodiscard]] inline std::vector<std::string> differences(image const& wanted, image const& found) {
    std::vector<std::string> lines;
    for (auto const& text : wanted.contradictions)
        lines.push_back("the model contradicts itself: " + text);
    for (auto const& text : found.contradictions)
        lines.push_back("contradiction: " + text);
    for (auto const& [path, o] : wanted.objects) {
        auto const there = found.objects.find(path);
        if (there == found.objects.end())
            lines.push_back("missing: " + in_quotes(path) + ": " + describe(o));
        else if (!(there->second == o))
            lines.push_back("differs: " + in_quotes(path) + "\n      wanted " + describe(o) + "\n      found  " +
                            describe(there->second));
    }
    for (auto const& [path, o] : found.objects)
        if (!wanted.objects.contains(path))
            lines.push_back("not wanted: " + in_quotes(path) + ": " + describe(o));
    if (lines.size() > 10)
        lines.resize(10);
    return lines;
}

}  // namespace model
