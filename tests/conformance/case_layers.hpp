// What the lowers of a stack hold before a case begins, deletions included, told without a format: each stack brings it about in
// its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <lamina/whiteout/marks.hpp>

#include "conformance/content.hpp"

namespace conformance {

// One lower. Like content, of which it has the words, and two more.
class layer {
public:
    layer& directory(std::string path) {
        content_.directory(std::move(path));
        return *this;
    }
    layer& file(std::string path, std::string bytes) {
        content_.file(std::move(path), std::move(bytes));
        return *this;
    }
    layer& symlink(std::string path, std::string target) {
        content_.symlink(std::move(path), std::move(target));
        return *this;
    }
    layer& hard_link(std::string path, std::string existing) {
        content_.hard_link(std::move(path), std::move(existing));
        return *this;
    }
    layer& special(std::string path, lamina::file_type type, lamina::device_number device = {}) {
        content_.special(std::move(path), type, device);
        return *this;
    }
    layer& mode(lamina::mode_bits mode) {
        content_.mode(mode);
        return *this;
    }
    layer& times(lamina::timestamp atime, lamina::timestamp mtime) {
        content_.times(atime, mtime);
        return *this;
    }
    layer& xattr(std::string key, std::string value) {
        content_.xattr(std::move(key), std::move(value));
        return *this;
    }
    // The name is deleted in the layers below.
    layer& whiteout(std::string path) {
        deleted_.push_back(std::move(path));
        return *this;
    }
    // A directory of which the layers below add nothing.
    layer& opaque(std::string path) {
        content_.directory(path);
        opaque_.push_back(std::move(path));
        return *this;
    }

    [[nodiscard]] content in(lamina::whiteout_format format) const {
        namespace mark = lamina::mark;
        bool const aufs = format == lamina::whiteout_format::aufs;
        content all;
        for (auto one : content_.objects()) {
            bool const hides = std::find(opaque_.begin(), opaque_.end(), one.path) != opaque_.end();
            if (hides && !aufs)
                one.xattrs.emplace_back(mark::key(lamina::mark_space::trusted, mark::opaque), "y");
            std::string const path = one.path;
            all.add(std::move(one));
            if (hides && aufs)
                all.file(path + '/' + std::string(mark::aufs_opaque), "");
        }
        for (auto const& path : deleted_) {
            auto const name = path.rfind('/') + 1;
            if (aufs)
                all.file(path.substr(0, name) + std::string(mark::aufs_prefix) + path.substr(name), "");
            else
                all.special(path, lamina::file_type::character).mode(0);
        }
        return all;
    }

private:
    content content_;
    std::vector<std::string> deleted_, opaque_;
};

using layer_list = std::vector<layer>;  // topmost first

}  // namespace conformance
