// The bytes of files in a mount, and what keeps them: handles, mappings, holes, locks. The kernel's overlay is the
// reference (mounted.hpp); where ours promises more, the test says so.
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>

#include "mount/mounted.hpp"
#include "mount/words.hpp"

using namespace mounting;

namespace {

constexpr std::size_t page = 4096;

// A mapping of the first bytes of a file.
class mapping {
public:
    mapping(file const& of, std::size_t bytes, int access)
        : bytes_(bytes), at_(static_cast<char*>(::mmap(nullptr, bytes, access, MAP_SHARED, of.fd(), 0))) {
        REQUIRE(at_ != MAP_FAILED);
    }
    mapping(mapping const&) = delete;
    mapping& operator=(mapping const&) = delete;
    ~mapping() { ::munmap(at_, bytes_); }
    [[nodiscard]] char* at() const { return at_; }
    [[nodiscard]] int flush() const { return wrong(::msync(at_, bytes_, MS_SYNC)); }

private:
    std::size_t bytes_;
    char* at_;
};

// Linux 6.11 took the refusal away, and 6.14 gave it back: asked of a plain directory.
bool kernel_denies_exec_of_open_files() {
    static bool const denies = [] {
        std::string path = "/tmp/lamina-exec-XXXXXX";
        int const fd = ::mkstemp(path.data());
        if (fd < 0 || ::fchmod(fd, 0700) != 0 || ::write(fd, "#!/bin/true\n", 12) != 12)
            return true;
        int const outcome = in_child([&] {
            ::execl(path.c_str(), path.c_str(), nullptr);
            return errno;
        });
        ::close(fd);
        ::unlink(path.c_str());
        return outcome == ETXTBSY;
    }();
    return denies;
}

std::string text_of(std::size_t bytes, char first = 'a') {
    std::string text(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i)
        text[i] = static_cast<char>(first + static_cast<char>(i % 23));
    return text;
}

}  // namespace

TEST_CASE("[mount.files.1] a file without a name any more has no links, and keeps everything else") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_file(tree.lower() + "/low", text_of(5000)) == 0);
    tree.open();
    REQUIRE(make_file(tree / "up", text_of(5000)) == 0);
    for (auto const* const name : {"low", "up"}) {
        INFO(name);
        file held(tree / name, O_RDWR);
        REQUIRE(held.why() == 0);
        REQUIRE(held.write_at("X", 0) == 0);
        CHECK(wrong(::unlink((tree / name).c_str())) == 0);
        CHECK(held.status().st_nlink == 0);
        CHECK(held.read_at(3, 0) == "Xbc");
        CHECK(held.write_at("YZ", 6000) == 0);
        CHECK(held.status().st_size == 6002);
        CHECK(wrong(::fchmod(held.fd(), 0640)) == 0);
        CHECK((held.status().st_mode & 07777) == 0640);
        CHECK(wrong(::fchown(held.fd(), 7, 8)) == 0);
        CHECK(held.status().st_uid == 7);
        timespec const times[2] = {{11, 12}, {13, 14}};
        CHECK(wrong(::futimens(held.fd(), times)) == 0);
        CHECK(held.status().st_mtim.tv_nsec == 14);
        CHECK(wrong(::ftruncate(held.fd(), 100)) == 0);
        CHECK(held.status().st_size == 100);
        CHECK(held.read_at(200, 98) == text_of(100).substr(98));
        (void)drop_caches();
        CHECK(held.status().st_nlink == 0);
        CHECK(held.read_at(3, 0) == "Xbc");
        CHECK(wrong(::fsync(held.fd())) == 0);
        // Its name is free, and what takes it is something else.
        CHECK(make_file(tree / name, "another") == 0);
        CHECK(held.read_at(3, 0) == "Xbc");
        CHECK(content(tree / name) == "another");
    }
}

