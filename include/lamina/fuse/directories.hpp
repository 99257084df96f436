// Requests that list directories. An open directory has no state here (ordered_listing.hpp): the listing belongs to the
// directory, is made anew where a reader begins after the directory changed, serves all who are in the middle of it,
// and goes when somebody has read to its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <lamina/fuse/reply.hpp>

namespace lamina::detail::request {

template <class Server>
[[nodiscard]] result<std::shared_ptr<ordered_listing const>> names_of(Server& server, typename Server::object& of,
                                                                      bool from_start) {
    auto known = server.objects.locked([&]() -> std::shared_ptr<ordered_listing const> {
        auto& parts = of.parts();
        if (parts.names != nullptr && !(from_start && parts.names_stale))
            return parts.names;
        parts.names_stale = false;  // before the names are read: what changes from now on makes them stale again
        return nullptr;
    });
    if (known != nullptr)
        return known;
    listing names;
    LAMINA_CHECK(server.tree.list_at(of.directory, [&](directory_entry const& entry) {
        names.add(entry);
        return true;
    }));
    auto made = std::make_shared<ordered_listing const>(std::move(names));
    server.objects.locked([&] { of.parts().names = made; });
    return made;
}

// Fills the kernel's buffer until an entry does not fit.
class entry_buffer {
public:
    entry_buffer(fuse_req_t request, std::size_t size) : request_(request), bytes_(size) {}

    [[nodiscard]] bool fits_plus(char const* name) const noexcept {
        return fuse_add_direntry_plus(request_, nullptr, 0, name, nullptr, 0) <= bytes_.size() - used_;
    }
    bool add_plus(char const* name, fuse_entry_param const& entry, std::uint64_t cookie) noexcept {
        return added(fuse_add_direntry_plus(request_, bytes_.data() + used_, bytes_.size() - used_, name, &entry,
                                            static_cast<off_t>(cookie)));
    }
    bool add(char const* name, file_type type, std::uint64_t inode, std::uint64_t cookie) noexcept {
        struct stat status {};
        status.st_mode = type_bits(type);
        status.st_ino = inode;
        return added(fuse_add_direntry(request_, bytes_.data() + used_, bytes_.size() - used_, name, &status,
                                       static_cast<off_t>(cookie)));
    }
    [[nodiscard]] int reply() const noexcept { return fuse_reply_buf(request_, bytes_.data(), used_); }

private:
    bool added(std::size_t needed) noexcept {
        if (needed > bytes_.size() - used_)
            return false;
        used_ += needed;
        return true;
    }
    fuse_req_t request_;
    std::vector<char> bytes_;
    std::size_t used_ = 0;
};

// With `plus`, each entry comes with its attributes, and counts as a lookup.
template <class Server>
[[nodiscard]] result<void> list(Server& server, fuse_req_t request, std::uint64_t id, std::size_t size, off_t offset,
                                bool plus) {
    LAMINA_TRY(auto of, server.held_directory(id));
    auto cookie = static_cast<std::uint64_t>(offset);
    entry_buffer out(request, size);
    bool full = false;
    auto const add_self = [&](typename Server::object& self, char const* name) -> result<void> {
        LAMINA_TRY(auto const found, server.attributes_of(self));
        ++cookie;
        // These two are never looked up by it: the entry is no object's.
        fuse_entry_param entry{};
        entry.attr = to_stat(found, false);
        full = plus ? !out.add_plus(name, entry, cookie) : !out.add(name, found.type, found.id.inode, cookie);
        return {};
    };
    if (cookie == 0)
        LAMINA_CHECK(add_self(*of, "."));
    if (cookie == 1 && !full) {
        auto const above = server.objects.parent_of(*of);
        LAMINA_CHECK(add_self(*above, ".."));
    }
    LAMINA_TRY(auto const names, names_of(server, *of, offset == 0));
    std::vector<std::uint64_t> given;
    std::string text;
    std::size_t i = names->after(cookie);
    for (; i != names->size() && !full; ++i) {
        auto const entry = (*names)[i];
        text.assign(entry.name);
        if (plus && !out.fits_plus(text.c_str()))
            break;
        if (!plus && entry.inode != 0 && entry.type != file_type::unknown) {
            full = !out.add(text.c_str(), entry.type, entry.inode, names->cookie(i));
            continue;
        }
        name_ref const name(entry.name);
        auto const found = server.tree.lookup(of->directory, name);
        if (!found || !*found)
            continue;  // gone since the listing was made
        if (!plus) {
            full = !out.add(text.c_str(), (*found)->type, (*found)->id.inode, names->cookie(i));
            continue;
        }
        auto const known = server.enter(*of, name, **found);
        if (!known)
            continue;
        auto const whole = to_entry(server, *known, **found);
        out.add_plus(text.c_str(), whole, names->cookie(i));
        given.push_back(*known);
    }
    // The kernel keeps what it was told; who is in the middle of it meanwhile has it made again.
    if (i == names->size() && !full)
        server.objects.locked([&] { of->parts().names.reset(); });
    if (out.reply() != 0)
        for (auto const each : given)
            server.objects.forget(each, 1);
    return {};
}

}  // namespace lamina::detail::request
