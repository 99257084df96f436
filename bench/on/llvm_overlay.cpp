// LLVM's vfs::OverlayFileSystem over real file systems, each with its layer as its working directory: relative paths
// are then looked for in one layer after the other, as in an overlay. It is read only, knows no whiteouts, resolves
// symbolic links outside the tree too, and keeps nothing between two calls: each asks the system, once per layer until
// one has the name.
#include "../all.ipp"

#include <algorithm>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <llvm/ADT/IntrusiveRefCntPtr.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/Support/Errc.h>
#include <llvm/Support/FileSystem.h>
#include <llvm/Support/VirtualFileSystem.h>

namespace {

class llvm_overlay {
public:
    static constexpr char const* name = "llvm_overlay";
    static std::string unavailable() { return {}; }
    using path_type = std::string;
    static path_type make_path(std::string const& text) { return text; }

    explicit llvm_overlay(bench::tree const& of) : tree_(of) { reset(); }
    void reset() {
        root_.reset();
        std::vector<llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem>> layers;
        for (unsigned i = tree_.form().layers; i-- != 0;) {  // from the lowest
            layers.emplace_back(llvm::vfs::createPhysicalFileSystem().release());
            if (root_ == nullptr)
                root_ = llvm::makeIntrusiveRefCnt<llvm::vfs::OverlayFileSystem>(layers.back());
            else
                root_->pushOverlay(layers.back());
        }
        // Afterwards, since pushing one gives it the working directory of the others.
        for (unsigned i = 0; i < tree_.form().layers; ++i)
            check(layers[tree_.form().layers - 1 - i]->setCurrentWorkingDirectory(tree_.lower(i).native()),
                  "enter a layer");
    }

    bool stat(path_type const& path) {
        auto const found = root_->status(path);
        if (!found && found.getError() != std::errc::no_such_file_or_directory)
            check(found.getError(), "stat");
        return bool(found);
    }
    // Into a buffer of its own: the interface has no other way. Its size is given, so that nobody asks for it.
    std::size_t read(path_type const& path, std::span<std::byte> out) {
        auto file = root_->openFileForRead(path);
        check(file.getError(), "open");
        auto content = (*file)->getBuffer(path, static_cast<std::int64_t>(out.size()), false, true);
        check(content.getError(), "read");
        auto const n = std::min((*content)->getBufferSize(), out.size());
        std::copy_n(reinterpret_cast<std::byte const*>((*content)->getBufferStart()), n, out.data());
        return n;
    }
    std::size_t list(path_type const& path) {
        std::error_code failure;
        std::size_t names = 0;
        for (auto at = root_->dir_begin(path, failure), end = llvm::vfs::directory_iterator(); !failure && at != end;
             at.increment(failure))
            names += at->type() != llvm::sys::fs::file_type::type_unknown;
        check(failure, "list");
        return names;
    }

private:
    static void check(std::error_code const& failure, char const* what) {
        if (failure)
            throw std::system_error(failure, what);
    }
    bench::tree const& tree_;
    llvm::IntrusiveRefCntPtr<llvm::vfs::OverlayFileSystem> root_;
};

[[maybe_unused]] bool const registered =
    bench::add_driver<llvm_overlay>(bench::reach::first_file_system, {&bench::add_looking<llvm_overlay>});

}  // namespace
