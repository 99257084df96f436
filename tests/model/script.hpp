// Scripts: sequences of steps, made from a seed and from what the tree looks like meanwhile, so that most steps do something.
//
// A script has a part for each lower layer, the bottom one first, and a main part. The parts for the layers are played on an
// overlay too: what one part leaves in its upper is a layer for the next. So the lowers of the main part hold whiteouts, opaque
// directories and chains of redirects as only a long life brings them about.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <lamina/stack/policy.hpp>

#include "model/image.hpp"
#include "model/step.hpp"

namespace model {

// splitmix64: the same numbers everywhere.
class random_source {
public:
    explicit random_source(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t n) { return next() % n; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    template <class T>
    T const& pick(std::vector<T> const& from) {
        return from[below(from.size())];
    }

private:
    std::uint64_t state_;
};

// A number that the caller may set from outside.
[[nodiscard]] inline std::uint64_t number_from(char const* variable, std::uint64_t otherwise) {
    char const* const text = std::getenv(variable);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// What a configuration can hold, so that a script asks nothing else of it.
struct wishes {
    bool hard_links = true;
    bool lower_links = false;  // the names of a lower file stay one file: all layers give handles, and there is an index
    bool owners = true;
    bool devices = true;
    bool trusted_xattrs = true;
    bool capabilities = true;  // security.capability with any value
    bool marks = true;         // attributes that an overlay on top would take for its own
    bool wh_names = true;      // `.wh.x` as an ordinary name
    bool handles = true;
    bool copies = true;
    bool acls = false;         // ACLs that act
    unsigned reopenings = 2;   // among some two hundred steps
    std::size_t objects = 60;  // beyond about so many, more is removed than made
};

[[nodiscard]] inline wishes with_lower_links() {
    wishes all;
    all.lower_links = true;
    return all;
}

// And the policy that makes their counts exact.
[[nodiscard]] inline lamina::policy rules_for_links() {
    auto rules = lamina::policy::memory();
    rules.count_links_of_removed_trees = true;
    return rules;
}

struct script {
    std::vector<std::vector<step>> lowers;
    std::vector<step> main;
};

class script_writer {
public:
    script_writer(std::uint64_t seed, wishes const& may) : random_(seed), may_(may) {
        names_ = {"a", "b", "c", "d", "e", "f1", "f2", "forty-bytes-and-so-longer-than-an-entry.t", "\xff\n \\"};
        if (may.wh_names)
            names_.push_back(".wh.a");
        keys_ = {"user.k", "user.l"};
        if (may.capabilities)
            keys_.push_back("security.capability");
        if (may.trusted_xattrs)
            keys_.push_back("trusted.t");
        if (may.acls)
            keys_.insert(keys_.end(), {std::string(lamina::xattr::acl_access), std::string(lamina::xattr::acl_default)});
        if (may.marks) {
            keys_.push_back("user.overlay.opaque");
            if (may.trusted_xattrs)
                keys_.insert(keys_.end(), {"trusted.overlay.opaque", "trusted.overlay.redirect"});
        }
    }

    [[nodiscard]] random_source& random() { return random_; }

    // What the next steps choose from.
    void look_at(image const& now) {
        all_.clear();
        directories_.clear();
        for (auto const& [path, o] : now.objects) {
            all_.push_back(path);
            if (o.type == lamina::file_type::directory)
                directories_.push_back(path);
        }
    }

    [[nodiscard]] step next() {
        struct weighted {
            op what;
            unsigned weight;
        };
        bool const full = all_.size() > may_.objects;
        weighted const table[] = {
            {op::write, full ? 3u : 12u}, {op::append, 5}, {op::resize, 4}, {op::truncate, 2}, {op::create, 3},
            {op::make_directory, full ? 3u : 12u}, {op::make_directories, full ? 1u : 4u}, {op::symlink, 4},
            {op::link, may_.hard_links ? 5u : 0u}, {op::node, 3}, {op::rename, 24},
            {op::remove, full ? 26u : 12u}, {op::remove_all, full ? 6u : 2u}, {op::copy, may_.copies && !full ? 2u : 0u},
            {op::mode, 5}, {op::owner, may_.owners ? 4u : 0u}, {op::times, 4}, {op::set_xattr, 6}, {op::remove_xattr, 3},
            {op::status, 5}, {op::read, 3}, {op::list, 3}, {op::target, 1}, {op::xattr, 2},
            {op::handle_open, may_.handles ? 4u : 0u}, {op::handle_write, may_.handles ? 3u : 0u},
            {op::handle_append, may_.handles ? 1u : 0u}, {op::handle_resize, may_.handles ? 1u : 0u},
            {op::handle_read, may_.handles ? 2u : 0u}, {op::handle_status, may_.handles ? 2u : 0u},
            {op::handle_mode, may_.handles ? 1u : 0u}, {op::handle_owner, may_.handles && may_.owners ? 1u : 0u},
            {op::handle_times, may_.handles ? 1u : 0u}, {op::handle_xattr, may_.handles ? 1u : 0u},
            {op::handle_close, may_.handles ? 1u : 0u}, {op::reopen, may_.reopenings},
        };
        std::uint64_t sum = 0;
        for (auto const& w : table)
            sum += w.weight;
        auto at = random_.below(sum);
        for (auto const& w : table) {
            if (at < w.weight)
                return fill(w.what);
            at -= w.weight;
        }
        return {};
    }

private:
    [[nodiscard]] std::string existing() { return all_.empty() ? std::string() : random_.pick(all_); }
    [[nodiscard]] std::string free_place() {
        std::string path = directories_.empty() ? std::string() : random_.pick(directories_);
        if (!path.empty())
            path += '/';
        return path + random_.pick(names_);
    }
    [[nodiscard]] std::string anything() {
        std::string path = random_.pick(names_);
        for (auto more = random_.below(4); more > 0; --more)
            path += '/' + random_.pick(names_);
        return path;
    }
    [[nodiscard]] std::string decorated(std::string path) {
        if (!random_.one_in(40))
            return path;
        switch (random_.below(5)) {
        case 0: return path + "/";
        case 1: return path + "/.";
        case 2: return path + "/..";
        case 3: return "//" + path;
        default: return path.empty() ? "." : path + "//" + random_.pick(names_);
        }
    }
    [[nodiscard]] std::string old_path() {
        auto const die = random_.below(20);
        return decorated(die < 16 ? existing() : die < 18 ? free_place() : anything());
    }
    [[nodiscard]] std::string new_path() {
        auto const die = random_.below(20);
        return decorated(die < 13 ? free_place() : die < 17 ? existing() : anything());
    }
    [[nodiscard]] std::uint64_t size() {
        static std::vector<std::uint64_t> const sizes = {0, 1, 2, 10, 100, 1000, 4095, 4096, 5000, 9000};
        return random_.one_in(30) ? 60'000 + random_.below(20'000) : random_.pick(sizes);
    }
    [[nodiscard]] std::uint64_t bits() {
        static std::vector<std::uint64_t> const modes = {0644, 0755, 0600, 0, 04755, 02775, 01777, 0777, 0444};
        return random_.pick(modes);
    }

    [[nodiscard]] step fill(op what) {
        step s;
        s.what = what;
        s.slot = static_cast<unsigned>(random_.below(4));
        s.follow = !random_.one_in(3);
        s.m = random_.next() % 1'000'000;
        switch (what) {
        case op::write:
            s.a = random_.one_in(2) ? old_path() : new_path();
            s.n = size();
            break;
        case op::append:
            s.a = old_path();
            s.n = random_.below(300);
            break;
        case op::resize:
        case op::handle_resize:
            s.a = old_path();
            s.n = size();
            break;
        case op::create:
        case op::make_directory:
            s.a = new_path();
            s.n = bits();
            break;
        case op::make_directories: s.a = random_.one_in(2) ? new_path() + '/' + random_.pick(names_) : anything(); break;
        case op::symlink:
            s.a = new_path();
            s.b = random_.one_in(3) ? "/" + existing() : random_.one_in(2) ? random_.pick(names_) : "../" + random_.pick(names_);
            break;
        case op::node: fill_node(s); break;
        case op::link:
        case op::copy:
            s.a = old_path();
            s.b = new_path();
            break;
        case op::rename:
            s.a = old_path();
            s.b = new_path();
            if (random_.one_in(4)) {
                s.flags = lamina::rename_flags::exchange;
                s.b = old_path();
            } else if (random_.one_in(8)) {
                s.flags = lamina::rename_flags::no_replace;
            }
            break;
        case op::mode:
        case op::handle_mode:
            s.a = old_path();
            s.n = bits();
            break;
        case op::owner:
        case op::handle_owner:
            s.a = old_path();
            s.n = random_.below(4);
            s.m = random_.below(4);
            break;
        case op::times:
        case op::handle_times:
            s.a = old_path();
            s.n = random_.one_in(4) ? 0 : 1'000'000'000 + random_.below(400'000'000);
            break;
        case op::set_xattr:
        case op::handle_xattr:
            s.n = random_.below(30);
            if (random_.one_in(4))
                s.setting = random_.one_in(2) ? lamina::xattr_flags::create : lamina::xattr_flags::replace;
            [[fallthrough]];
        case op::remove_xattr:
        case op::xattr:
            s.a = old_path();
            s.b = random_.pick(keys_);
            break;
        case op::handle_open:
            s.a = old_path();
            s.n = random_.below(2);
            break;
        case op::handle_write: s.n = random_.below(6000); break;
        default: s.a = old_path();
        }
        return s;
    }
    void fill_node(step& s) {
        using type = lamina::file_type;
        static std::vector<type> const plain = {type::fifo, type::socket, type::regular};
        static std::vector<type> const all = {type::fifo, type::socket, type::regular, type::character, type::block};
        s.a = new_path();
        s.n = bits();
        s.type = random_.pick(may_.devices ? all : plain);
        s.m = 1 + random_.below(9);
    }

    random_source random_;
    wishes may_;
    std::vector<std::string> names_;
    std::vector<std::string> keys_;
    std::vector<std::string> all_;
    std::vector<std::string> directories_;
};

}  // namespace model