TEST_CASE("[mount.files.2] a file that another one is renamed over lives on for whoever has it open") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_file(tree.lower() + "/old", "old") == 0);
    tree.open();
    file held(tree / "old", O_RDONLY);
    REQUIRE(make_file(tree / "new", "newer") == 0);
    CHECK(wrong(::rename((tree / "new").c_str(), (tree / "old").c_str())) == 0);
    CHECK(content(tree / "old") == "newer");
    CHECK(held.read_at(10, 0) == "old");
    if (!is_kernel())  // which leaves a lower file its links
        CHECK(held.status().st_nlink == 0);
}

TEST_CASE("[mount.files.3] who reads a lower file sees what is written to it afterwards, by read and by mapping") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_file(tree.lower() + "/f", text_of(3 * page)) == 0);
    tree.open();
    file reader(tree / "f", O_RDONLY);
    REQUIRE(reader.read_at(1, 0) == "a");
    mapping const seen(reader, 3 * page, PROT_READ);
    REQUIRE(seen.at()[page] == text_of(3 * page)[page]);
    file writer(tree / "f", O_RDWR);
    REQUIRE(writer.write_at("NEW", page) == 0);
    CHECK(reader.read_at(3, page) == "NEW");
    CHECK(content(tree / "f").substr(page, 3) == "NEW");
    if (is_kernel() && !tree.is_direct()) {
        WARN("the kernel's mapping keeps the old pages for good");
        return;
    }
    CHECK(std::string(seen.at() + page, 3) == "NEW");
    CHECK(wrong(::ftruncate(writer.fd(), 2 * page)) == 0);
    CHECK(reader.status().st_size == 2 * page);
    CHECK(reader.read_at(10, 2 * page).empty());
}

TEST_CASE("[mount.files.4] a shared mapping and the file are one: both see what the other has written") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_file(tree.lower() + "/f", text_of(4 * page)) == 0);
    tree.open();
    file opened(tree / "f", O_RDWR);
    REQUIRE(opened.why() == 0);
    {
        mapping const mapped(opened, 4 * page, PROT_READ | PROT_WRITE);
        mapped.at()[10] = '!';
        CHECK(opened.read_at(1, 10) == "!");
        CHECK(opened.write_at("?", page + 10) == 0);
        CHECK(mapped.at()[page + 10] == '?');
        CHECK(content(tree / "f")[10] == '!');
        CHECK(mapped.flush() == 0);
        // Another process, another mapping, the same bytes.
        CHECK(in_child([&] {
                  file again(tree / "f", O_RDWR);
                  auto* const at = static_cast<char*>(::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, again.fd(), 0));
                  if (at == MAP_FAILED)
                      return errno;
                  at[20] = '#';
                  return at[10] == '!' ? 0 : EIO;
              }) == 0);
        CHECK(mapped.at()[20] == '#');
        mapped.at()[2 * page] = '=';
    }
    opened = file();
    tree.remount();
    auto const now = content(tree / "f");
    CHECK(now.size() == 4 * page);
    CHECK(now[10] == '!');
    CHECK(now[20] == '#');
    CHECK(now[page + 10] == '?');
    CHECK(now[2 * page] == '=');
}

TEST_CASE("[mount.files.5] a file can be mapped, closed and removed, and the mapping stays") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_file(tree.lower() + "/f", text_of(2 * page)) == 0);
    tree.open();
    file opened(tree / "f", O_RDWR);
    auto* const at = static_cast<char*>(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, opened.fd(), 0));
    REQUIRE(at != MAP_FAILED);
    opened = file();
    CHECK(wrong(::unlink((tree / "f").c_str())) == 0);
    (void)drop_caches();
    at[page] = 'M';
    CHECK(wrong(::msync(at, 2 * page, MS_SYNC)) == 0);
    (void)drop_caches();
    CHECK(at[page] == 'M');
    CHECK(at[1] == 'b');
    CHECK(wrong(::munmap(at, 2 * page)) == 0);
}

