// The kernel's overlayfs, with redirects and metacopies, volatile unless order is asked for, mounted by this program in
// a mount namespace of its own: nobody else sees the mounts, and they are gone when the program is, however it ends.
#include "../all.ipp"
#include "syscalls.hpp"

#include <cstring>

#include <sched.h>
#include <sys/mount.h>

namespace {

template <bool Volatile>
class kernel : public bench::system_calls {
public:
    static constexpr char const* name = "kernel";
    // Tries a mount: whether it is allowed depends on more than on being root.
    static std::string unavailable() {
        if (::unshare(CLONE_NEWNS) != 0)
            return std::string("no mount namespace: ") + std::strerror(errno);
        if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
            return std::string("cannot make mounts private: ") + std::strerror(errno);
        try {
            kernel probe(bench::tree_of({.layers = 1, .files = 1}));
        } catch (std::exception const& failure) {
            return failure.what();
        }
        return {};
    }

    explicit kernel(bench::tree const& of)
        : tree_(of), part_(Volatile ? "kernel" : "kernel-ordered"), directory_(of.base() / part_) {
        reset();
    }
    kernel(kernel const&) = delete;
    kernel& operator=(kernel const&) = delete;
    ~kernel() { unmount(); }

    void reset() {
        unmount();
        std::filesystem::remove_all(directory_);
        for (auto const* const part : {"upper", "work", "merged"})
            std::filesystem::create_directories(directory_ / part);

        // Options must fit a page, so the layers are named from the tree's directory.
        auto const here = std::filesystem::current_path();
        std::filesystem::current_path(tree_.base());
        std::string options = Volatile ? "volatile," : "";
        options += "redirect_dir=on,metacopy=on,upperdir=" + part_ + "/upper,workdir=" + part_ + "/work,lowerdir=";
        for (unsigned i = 0; i < tree_.form().layers; ++i) {
            if (i != 0)
                options += ':';
            options += tree_.lower(i).filename().string();
        }
        auto const outcome = ::mount("overlay", (part_ + "/merged").c_str(), "overlay", 0, options.c_str());
        auto const failure = errno;
        std::filesystem::current_path(here);
        errno = failure;
        bench::check(outcome, "mount an overlay");
        mounted_ = true;
        open_root(directory_ / "merged");
    }

private:
    void unmount() {
        close_root();
        // A handle that a benchmark still holds keeps it busy; then it goes when that is closed.
        if (mounted_)
            ::umount2((directory_ / "merged").c_str(), MNT_DETACH);
        mounted_ = false;
    }
    bench::tree const& tree_;
    std::string part_;
    std::filesystem::path directory_;
    bool mounted_ = false;
};

[[maybe_unused]] bool const registered = bench::add_driver<kernel<true>, kernel<false>>(
    bench::reach::each_file_system, bench::everything<kernel<true>, kernel<false>>());

}  // namespace
