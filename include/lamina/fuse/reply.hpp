// Answers. What an answer gives to the kernel (a lookup) is taken back where the answer does not arrive: the request
// was interrupted, and nobody will send a FORGET for it.
#pragma once

#include <cerrno>
#include <cstdint>
#include <exception>
#include <new>
#include <utility>

#include <lamina/fuse/server.hpp>

namespace lamina::detail::request {

inline void reply_error(fuse_req_t request, error e) noexcept { fuse_reply_err(request, errno_of(e)); }
inline void reply_done(fuse_req_t request, result<void> const& outcome) noexcept {
    fuse_reply_err(request, outcome ? 0 : errno_of(outcome.error()));
}

template <class Server>
[[nodiscard]] fuse_entry_param to_entry(Server const& server, std::uint64_t id, attributes const& found) noexcept {
    fuse_entry_param entry{};
    entry.ino = id;
    entry.attr = to_stat(found, server.options.static_nlink);
    entry.attr_timeout = server.options.attribute_timeout;
    entry.entry_timeout = server.options.entry_timeout;
    return entry;
}
template <class Server>
void reply_entry(Server& server, fuse_req_t request, std::uint64_t id, attributes const& found) {
    auto const entry = to_entry(server, id, found);
    if (fuse_reply_entry(request, &entry) != 0)
        server.objects.forget(id, 1);
}
template <class Server>
void reply_attributes(Server& server, fuse_req_t request, result<attributes> const& found) {
    if (!found)
        return reply_error(request, found.error());
    auto const status = to_stat(*found, server.options.static_nlink);
    fuse_reply_attr(request, &status, server.options.attribute_timeout);
}

// f() answers the request, or returns the error that it is to be answered with. Nothing that goes wrong in it ends the
// mount.
template <class F>
void answer(fuse_req_t request, F&& f) noexcept {
#if LAMINA_EXCEPTIONS
    try {
        if (result<void> const outcome = f(); !outcome)
            reply_error(request, outcome.error());
    } catch (std::bad_alloc const&) {
        fuse_reply_err(request, ENOMEM);
    } catch (std::exception const& e) {
        fuse_log(FUSE_LOG_ERR, "lamina: %s\n", e.what());
        fuse_reply_err(request, EIO);
    }
#else
    if (result<void> const outcome = f(); !outcome)
        reply_error(request, outcome.error());
#endif
}

// Names as the kernel sends them may be longer than any directory can hold.
[[nodiscard]] inline result<name_ref> name_in(char const* text) noexcept {
    std::string_view const given(text);
    if (auto const code = judge_name(given); code != errc::ok)
        return fail(code);
    return name_ref(given);
}

}  // namespace lamina::detail::request