TEST_CASE("[mount.files.6] holes are found, made and filled") {
    if (cannot_mount())
        return;
    overlay tree;
    {
        file sparse(tree.lower() + "/sparse", O_RDWR | O_CREAT);
        REQUIRE(sparse.write_at(text_of(page), 0) == 0);
        REQUIRE(sparse.write_at(text_of(page), 4096 * page) == 0);
    }
    tree.open();
    file opened(tree / "sparse", O_RDWR);
    auto const hole = ::lseek(opened.fd(), 0, SEEK_HOLE);
    CHECK(hole >= static_cast<off_t>(page));
    CHECK(hole <= off_t{1} << 20);  // the kernel copies up in pieces of that size
    CHECK(::lseek(opened.fd(), off_t{1} << 20, SEEK_DATA) == 4096 * page);
    CHECK(wrong(::lseek(opened.fd(), 5000 * page, SEEK_DATA)) == ENXIO);
    // Copied up, it is no larger than it was.
    CHECK(opened.write_at("x", 0) == 0);
    CHECK(opened.status().st_size == 4097 * page);
    CHECK(opened.status().st_blocks * 512 < off_t{2} << 20);
    CHECK(wrong(::fallocate(opened.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096 * page, page)) == 0);
    CHECK(opened.read_at(page, 4096 * page) == std::string(page, '\0'));
    CHECK(opened.status().st_size == 4097 * page);
    CHECK(wrong(::fallocate(opened.fd(), 0, 0, 5000 * page)) == 0);
    CHECK(opened.status().st_size == 5000 * page);
    CHECK(opened.read_at(1, 0) == "x");
    CHECK(wrong(::fallocate(opened.fd(), FALLOC_FL_KEEP_SIZE, 0, 6000 * page)) == 0);
    CHECK(opened.status().st_size == 5000 * page);
    int const zeroed = wrong(::fallocate(opened.fd(), FALLOC_FL_ZERO_RANGE, 10, 20));
    if (zeroed != EOPNOTSUPP) {
        CHECK(zeroed == 0);
        CHECK(opened.read_at(40, 0).substr(10, 20) == std::string(20, '\0'));
    }
    CHECK(wrong(::fallocate(opened.fd(), 0, 0, 0)) == EINVAL);
    CHECK(wrong(::fallocate(file(tree / "sparse", O_RDONLY).fd(), 0, 0, 10)) == EBADF);
}

