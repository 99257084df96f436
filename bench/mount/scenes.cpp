#include "scenes.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "requests.hpp"

namespace bench {

void turn::time(std::string const& work, std::size_t operations, std::function<void()> const& body) {
    try {
        std::optional<request_counter> counter;
        if (count_requests_)
            counter.emplace(mount_.connection());
        auto const from = std::chrono::steady_clock::now();
        body();
        auto const to = std::chrono::steady_clock::now();
        if (counter)
            if (auto const count = counter->count())
                requests_[work] = static_cast<double>(*count) / static_cast<double>(operations);
        values_[work] = std::chrono::duration<double, std::nano>(to - from).count() / static_cast<double>(operations);
    } catch (std::exception const& failure) {
        failures_[work] = failure.what();
    }
}

namespace {

void check(long outcome, char const* what) {
    if (outcome < 0)
        throw std::system_error(errno, std::generic_category(), what);
}

class descriptor {
public:
    descriptor(std::string const& path, int flags, mode_t mode = 0644)
        : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
        check(fd_, "open");
    }
    descriptor(descriptor const&) = delete;
    descriptor& operator=(descriptor const&) = delete;
    ~descriptor() { ::close(fd_); }
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

using paths = std::vector<std::string>;

// Always in the same order, and not in that of their making.
void shuffle(paths& all) {
    std::mt19937 order(1);
    std::shuffle(all.begin(), all.end(), order);
}
paths small_paths(turn const& t, unsigned first_directory = 0, unsigned directories = small_directories,
                  std::string const& prefix = "f") {
    paths all;
    for (unsigned d = first_directory; d < first_directory + directories; ++d)
        for (unsigned f = 0; f < small_files; ++f)
            all.push_back(t.path("d" + std::to_string(d) + "/" + prefix + std::to_string(f)));
    shuffle(all);
    return all;
}
paths numbered(turn const& t, std::string const& prefix, unsigned count) {
    paths all;
    for (unsigned i = 0; i < count; ++i)
        all.push_back(t.path(prefix + std::to_string(i)));
    return all;
}

void stat_each(paths const& all) {
    struct stat st;
    for (auto const& path : all)
        check(::lstat(path.c_str(), &st), "lstat");
}
void stat_missing(paths const& all) {
    struct stat st;
    for (auto const& path : all)
        if (::lstat(path.c_str(), &st) == 0 || errno != ENOENT)
            throw std::runtime_error("a name that does not exist was found");
}
void read_each(paths const& all) {
    char buffer[4096];
    for (auto const& path : all) {
        descriptor const file(path, O_RDONLY);
        if (::read(file.get(), buffer, sizeof buffer) != sizeof buffer)
            throw std::runtime_error("not all was read");
    }
}
void create_each(paths const& all, std::string_view bytes) {
    for (auto const& path : all) {
        descriptor const file(path, O_WRONLY | O_CREAT | O_EXCL);
        check(::write(file.get(), bytes.data(), bytes.size()), "write");
    }
}
std::size_t list(std::string const& path) {
    descriptor const directory(path, O_RDONLY | O_DIRECTORY);
    std::vector<char> buffer(std::size_t{64} << 10);
    std::size_t names = 0;
    for (;;) {
        auto const got = ::syscall(SYS_getdents64, directory.get(), buffer.data(), buffer.size());
        check(got, "getdents64");
        if (got == 0)
            return names;
        for (long at = 0; at < got; ++names) {
            std::uint16_t length;
            std::copy_n(buffer.data() + at + 16, sizeof length, reinterpret_cast<char*>(&length));
            at += length;
        }
    }
}

template <class Work>
void times(unsigned count, Work&& work) {
    for (unsigned i = 0; i < count; ++i)
        work();
}

// --- names and attributes -------------------------------------------------------------------------------------------

void look(turn& t) {
    auto const all = small_paths(t);
    auto const missing = small_paths(t, 0, small_directories, "none");
    t.time("read/stat_first/layers:10", all.size(), [&] { stat_each(all); });
    t.time("read/stat_hot/layers:10", all.size() * 50, [&] { times(50, [&] { stat_each(all); }); });
    t.time("read/stat_missing_first/layers:10", missing.size(), [&] { stat_missing(missing); });
    t.time("read/stat_missing_hot/layers:10", missing.size() * 50, [&] { times(50, [&] { stat_missing(missing); }); });
}

void open_and_read(turn& t) {
    auto const all = small_paths(t);
    t.time("read/open_read_close_first/bytes:4096", all.size(), [&] { read_each(all); });
    t.time("read/open_read_close_hot/bytes:4096", all.size() * 20, [&] { times(20, [&] { read_each(all); }); });
}

void list_wide(turn& t) {
    auto const wide = t.path("wide");
    auto const once = [&] {
        if (list(wide) != wide_files + 2)
            throw std::runtime_error("not all names were listed");
    };
    t.time("read/list_first/entries:10000", 1, once);
    t.time("read/list_hot/entries:10000", 10, [&] { times(10, once); });
}

// --- what is made, and goes again ------------------------------------------------------------------------------------

void make_and_remove(turn& t) {
    std::string const bytes(100, 'y');
    check(::mkdir(t.path("new").c_str(), 0755), "mkdir");
    auto const files = numbered(t, "new/f", 1000);
    auto const moved = numbered(t, "new/g", 1000);
    auto const directories = numbered(t, "new/d", 1000);
    t.time("write/create/bytes:100", files.size(), [&] { create_each(files, bytes); });
    t.time("write/mkdir/entries:1000", directories.size(), [&] {
        for (auto const& path : directories)
            check(::mkdir(path.c_str(), 0755), "mkdir");
    });
    t.time("rename/new_file/entries:1000", files.size(), [&] {
        for (std::size_t i = 0; i < files.size(); ++i)
            check(::rename(files[i].c_str(), moved[i].c_str()), "rename");
    });
    t.time("delete/unlink_new/entries:1000", moved.size(), [&] {
        for (auto const& path : moved)
            check(::unlink(path.c_str()), "unlink");
    });
    t.time("delete/rmdir_new/entries:1000", directories.size(), [&] {
        for (auto const& path : directories)
            check(::rmdir(path.c_str()), "rmdir");
    });
}

void change_lowers(turn& t) {
    std::string const line(16, 'z');
    auto const appended = small_paths(t, 0, 3);
    auto const chmodded = small_paths(t, 3, 2);
    auto const unlinked = small_paths(t, 5, 2);
    auto const renamed = small_paths(t, 7, 1);
    t.time("write/append_to_lower/bytes:4096", appended.size(), [&] {
        for (auto const& path : appended) {
            descriptor const file(path, O_WRONLY | O_APPEND);
            check(::write(file.get(), line.data(), line.size()), "write");
        }
    });
    t.time("write/set_mode_of_lower/bytes:4096", chmodded.size(), [&] {
        for (auto const& path : chmodded)
            check(::chmod(path.c_str(), 0600), "chmod");
    });
    t.time("delete/unlink_lower/layers:10", unlinked.size(), [&] {
        for (auto const& path : unlinked)
            check(::unlink(path.c_str()), "unlink");
    });
    t.time("rename/lower_file/layers:10", renamed.size(), [&] {
        for (auto const& path : renamed)
            check(::rename(path.c_str(), (path + ".moved").c_str()), "rename");
    });
    t.time("rename/lower_directory/entries:100", 2, [&] {
        for (auto const* const name : {"d8", "d9"})
            check(::rename(t.path(name).c_str(), t.path(std::string(name) + ".moved").c_str()), "rename");
    });
}

// --- bytes -----------------------------------------------------------------------------------------------------------

constexpr std::size_t chunk = 128 << 10;
constexpr std::size_t page = 4096;
constexpr std::size_t random_pages = 8192;

void read_all(int fd) {
    std::vector<char> buffer(chunk);
    for (std::size_t at = 0; at < large_bytes; at += chunk)
        if (::pread(fd, buffer.data(), chunk, static_cast<off_t>(at)) != static_cast<ssize_t>(chunk))
            throw std::runtime_error("not all was read");
}
template <class Do>
void at_random(Do&& one) {
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < random_pages; ++i)
        one(static_cast<off_t>(random() % (large_bytes / page) * page));
}
void read_random(int fd) {
    char buffer[page];
    at_random([&](off_t at) {
        if (::pread(fd, buffer, page, at) != static_cast<ssize_t>(page))
            throw std::runtime_error("not all was read");
    });
}

void read_large(turn& t) {
    descriptor const file(t.path("large"), O_RDONLY);
    t.time("data/read_sequential_first/bytes:131072", large_bytes / chunk, [&] { read_all(file.get()); });
    t.time("data/read_sequential_hot/bytes:131072", large_bytes / chunk, [&] { read_all(file.get()); });
    t.time("data/read_random_hot/bytes:4096", random_pages, [&] { read_random(file.get()); });
    // The mount's own pages go; what lies below keeps its own.
    (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
    (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_RANDOM);
    t.time("data/read_random_first/bytes:4096", random_pages, [&] { read_random(file.get()); });
}

void write_large(turn& t) {
    std::string const bytes(chunk, 'w');
    descriptor const file(t.path("new"), O_RDWR | O_CREAT | O_EXCL);
    t.time("data/write_sequential/bytes:131072", large_bytes / chunk, [&] {
        for (std::size_t at = 0; at < large_bytes; at += chunk)
            check(::pwrite(file.get(), bytes.data(), chunk, static_cast<off_t>(at)), "pwrite");
        check(::fsync(file.get()), "fsync");
    });
    t.time("data/write_random/bytes:4096", random_pages, [&] {
        at_random([&](off_t at) { check(::pwrite(file.get(), bytes.data(), page, at), "pwrite"); });
        check(::fsync(file.get()), "fsync");
    });
}

void copy_up_large(turn& t) {
    t.time("write/overwrite_4096_of_lower/bytes:268435456", 1, [&] {
        descriptor const file(t.path("large"), O_RDWR);
        check(::pwrite(file.get(), "0123456789", 10, 4096), "pwrite");
    });
}

// --- what people do --------------------------------------------------------------------------------------------------

void run_in(turn const& t, std::string const& command, std::string const& in = "") {
    run_command({"sh", "-c", command}, t.path(in));
}

void look_through_system(turn& t) {
    auto const find = [&] { run_in(t, "find system -printf '%s %m %p\\n'"); };
    t.time("whole/find_first/objects:8000", 1, find);
    t.time("whole/find_hot/objects:8000", 1, find);
    t.time("whole/read_first/objects:8000", 1, [&] { run_in(t, "tar -cf - system | wc -c"); });
}
void remove_system(turn& t) {
    t.time("whole/remove_lower/objects:8000", 1, [&] { run_in(t, "rm -rf system"); });
}
void unpack_system(turn& t) {
    run_in(t, "cat system.tar");
    t.time("whole/untar/objects:8000", 1, [&] { run_in(t, "mkdir new && tar -xf system.tar -C new"); });
    t.time("whole/remove_new/objects:8000", 1, [&] { run_in(t, "rm -rf new"); });
}
void look_at_repository(turn& t) {
    auto const status = [&] { run_in(t, "test -z \"$(git -c safe.directory='*' status --porcelain)\"", "repository"); };
    t.time("whole/git_status_first/files:3000", 1, status);
    t.time("whole/git_status_hot/files:3000", 1, status);
}
void build_project(turn& t) {
    t.time("whole/build/units:3", 1, [&] { run_in(t, "sh ./build && ./program", "project"); });
}

// --- memory ----------------------------------------------------------------------------------------------------------

std::size_t resident_bytes(pid_t process) {
    std::ifstream in("/proc/" + std::to_string(process) + "/statm");
    std::size_t size = 0, resident = 0;
    if (!(in >> size >> resident))
        throw std::runtime_error("the daemon is gone");
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void remember(turn& t, unsigned entries) {
    auto const known = "read/memory_known/entries:" + std::to_string(entries);
    auto const forgotten = "read/memory_forgotten/entries:" + std::to_string(entries);
    auto const per_entry = [&](std::size_t before, std::size_t now) {
        return now > before ? static_cast<double>(now - before) / entries : 0;
    };
    struct stat st;
    check(::stat(t.path("").c_str(), &st), "stat");
    auto const before = resident_bytes(t.mount().daemon());
    try {
        for (unsigned f = 0; f < entries; ++f)
            check(::lstat(t.path(many_path(f)).c_str(), &st), "lstat");
        t.note(known, per_entry(before, resident_bytes(t.mount().daemon())));
        std::ofstream drop("/proc/sys/vm/drop_caches");
        drop << 2;
        if (!drop.flush())
            throw std::runtime_error("caches cannot be dropped");
        // What was forgotten is told to the daemon later, in its own time.
        ::sleep(2);
        t.note(forgotten, per_entry(before, resident_bytes(t.mount().daemon())));
    } catch (std::exception const& failure) {
        t.fail(forgotten, failure.what());
    }
}

}  // namespace

std::vector<scene> scenes(unsigned entries) {
    auto const n = std::to_string(entries);
    return {
        {{"read/stat_first/layers:10", "read/stat_hot/layers:10", "read/stat_missing_first/layers:10",
          "read/stat_missing_hot/layers:10"},
         small_tree(), false, look},
        {{"read/open_read_close_first/bytes:4096", "read/open_read_close_hot/bytes:4096"},
         small_tree(), false, open_and_read},
        {{"read/list_first/entries:10000", "read/list_hot/entries:10000"}, wide_tree(), false, list_wide},
        {{"write/create/bytes:100", "write/mkdir/entries:1000", "rename/new_file/entries:1000",
          "delete/unlink_new/entries:1000", "delete/rmdir_new/entries:1000"},
         small_tree(), false, make_and_remove},
        {{"write/append_to_lower/bytes:4096", "write/set_mode_of_lower/bytes:4096", "delete/unlink_lower/layers:10",
          "rename/lower_file/layers:10", "rename/lower_directory/entries:100"},
         small_tree(), true, change_lowers},
        {{"data/read_sequential_first/bytes:131072", "data/read_sequential_hot/bytes:131072",
          "data/read_random_hot/bytes:4096", "data/read_random_first/bytes:4096"},
         large_tree(), false, read_large},
        {{"data/write_sequential/bytes:131072", "data/write_random/bytes:4096"}, small_tree(), false, write_large},
        {{"write/overwrite_4096_of_lower/bytes:268435456"}, large_tree(), true, copy_up_large},
        {{"whole/find_first/objects:8000", "whole/find_hot/objects:8000", "whole/read_first/objects:8000"},
         system_tree(), false, look_through_system},
        {{"whole/untar/objects:8000", "whole/remove_new/objects:8000"}, system_tree(), false, unpack_system},
        {{"whole/remove_lower/objects:8000"}, system_tree(), true, remove_system},
        {{"whole/git_status_first/files:3000", "whole/git_status_hot/files:3000"},
         repository_tree(), true, look_at_repository},
        {{"whole/build/units:3"}, project_tree(), false, build_project},
        {{"read/memory_known/entries:" + n, "read/memory_forgotten/entries:" + n},
         many_tree(entries), false, [entries](turn& t) { remember(t, entries); }, true, true},
    };
}

}  // namespace bench
