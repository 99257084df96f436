// A tree of any backend as a file system of the running kernel, through FUSE.
//
//     lamina::overlay root{lamina::upper(changes, work), lamina::lower(image)};
//     lamina::fuse_mount served{root, {.source = "root"}};
//     served.mount("/mnt").value();
//     served.serve().value();            // until somebody unmounts it
//
// It is for the kernel to judge permission, from what the tree tells of its objects; the backend does everything with
// the rights of this process.
//
// Requires: umask 0 while it serves, or new objects get less than was asked for; and that nobody else changes the tree,
// or short times in the options. Needs libfuse 3.14 or newer; what newer ones can do is used (mount_options).
#pragma once

#include <signal.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lamina/fuse/desks.hpp>
#include <lamina/fuse/fwd.hpp>
#include <lamina/fuse/operations.hpp>

namespace lamina {

template <class B>
class fuse_mount {
    using server_type = detail::mount_server<B>;

public:
    // `tree` must outlive it.
    fuse_mount(B& tree, mount_options options) : server_(std::make_unique<server_type>(tree, std::move(options))) {}
    fuse_mount(fuse_mount const&) = delete;
    fuse_mount& operator=(fuse_mount const&) = delete;
    ~fuse_mount() { end(); }

    // From now on the kernel has it there; requests wait for serve(). Errors: einval for options that libfuse or the
    // kernel does not know, which has told the reason through fuse_log; else what mounting says, eio if that is not
    // known.
    [[nodiscard]] result<void> mount(std::string const& where) {
        arguments given(server_->options);
        fuse_args args = given.args();
        auto const table = detail::request::operations<server_type>::table();
        session_ = fuse_session_new(&args, &table, sizeof table, server_.get());
        fuse_opt_free_args(&args);
        if (session_ == nullptr)
            return fail(errc::einval, operation::mount);
        if (server_->options.handle_signals) {
            // libfuse replaces no handler of somebody else's.
            struct sigaction before {};
            if (sigaction(SIGTERM, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
                waking_signal_ = SIGTERM;
            if (fuse_set_signal_handlers(session_) != 0)
                return fail(errc::einval, operation::mount);
        }
        errno = 0;
        if (fuse_session_mount(session_, where.c_str()) != 0)
            return fail(errno > 0 ? static_cast<errc>(errno) : errc::eio, operation::mount);
        mounted_ = true;
        return {};
    }

    // Answers requests until the tree is unmounted, or stop(). Then it is unmounted. Errors: eio for a connection that
    // broke.
    [[nodiscard]] result<void> serve() {
        if (!mounted_)
            return fail(errc::einval, operation::mount);
        int const outcome = serve_requests();
        end();
        // Who takes a request in the moment in which the kernel unmounts is told of an abort, which is an end like any
        // other.
        return outcome >= 0 || outcome == -ECONNABORTED ? result<void>() : fail(errc::eio, operation::mount);
    }

    // serve() returns after the next request or signal. May be called from a signal handler.
    void stop() noexcept {
        if (session_ != nullptr)
            fuse_session_exit(session_);
    }

    // Objects that the kernel knows at present, or knew not long ago.
    [[nodiscard]] std::size_t known_objects() { return server_->objects.size(); }

private:
    // What fuse_session_new takes.
    class arguments {
    public:
        explicit arguments(mount_options const& options) : words_{"lamina"} {
            add("fsname=", options.source);
            add("subtype=", options.subtype);
            add("default_permissions");
            if (options.read_only)
                add("ro");
            for (auto const& each : options.generic)
                add(each);
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
            if (options.io_uring)
                add("io_uring");
#endif
            if (options.debug)
                words_.push_back("-d");
            for (auto& word : words_)
                pointers_.push_back(word.data());
        }
        [[nodiscard]] fuse_args args() noexcept {
            return fuse_args{static_cast<int>(pointers_.size()), pointers_.data(), 0};
        }

    private:
        // A comma would end the option, a backslash is libfuse's escape.
        void add(std::string_view option, std::string_view value = {}) {
            std::string escaped(option);
            for (char const c : value) {
                if (c == ',' || c == '\\')
                    escaped += '\\';
                escaped += c;
            }
            words_.push_back("-o");
            words_.push_back(std::move(escaped));
        }
        std::vector<std::string> words_;
        std::vector<char*> pointers_;
    };

    // The first request tells what the kernel can do, and so in which way the others will come.
    int serve_requests() {
        fuse_buf buffer{};
        int outcome = take_requests(buffer, true);
        if (outcome >= 0 && server_->uses_rings) {
            // Threads of libfuse's answer what comes by the rings; here comes the rest.
            outcome = take_requests(buffer, false);
            server_->long_ones.end();
            int const ended = fuse_session_loop(session_);  // the session is over, but it ends those threads
            outcome = outcome < 0 ? outcome : ended;
        } else if (outcome >= 0) {
            constexpr unsigned threads_max = 64;
            unsigned const wanted = server_->options.workers;
            outcome = detail::desks(session_, wanted == 0 ? 1 : wanted, threads_max, waking_signal_).run();
        }
        std::free(buffer.mem);
        return outcome;
    }
    // Until the session is over, or has just begun.
    int take_requests(fuse_buf& buffer, bool only_to_begin) {
        while (fuse_session_exited(session_) == 0 && !(only_to_begin && server_->began)) {
            int const size = fuse_session_receive_buf(session_, &buffer);
            if (size > 0)
                fuse_session_process_buf(session_, &buffer);
            else if (size == 0)
                fuse_session_exit(session_);
            else if (size != -EINTR && size != -EAGAIN)
                return size;
        }
        return 0;
    }

    void end() noexcept {
        if (session_ == nullptr)
            return;
        if (mounted_)
            fuse_session_unmount(session_);
        if (server_->options.handle_signals)
            fuse_remove_signal_handlers(session_);
        fuse_session_destroy(session_);
        session_ = nullptr;
        mounted_ = false;
    }

    std::unique_ptr<server_type> server_;
    fuse_session* session_ = nullptr;
    bool mounted_ = false;
    int waking_signal_ = 0;
};

template <class B>
fuse_mount(B&, mount_options) -> fuse_mount<B>;

}  // namespace lamina