TEST_CASE("[mount.files.7] copy_file_range: within a file, from file to file, out of a lower one") {
    if (cannot_mount())
        return;
    overlay tree;
    auto const bytes = text_of(100'000);
    REQUIRE(make_file(tree.lower() + "/from", bytes) == 0);
    tree.open();
    file from(tree / "from", O_RDWR), to(tree / "to", O_RDWR | O_CREAT);
    off_t in = 1000, out = 5000;
    auto const copied = ::copy_file_range(from.fd(), &in, to.fd(), &out, 50'000, 0);
    REQUIRE(copied == 50'000);
    CHECK(to.status().st_size == 55'000);
    CHECK(to.read_at(50'000, 5000) == bytes.substr(1000, 50'000));
    CHECK(to.read_at(5000, 0) == std::string(5000, '\0'));
    // What was just written and lies in nobody's file yet is copied too.
    CHECK(from.write_at("fresh", 0) == 0);
    in = 0, out = 60'000;
    CHECK(::copy_file_range(from.fd(), &in, from.fd(), &out, 5, 0) == 5);
    CHECK(from.read_at(5, 60'000) == "fresh");
    CHECK(content(tree / "from").substr(60'000, 5) == "fresh");
}

TEST_CASE("[mount.files.8] O_DIRECT reads what was written through the cache, and the other way round") {
    if (cannot_mount())
        return;
    overlay tree;
    auto const bytes = text_of(8 * page);
    REQUIRE(make_file(tree.lower() + "/f", bytes) == 0);
    tree.open();
    file direct(tree / "f", O_RDWR | O_DIRECT);
    if (direct.why() == EINVAL) {
        WARN("left out: the file system below has no O_DIRECT");
        return;
    }
    REQUIRE(direct.why() == 0);
    file cached(tree / "f", O_RDWR);
    auto* const room = static_cast<char*>(std::aligned_alloc(page, 4 * page));
    REQUIRE(room != nullptr);
    CHECK(::pread(direct.fd(), room, 4 * page, page) == 4 * page);
    CHECK(std::string(room, 4 * page) == bytes.substr(page, 4 * page));
    CHECK(cached.write_at("cached", page + 5) == 0);
    CHECK(::pread(direct.fd(), room, page, page) == page);
    CHECK(std::string(room + 5, 6) == "cached");
    std::fill_n(room, page, 'D');
    CHECK(::pwrite(direct.fd(), room, page, 2 * page) == page);
    CHECK(cached.read_at(page, 2 * page) == std::string(page, 'D'));
    CHECK(::pwrite(direct.fd(), room, page, 9 * page) == page);
    CHECK(cached.status().st_size == 10 * page);
    CHECK(::pread(direct.fd(), room, 4 * page, 10 * page) == 0);
    std::free(room);
}

TEST_CASE("[mount.files.9] offsets beyond 4 GiB, and the largest that there is") {
    if (cannot_mount())
        return;
    overlay tree;
    tree.open();
    file opened(tree / "f", O_RDWR | O_CREAT);
    off_t const far = off_t{5} << 30;
    CHECK(opened.write_at("far", far) == 0);
    CHECK(opened.status().st_size == far + 3);
    CHECK(opened.read_at(3, far) == "far");
    CHECK(opened.read_at(4, far - 4) == std::string(4, '\0'));
    CHECK(wrong(::ftruncate(opened.fd(), far + (off_t{1} << 32))) == 0);
    CHECK(opened.status().st_size == far + (off_t{1} << 32));
    CHECK(wrong(::ftruncate(opened.fd(), -1)) == EINVAL);
    CHECK(opened.write_at("x", -1) == EINVAL);
    int const largest = opened.write_at("x", INT64_MAX - 1);
    CHECK((largest == EFBIG || largest == EINVAL || largest == 0));
    opened = file();
    tree.remount();
    CHECK(status(tree / "f").st_size >= far + (off_t{1} << 32));
}

TEST_CASE("[mount.files.10] appends of several processes are whole, and none is lost") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_file(tree.lower() + "/log", "begin\n") == 0);
    tree.open();
    std::vector<pid_t> children;
    for (char who = 'a'; who < 'd'; ++who) {
        pid_t const child = ::fork();
        if (child == 0) {
            file log(tree / "log", O_WRONLY | O_APPEND);
            int failed = log.why();
            for (int i = 0; i < 300 && failed == 0; ++i)
                failed = log.write(std::string(70, who) + "\n");
            ::_exit(failed);
        }
        children.push_back(child);
    }
    for (pid_t const child : children) {
        int status = 0;
        CHECK(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    auto const all = content(tree / "log");
    CHECK(all.size() == 6 + 3 * 300 * 71);
    unsigned torn = 0;
    for (std::size_t at = 6; at < all.size(); at += 71)
        torn += all.substr(at, 71) != std::string(70, all[at]) + "\n";
    CHECK(torn == 0);
}

TEST_CASE("[mount.files.11] a file made without a name can be given one") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    tree.open();
    file unnamed(tree / "d", O_RDWR | O_TMPFILE, 0640);
    if (unnamed.why() == EOPNOTSUPP) {
        WARN("left out: there is no O_TMPFILE here");
        return;
    }
    REQUIRE(unnamed.why() == 0);
    CHECK(unnamed.status().st_nlink == 0);
    CHECK(unnamed.write("no name yet") == 0);
    CHECK(names_in(tree / "d").empty());
    auto const link = "/proc/self/fd/" + std::to_string(unnamed.fd());
    CHECK(wrong(::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, (tree / "d/named").c_str(), AT_SYMLINK_FOLLOW)) == 0);
    CHECK(unnamed.status().st_nlink == 1);
    CHECK(content(tree / "d/named") == "no name yet");
    CHECK(mode_of(tree / "d/named") == 0640);
    file const excluded(tree / "d", O_RDWR | O_TMPFILE | O_EXCL, 0600);
    CHECK(excluded.why() == 0);
    auto const other = "/proc/self/fd/" + std::to_string(excluded.fd());
    CHECK(wrong(::linkat(AT_FDCWD, other.c_str(), AT_FDCWD, (tree / "d/x").c_str(), AT_SYMLINK_FOLLOW)) == ENOENT);
    unnamed = file();
}

TEST_CASE("[mount.files.12] locks: flock and POSIX, between processes, and across a copy-up") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_file(tree.lower() + "/f", "locked") == 0);
    tree.open();
    file holder(tree / "f", O_RDONLY);
    REQUIRE(wrong(::flock(holder.fd(), LOCK_EX)) == 0);
    auto const other_flock = [&] {
        return in_child([&] {
            file again(tree / "f", O_RDONLY);
            return wrong(::flock(again.fd(), LOCK_EX | LOCK_NB));
        });
    };
    CHECK(other_flock() == EWOULDBLOCK);
    CHECK(append(tree / "f", "!") == 0);
    CHECK(other_flock() == EWOULDBLOCK);
    CHECK(wrong(::flock(holder.fd(), LOCK_UN)) == 0);
    CHECK(other_flock() == 0);
    file writer(tree / "f", O_RDWR);
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = 2;
    range.l_len = 2;
    REQUIRE(wrong(::fcntl(writer.fd(), F_SETLK, &range)) == 0);
    CHECK(in_child([&] {
              file again(tree / "f", O_RDWR);
              struct flock wanted = range;
              wanted.l_start = 0;
              if (int const failed = wrong(::fcntl(again.fd(), F_SETLK, &wanted)))
                  return failed;
              wanted.l_start = 3;
              if (wrong(::fcntl(again.fd(), F_SETLK, &wanted)) != EAGAIN)
                  return EIO;
              if (::fcntl(again.fd(), F_GETLK, &wanted) != 0 || wanted.l_type != F_WRLCK || wanted.l_pid != ::getppid())
                  return ESRCH;
              return 0;
          }) == 0);
}

TEST_CASE("[mount.files.13] programs run, also when they lie below; who runs cannot be written to") {
    if (cannot_mount())
        return;
    overlay tree;
    auto const copy = [](std::string const& to) {
        auto const bytes = content("/bin/sleep");
        REQUIRE(bytes.size() > 1000);
        REQUIRE(make_file(to, bytes) == 0);
        REQUIRE(wrong(::chmod(to.c_str(), 0755)) == 0);
    };
    copy(tree.lower() + "/low");
    REQUIRE(make_file(tree.lower() + "/script", "#!/bin/sh\nexit 7\n", 0755) == 0);
    tree.open();
    copy(tree / "up");
    CHECK(std::system((tree / "script").c_str()) == 7 << 8);
    for (auto const* const name : {"low", "up"}) {
        INFO(name);
        auto const path = tree / name;
        pid_t const child = ::fork();
        if (child == 0) {
            ::execl(path.c_str(), path.c_str(), "30", nullptr);
            ::_exit(1);
        }
        // Until it runs: its own program is then what is mapped.
        std::string const link = "/proc/" + std::to_string(child) + "/exe";
        for (int i = 0; i < 2000; ++i) {
            char target[4096] = {};
            if (::readlink(link.c_str(), target, sizeof target - 1) > 0 && path == target)
                break;
            ::usleep(1000);
        }
        CHECK(file(path, O_WRONLY).why() == ETXTBSY);
        CHECK(wrong(::truncate(path.c_str(), 0)) == ETXTBSY);
        CHECK(file(path, O_RDONLY).why() == 0);
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        CHECK(append(path, "x") == 0);
        CHECK(in_child([&] {
                  file const writing(path, O_WRONLY);
                  ::execl(path.c_str(), path.c_str(), "0", nullptr);
                  return errno;
              }) == (kernel_denies_exec_of_open_files() ? ETXTBSY : 0));
    }
}

TEST_CASE("[mount.files.14] sockets and fifos work, in lower and upper directories") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_directory(tree.lower() + "/d") == 0);
    REQUIRE(wrong(::mkfifo((tree.lower() + "/d/fifo").c_str(), 0600)) == 0);
    tree.open();
    CHECK(wrong(::mkfifo((tree / "fifo").c_str(), 0600)) == 0);
    for (auto const* const name : {"d/fifo", "fifo"}) {
        INFO(name);
        file reader(tree / name, O_RDONLY | O_NONBLOCK);
        REQUIRE(reader.why() == 0);
        file writer(tree / name, O_WRONLY | O_NONBLOCK);
        REQUIRE(writer.why() == 0);
        CHECK(writer.write("through") == 0);
        char got[16] = {};
        CHECK(::read(reader.fd(), got, sizeof got) == 7);
        CHECK(std::string(got) == "through");
        CHECK(S_ISFIFO(status(tree / name).st_mode));
    }
    // A short name: a socket's address holds 108 bytes.
    REQUIRE(wrong(::chdir((tree / "d").c_str())) == 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "socket");
    {
        file const listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        CHECK(wrong(::bind(listening.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address)) == 0);
        CHECK(wrong(::listen(listening.fd(), 1)) == 0);
        file const calling(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        CHECK(wrong(::connect(calling.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address)) == 0);
        CHECK(S_ISSOCK(status("socket").st_mode));
        CHECK(file("socket", O_RDONLY).why() == ENXIO);
    }
    REQUIRE(wrong(::chdir("/")) == 0);
}

TEST_CASE("[mount.files.15] O_TRUNC, O_EXCL and O_NOFOLLOW do what they say; a truncated lower file keeps nothing") {
    if (cannot_mount())
        return;
    overlay tree;
    REQUIRE(make_file(tree.lower() + "/f", text_of(10'000)) == 0);
    REQUIRE(make_file(tree.lower() + "/g", text_of(10'000)) == 0);
    tree.open();
    CHECK(file(tree / "f", O_WRONLY | O_CREAT | O_EXCL).why() == EEXIST);
    CHECK(file(tree / "f", O_RDONLY | O_DIRECTORY).why() == ENOTDIR);
    CHECK(file(tree.root(), O_WRONLY).why() == EISDIR);
    CHECK(wrong(::symlink("f", (tree / "l").c_str())) == 0);
    CHECK(file(tree / "l", O_RDONLY | O_NOFOLLOW).why() == ELOOP);
    CHECK(content(tree / "l") == text_of(10'000));
    file held(tree / "f", O_RDONLY);
    CHECK(file(tree / "f", O_WRONLY | O_TRUNC).why() == 0);
    CHECK(status(tree / "f").st_size == 0);
    if (!is_kernel())
        CHECK(held.read_at(10, 0).empty());
    CHECK(wrong(::truncate((tree / "g").c_str(), 5000)) == 0);
    CHECK(wrong(::truncate((tree / "g").c_str(), 10'000)) == 0);
    CHECK(content(tree / "g") == text_of(10'000).substr(0, 5000) + std::string(5000, '\0'));
    held = file();
    tree.remount();
    CHECK(content(tree / "f").empty());
    CHECK(content(tree / "g") == text_of(10'000).substr(0, 5000) + std::string(5000, '\0'));
}

TEST_CASE("[mount.files.16] many files are open at once, more than the daemon may keep open") {
    if (cannot_mount())
        return;
    overlay tree;
    constexpr unsigned count = 3000;
    for (unsigned i = 0; i < count; ++i)
        REQUIRE(make_file(tree.lower() + "/f" + std::to_string(i), std::to_string(i)) == 0);
    tree.open();
    std::vector<file> all;
    unsigned failed = 0;
    rlimit many{}, before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    many.rlim_cur = many.rlim_max = std::max<rlim_t>(before.rlim_max, count + 100);
    ::setrlimit(RLIMIT_NOFILE, &many);
    for (unsigned i = 0; i < count; ++i) {
        all.emplace_back(tree / ("f" + std::to_string(i)), O_RDWR);
        failed += all.back().why() != 0;
    }
    for (unsigned i = 0; i < count; ++i) {
        failed += all[i].write_at("w", 0) != 0;
        auto wanted = std::to_string(i);
        wanted[0] = 'w';
        failed += all[i].read_at(10, 0) != wanted;
    }
    CHECK(failed == 0);
    all.clear();
    ::setrlimit(RLIMIT_NOFILE, &before);
    CHECK(content(tree / "f2999") == "w999");
}
