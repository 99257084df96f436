#include "layers.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include <lamina/archive/tar.hpp>

namespace lamina_fuse {

namespace {

using lamina::unexpected;

std::string trouble(std::string_view what, std::string const& path, int why) {
    return std::string(what) + " '" + path + "': " + std::strerror(why);
}

// A path and which object it leads to.
struct place {
    std::string given;
    std::string real;
    struct stat object {};
    std::string_view role;

    [[nodiscard]] bool same_as(place const& other) const {
        return object.st_dev == other.object.st_dev && object.st_ino == other.object.st_ino;
    }
    [[nodiscard]] bool lies_in(place const& other) const {
        return real.size() > other.real.size() && real.starts_with(other.real) &&
               (other.real == "/" || real[other.real.size()] == '/');
    }
    [[nodiscard]] std::string named() const { return std::string(role) + " '" + given + "'"; }
};

or_line<place> find(std::string_view role, std::string const& path) {
    place found{path, {}, {}, role};
    std::unique_ptr<char, decltype(&std::free)> const real(::realpath(path.c_str(), nullptr), &std::free);
    if (!real)
        return unexpected(trouble(role, path, errno));
    found.real = real.get();
    if (::stat(real.get(), &found.object) != 0)
        return unexpected(trouble(role, path, errno));
    return found;
}
or_line<place> find_directory(std::string_view role, std::string const& path) {
    LAMINA_TRY(auto found, find(role, path));
    if (!S_ISDIR(found.object.st_mode))
        return unexpected(trouble(role, path, ENOTDIR));
    return found;
}

// Empty if they may be layers of one mount there.
std::string judge(std::vector<place> const& lowers, std::optional<place> const& upper,
                  std::optional<place> const& work, place const& mount, bool mount_within) {
    std::vector<place const*> all;
    if (upper && work) {
        all = {&*upper, &*work};
        if (upper->same_as(*work))
            return "upperdir and workdir are the same: '" + upper->given + "'";
        if (upper->object.st_dev != work->object.st_dev)
            return work->named() + " is not on the file system of " + upper->named();
    }
    for (auto const& lower : lowers) {
        for (auto const* writable : all)
            if (lower.same_as(*writable))
                return writable->named() + " is also " + lower.named();
        all.push_back(&lower);
    }
    if (mount_within)
        return {};
    // A lower in a lower is the caller's affair: neither is written.
    for (auto const* inner : all)
        for (auto const* outer : all)
            if (inner->lies_in(*outer) && (inner->role != "lowerdir" || outer->role != "lowerdir"))
                return inner->named() + " lies in " + outer->named();
    for (auto const* layer : all) {
        if (mount.lies_in(*layer))
            return mount.named() + " lies in " + layer->named();
        if (layer->role != "lowerdir" && mount.same_as(*layer))
            return mount.named() + " is also " + layer->named();
    }
    return {};
}

or_line<lamina::posix_directory> open_directory(place const& where, bool cross_mounts) {
    auto opened = lamina::posix_directory::open(where.real, {.cross_mounts = cross_mounts});
    if (!opened)
        return unexpected(trouble(where.role, where.given, static_cast<int>(opened.error().code)));
    return *std::move(opened);
}
or_line<lamina::any_backend> open_lower(place const& where, bool cross_mounts) {
    if (S_ISDIR(where.object.st_mode)) {
        LAMINA_TRY(auto opened, open_directory(where, cross_mounts));
        return lamina::any_backend(std::move(opened));
    }
    lamina::owned_fd archive(::open(where.real.c_str(), O_RDONLY | O_CLOEXEC));
    if (!archive)
        return unexpected(trouble(where.role, where.given, errno));
    auto opened = lamina::tar_layer::open(lamina::posix_file(std::move(archive)));
    if (!opened)
        return unexpected(where.named() + ": " + to_string(opened.error()));
    return lamina::any_backend(*std::move(opened));
}

// umount(2) does not wait for the process that served: it may still be putting the upper in order. Engines mount it again
// at once, so its end is waited for, some seconds at most; who holds it longer has it mounted, which joining will find.
void await_former_owner(layers& opened) {
    using namespace std::chrono_literals;
    auto const held = [](lamina::posix_directory& directory) {
        auto const claim = directory.claim(directory.root());
        return !claim && claim.error() == lamina::errc::ebusy;
    };
    auto const until = std::chrono::steady_clock::now() + 5s;
    while ((held(*opened.upper) || held(*opened.work)) && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(5ms);
}

}  // namespace

or_line<layers> open_layers(layer_paths const& paths) {
    LAMINA_TRY(auto const mount, find_directory("mount point", paths.mountpoint));
    std::vector<place> lowers;
    std::optional<place> upper, work;
    if (paths.upper) {
        LAMINA_TRY(auto found, find_directory("upperdir", *paths.upper));
        if (paths.read_only) {
            found.role = "lowerdir";
            lowers.push_back(std::move(found));
        } else {
            upper = std::move(found);
            LAMINA_TRY(work, find_directory("workdir", *paths.work));
        }
    }
    bool archives = false;
    for (auto const& path : paths.lowers) {
        LAMINA_TRY(auto found, find("lowerdir", path));
        bool const archive = S_ISREG(found.object.st_mode);
        if (!archive && !S_ISDIR(found.object.st_mode))
            return unexpected("lowerdir '" + path + "': neither a directory nor an archive");
        archives = archives || archive;
        lowers.push_back(std::move(found));
    }
    if (auto const wrong = judge(lowers, upper, work, mount, paths.mount_within); !wrong.empty())
        return unexpected(wrong);

    layers made;
    made.mountpoint = mount.real;
    if (upper) {
        LAMINA_TRY(made.upper, open_directory(*upper, false));
        LAMINA_TRY(made.work, open_directory(*work, false));
        await_former_owner(made);
    }
    for (auto const& lower : lowers) {
        if (archives) {
            LAMINA_TRY(auto opened, open_lower(lower, paths.cross_mounts));
            made.mixed.push_back(std::move(opened));
        } else {
            LAMINA_TRY(auto opened, open_directory(lower, paths.cross_mounts));
            made.directories.push_back(std::move(opened));
        }
    }
    return made;
}

std::string explain(lamina::error why, layer_paths const& paths) {
    auto const directories = [&] {
        return "upperdir '" + paths.upper.value_or("") + "' or workdir '" + paths.work.value_or("") + "'";
    };
    if (paths.upper && !paths.read_only) {
        if (why == lamina::errc::ebusy)
            return directories() + " is in use by another mount";
        if (why == lamina::errc::exdev)
            return "workdir '" + *paths.work + "' is not on the file system of upperdir '" + *paths.upper + "'";
        if (why == lamina::errc::einval)
            return directories() + " was not closed in order by a volatile mount, or is of a kind that is not known here: "
                   "see 'work/incompat' in the work directory";
        if (why == lamina::errc::estale)
            return "workdir '" + *paths.work + "' has an index of other layers";
        if (why == lamina::errc::erofs)
            return directories() + " cannot be written";
    }
    // Number 0 is the upper's place; an upper that is only read is the first lower.
    auto lowers = paths.lowers;
    if (paths.upper && paths.read_only)
        lowers.insert(lowers.begin(), *paths.upper);
    if (why.layer == 0 && paths.upper)
        return trouble("upperdir", *paths.upper, static_cast<int>(why.code));
    if (why.layer != lamina::no_layer && why.layer != 0 && why.layer <= lowers.size())
        return trouble("lowerdir", lowers[why.layer - 1u], static_cast<int>(why.code));
    return "the layers cannot be joined: " + to_string(why);
}

}  // namespace lamina_fuse
