// PhysFS, with the layers as its search path. It is read only, knows no whiteouts and, as it is set by default, refuses
// symbolic links, for which it asks at every name of a path; it keeps nothing between two calls. Its listings are names
// without types, so less is asked of it there. There is one per process.
#include "../all.ipp"

#include <span>
#include <stdexcept>
#include <string>

#include <physfs.h>

namespace {

class physfs {
public:
    static constexpr char const* name = "physfs";
    static std::string unavailable() { return {}; }
    using path_type = std::string;
    static path_type make_path(std::string const& text) { return text; }

    explicit physfs(bench::tree const& of) : tree_(of) {}
    physfs(physfs const&) = delete;
    physfs& operator=(physfs const&) = delete;
    ~physfs() { close(); }

    void reset() {
        close();
        select();
    }
    // The search path is the process's, so it belongs to whoever is measured.
    void select() {
        if (selected() == this)
            return;
        if (selected() != nullptr)
            selected()->close();
        check(PHYSFS_init("lamina_bench"), "start");
        selected() = this;
        for (unsigned i = 0; i < tree_.form().layers; ++i)  // from the topmost
            check(PHYSFS_mount(tree_.lower(i).c_str(), nullptr, 1), "add a layer");
    }

    bool stat(path_type const& path) {
        PHYSFS_Stat about;
        if (PHYSFS_stat(path.c_str(), &about) != 0)
            return true;
        if (auto const why = PHYSFS_getLastErrorCode(); why != PHYSFS_ERR_NOT_FOUND)
            throw std::runtime_error(std::string("stat: ") + PHYSFS_getErrorByCode(why));
        return false;
    }
    std::size_t read(path_type const& path, std::span<std::byte> out) {
        auto* const file = PHYSFS_openRead(path.c_str());
        check(file != nullptr, "open");
        auto const n = PHYSFS_readBytes(file, out.data(), out.size());
        check(n >= 0, "read");
        check(PHYSFS_close(file), "close");
        return static_cast<std::size_t>(n);
    }
    std::size_t list(path_type const& path) {
        auto** const all = PHYSFS_enumerateFiles(path.c_str());  // merged, sorted, no name twice
        check(all != nullptr, "list");
        std::size_t names = 0;
        for (auto** one = all; *one != nullptr; ++one)
            ++names;
        PHYSFS_freeList(all);
        return names;
    }

private:
    static physfs*& selected() {
        static physfs* one = nullptr;
        return one;
    }
    void close() {
        if (selected() != this)
            return;
        selected() = nullptr;
        PHYSFS_deinit();
    }
    static void check(bool holds, char const* what) {
        if (!holds)
            throw std::runtime_error(std::string(what) + ": " + PHYSFS_getErrorByCode(PHYSFS_getLastErrorCode()));
    }
    static void check(int outcome, char const* what) { check(outcome != 0, what); }

    bench::tree const& tree_;
};

[[maybe_unused]] bool const registered =
    bench::add_driver<physfs>(bench::reach::first_file_system, {&bench::add_looking<physfs>});

}  // namespace
