#include "serve.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include <lamina/fuse/mount.hpp>
#include <lamina/posix/fd.hpp>

#include "tree.hpp"

namespace lamina_fuse {

namespace {

// What libfuse has to say, and would say on stderr: until the tree is mounted why it is not, then something for the system's
// log. Its levels have the numbers of syslog(3). Written by one thread; the others are not there before it is null.
std::string* reason = nullptr;

void take_message(fuse_log_level level, char const* format, va_list arguments) {
    if (reason == nullptr)
        return ::vsyslog(static_cast<int>(level), format, arguments);
    char line[512];
    std::vsnprintf(line, sizeof line, format, arguments);
    *reason = line;
    while (!reason->empty() && reason->back() == '\n')
        reason->pop_back();
}

// What is written to stderr while it lives: libfuse has no other way to hear of fusermount3, which it starts.
class stderr_aside {
public:
    stderr_aside() : kept_(::fcntl(2, F_DUPFD_CLOEXEC, 3)), aside_(::memfd_create("stderr", MFD_CLOEXEC)) {
        std::fflush(stderr);
        if (kept_ && aside_)
            (void)::dup2(aside_.get(), 2);
    }
    stderr_aside(stderr_aside const&) = delete;
    stderr_aside& operator=(stderr_aside const&) = delete;
    ~stderr_aside() {
        if (kept_ && aside_)
            (void)::dup2(kept_.get(), 2);
    }
    // The first line of it.
    [[nodiscard]] std::string line() const {
        char text[512];
        ssize_t const count = aside_ ? ::pread(aside_.get(), text, sizeof text, 0) : 0;
        std::string const all(text, count > 0 ? static_cast<std::size_t>(count) : 0);
        return all.substr(0, all.find('\n'));
    }

private:
    lamina::owned_fd kept_, aside_;
};

// Mounts it, with libfuse's messages where they belong. Why it could not, or nothing.
template <class Mount>
std::optional<std::string> mount_at(Mount& mount, std::string const& where, bool debug) {
    std::string said;
    if (!debug) {
        reason = &said;
        fuse_set_log_func(take_message);
    }
    std::optional<stderr_aside> aside;
    if (!debug)
        aside.emplace();
    auto const mounted = mount.mount(where);
    reason = nullptr;
    if (mounted)
        return {};
    if (said.empty() && aside)
        said = aside->line();
    return said.empty() ? to_string(mounted.error()) : said;
}

}  // namespace

or_line<int> mount_and_serve(layers& opened, layer_paths const& paths, lamina::policy const& rules, view const& shown,
                             lamina::mount_options const& options, moments const& when) {
    auto const serve = [&]<class Tree, class Stack>(Tree& tree, Stack& stack) -> or_line<int> {
        {
            lamina::fuse_mount mount(tree, options);
            if (auto const why = mount_at(mount, opened.mountpoint, options.debug))
                return lamina::unexpected("cannot mount on '" + paths.mountpoint + "': " + *why);
            if (when.mounted)
                when.mounted();
            if (auto const served = mount.serve(); !served)
                return lamina::unexpected("serving ended: " + to_string(served.error()));
        }
        if constexpr (Stack::writable)
            if (when.ended) {
                auto const changes = stack.changes();
                if (!changes)
                    return lamina::unexpected("the changes cannot be told: " + to_string(changes.error()));
                when.ended(*changes);
            }
        return 0;
    };
    return with_tree(opened, paths, rules, shown, serve);
}

}  // namespace lamina_fuse
