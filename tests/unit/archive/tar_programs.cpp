// Archives made by GNU tar and by Python's tarfile, compared with what those programs say is in them, and with the
// tree on disk that they were made from.
#include "catch.hpp"
#include "tar_maker.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <lamina/fmt.hpp>
#include <lamina/posix/directory.hpp>

using namespace lamina;
using namespace tar_test;
using namespace std::string_literals;

namespace {

class scratch_directory {
public:
    scratch_directory() {
        char const* const base = std::getenv("TMPDIR");
        path_ = (base != nullptr ? base : "/tmp") + "/lamina-tar-XXXXXX"s;
        REQUIRE(::mkdtemp(path_.data()) != nullptr);
    }
    scratch_directory(scratch_directory const&) = delete;
    scratch_directory& operator=(scratch_directory const&) = delete;
    ~scratch_directory() {
        // What is left behind in a temporary directory is no failure of the test.
        (void)std::system(("rm -rf '" + path_ + "'").c_str());
    }
    [[nodiscard]] std::string const& path() const { return path_; }
    [[nodiscard]] std::string operator/(std::string_view name) const { return path_ + '/' + std::string(name); }
    // Runs a command of the shell in the directory, and gives what it wrote; it must succeed.
    [[nodiscard]] std::string run(std::string const& command) const {
        INFO(command);
        auto const line = "cd '" + path_ + "' && export TZ=UTC LC_ALL=C && { " + command + "; } 2>&1";
        std::FILE* const pipe = ::popen(line.c_str(), "r");
        REQUIRE(pipe != nullptr);
        std::string output;
        char buffer[4096];
        for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, pipe)) != 0;)
            output.append(buffer, got);
        INFO(output);
        REQUIRE(::pclose(pipe) == 0);
        return output;
    }

private:
    std::string path_;
};

std::string read_whole(std::string const& path) {
    std::ifstream in(path, std::ios::binary);
    REQUIRE(in.good());
    return {std::istreambuf_iterator<char>(in), {}};
}
void write_whole(std::string const& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}
void set_times(std::string const& path, timespec atime, timespec mtime) {
    timespec const times[2] = {atime, mtime};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}
bool has_program(char const* test) { return std::system((test + " >/dev/null 2>&1"s).c_str()) == 0; }
bool has_gnu_tar() {
    if (has_program("tar --version | grep -q 'GNU tar'"))
        return true;
    WARN("no GNU tar on this machine: not tested");
    return false;
}

// A tree that holds what every format can hold.
void make_tree(scratch_directory const& scratch) {
    (void)scratch.run(
        "mkdir -p t/dir/sub t/empty && chmod 0700 t/empty && chmod 02755 t/dir && ln -s ../target t/dir/link && "
        "ln -s /absolute/target t/abs && chmod 1777 t/dir/sub");
    write_whole(scratch / "t/file", "contents\n");
    write_whole(scratch / "t/dir/exactly", std::string(512, 'x'));
    write_whole(scratch / "t/dir/more", std::string(513, 'y'));
    write_whole(scratch / "t/dir/none", "");
    write_whole(scratch / "t/dir/sub/setuid", "#!");
    (void)scratch.run(
        "chmod 04711 t/dir/sub/setuid && chmod 0 t/dir/none && ln t/file t/dir/hard && ln t/file t/zhard");
    set_times(scratch / "t/dir/link", {5, 0}, {1'111'111'111, 0});
    set_times(scratch / "t/dir", {5, 0}, {999'999'999, 999'999'999});
}

std::string mode_text(attributes const& a) {
    std::string text = "rwxrwxrwx";
    for (unsigned i = 0; i < 9; ++i)
        if ((a.mode >> (8 - i) & 1) == 0)
            text[i] = '-';
    auto const special = [&](unsigned bit, std::size_t at, char with) {
        if ((a.mode & bit) != 0)
            text[at] = text[at] == 'x' ? with : static_cast<char>(with - 'a' + 'A');
    };
    special(04000, 2, 's');
    special(02000, 5, 's');
    special(01000, 8, 't');
    return text;
}
char type_letter(attributes const& a) {
    switch (a.type) {
    case file_type::directory:
        return 'd';
    case file_type::symlink:
        return 'l';
    case file_type::character:
        return 'c';
    case file_type::block:
        return 'b';
    case file_type::fifo:
        return 'p';
    default:
        return '-';
    }
}

// Compares the layer with `tar tvf`, line by line. Names without spaces only.
void compare_with_listing(scratch_directory const& scratch, std::string const& archive, tar_layer& layer) {
    std::istringstream lines(scratch.run("tar --numeric-owner --full-time -tvf " + archive));
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        INFO(line);
        std::istringstream fields(line);
        std::string mode, owner, size, date, time, name, arrow, target;
        fields >> mode >> owner >> size >> date >> time >> name >> arrow >> target;
        auto const a = layer.symlink_status(at(name)).value();
        if (mode[0] == 'h') {
            fields >> target;  // "NAME link to TARGET"
            CHECK(a.nlink > 1);
            CHECK(layer.symlink_status(at(target)).value().id == a.id);
            continue;
        }
        CHECK(mode == type_letter(a) + mode_text(a));
        CHECK(owner == std::to_string(a.uid) + '/' + std::to_string(a.gid));
        if (a.type == file_type::character || a.type == file_type::block)
            CHECK(size == std::to_string(a.rdev.major) + ',' + std::to_string(a.rdev.minor));
        else if (!a.is_symlink())
            CHECK(size == std::to_string(a.size));
        // For a fraction before 1970 tar shows the wrong second; what it wrote is right, as the disk tells.
        if (a.mtime.seconds >= 0 || a.mtime.nanoseconds == 0)
            CHECK(date + 'T' + time.substr(0, 8) == to_string(a.mtime).substr(0, 19));
        if (a.is_symlink())
            CHECK(layer.read_symlink(at(name)).value() == target);
    }
    CHECK(count > 0);
    std::size_t walked = 0;
    REQUIRE(layer.walk("/", [&](walk_entry const&) { ++walked; }).has_value());
    CHECK(walked == count);
}

// Compares every object of the layer with the tree on disk that the archive was made from.
void compare_with_disk(scratch_directory const& scratch, tar_layer& layer, bool nanoseconds) {
    std::map<std::uint64_t, std::uint64_t> inodes;
    std::size_t compared = 0;
    auto const walked = layer.walk("/", [&](walk_entry const& entry) {
        auto const name = std::string(entry.path);
        if (name.empty() || name == "/")
            return;
        INFO(name);
        ++compared;
        struct stat native;
        REQUIRE(::lstat((scratch / name).c_str(), &native) == 0);
        auto const a = layer.symlink_status(at(name)).value();
        CHECK(a.mode == (native.st_mode & 07777));
        CHECK(a.uid == native.st_uid);
        CHECK(a.gid == native.st_gid);
        CHECK(a.mtime.seconds == native.st_mtim.tv_sec);
        CHECK(a.mtime.nanoseconds == (nanoseconds ? native.st_mtim.tv_nsec : 0));
        CHECK(inodes.emplace(a.id.inode, native.st_ino).first->second == native.st_ino);
        if (a.is_directory())
            return;
        CHECK(a.nlink == native.st_nlink);
        CHECK(a.size == static_cast<std::uint64_t>(native.st_size));
        if (a.is_regular()) {
            CHECK(S_ISREG(native.st_mode));
            CHECK(layer.read(at(name)).value() == read_whole(scratch / name));
        } else if (a.is_symlink()) {
            std::string target(5000, '\0');
            target.resize(static_cast<std::size_t>(::readlink((scratch / name).c_str(), target.data(), target.size())));
            CHECK(layer.read_symlink(at(name)).value() == target);
        }
    });
    REQUIRE(walked.has_value());
    CHECK(compared > 0);
}

}  // namespace

TEST_CASE("[tar.programs.1] GNU tar's formats, as tar lists them and as the tree on disk is") {
    if (!has_gnu_tar())
        return;
    scratch_directory const scratch;
    make_tree(scratch);
    for (auto const* format : {"v7", "oldgnu", "gnu", "ustar", "posix"}) {
        INFO(format);
        bool const pax = format == "posix"s;
        set_times(scratch / "t/file", {1'000'000'000, 1}, {1'234'567'890, 123'456'789});  // it was read since
        (void)scratch.run("tar --atime-preserve=system --format="s + format + " -cf a.tar t || " +  // no O_NOATIME here
                          "tar --format=" + format + " -cf a.tar t");
        auto layer = open(read_whole(scratch / "a.tar")).value();
        compare_with_listing(scratch, "a.tar", layer);
        compare_with_disk(scratch, layer, pax);
        if (pax) {
            auto const file = layer.status("t/file").value();
            CHECK(file.atime == timestamp{1'000'000'000, 1});
        }
    }
}

TEST_CASE("[tar.programs.2] names and targets of any length, in the formats that have a way for them") {
    if (!has_gnu_tar())
        return;
    scratch_directory const scratch;
    std::string deep = "t";
    for (int i = 0; i < 8; ++i)
        deep += "/" + std::string(60, static_cast<char>('a' + i));
    std::string const name(250, 'n');
    (void)scratch.run("mkdir -p " + deep + " && touch " + deep + "/" + name + " t/" + name + " && ln -s " +
                      std::string(600, 'x') + " t/" + std::string(120, 's') + " && ln " + deep + "/" + name + " " +
                      deep + "/hard && touch t/" + std::string(99, '9') + " t/" + std::string(98, '8') + " t/" +
                      std::string(97, '7'));
    for (auto const* format : {"oldgnu", "gnu", "posix"}) {
        INFO(format);
        (void)scratch.run("tar --format="s + format + " -cf a.tar t");
        auto layer = open(read_whole(scratch / "a.tar")).value();
        compare_with_listing(scratch, "a.tar", layer);
        compare_with_disk(scratch, layer, format == "posix"s);
    }
    // ustar splits a name at a slash, between prefix and name.
    (void)scratch.run("rm -r t/" + name + " t/sss* && mv " + deep + "/" + name + " " + deep.substr(0, deep.find("/d")) +
                      "/s && rm -r " + deep.substr(0, deep.find("/d")) + "/ddd* && tar --format=ustar -cf a.tar t");
    auto layer = open(read_whole(scratch / "a.tar")).value();
    compare_with_listing(scratch, "a.tar", layer);
    compare_with_disk(scratch, layer, false);
}

TEST_CASE("[tar.programs.3] sparse files, in all formats that GNU tar writes") {
    if (!has_gnu_tar())
        return;
    scratch_directory const scratch;
    (void)scratch.run("mkdir t");
    auto const sparse = [&](char const* name, int pieces, off_t step, off_t size) {
        int const fd = ::open((scratch / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        REQUIRE(fd >= 0);
        for (int i = 0; i < pieces; ++i)
            REQUIRE(::pwrite(fd, "data", 4, step * (2 * i + 1)) == 4);
        REQUIRE(::ftruncate(fd, size) == 0);
        ::close(fd);
    };
    sparse("t/few", 3, 65536, 1'000'000);
    sparse("t/many", 60, 16384, 16384 * 120 + 5);
    sparse("t/hole", 0, 1, 3'000'000);
    sparse("t/tail", 1, 65536, 65536 + 4);
    struct stat native;
    REQUIRE(::lstat((scratch / "t/hole").c_str(), &native) == 0);
    bool const has_holes = native.st_blocks * 512 < native.st_size;
    if (!has_holes)
        WARN("the file system has no holes: their place is not compared");
    for (auto const* how : {"--format=gnu", "--format=oldgnu", "--format=posix --sparse-version=0.0",
                            "--format=posix --sparse-version=0.1", "--format=posix --sparse-version=1.0"}) {
        INFO(how);
        (void)scratch.run("tar --sparse "s + how + " -cf a.tar t");
        auto layer = open(read_whole(scratch / "a.tar")).value();
        compare_with_listing(scratch, "a.tar", layer);
        compare_with_disk(scratch, layer, how[9] == 'p');
        if (!has_holes)
            continue;
        CHECK(layer.status("t/hole").value().blocks == 0);
        auto file = layer.open("t/many", open_flags::read).value();
        for (std::uint64_t i = 0; i < 60; ++i) {
            REQUIRE(file.next_data(i * 32768).value() == 16384 * (2 * i + 1));
            REQUIRE(file.next_hole(16384 * (2 * i + 1)).value() < 16384 * (2 * i + 2));
        }
        CHECK(file.next_data(16384 * 119 + 8192).value() == 16384 * 120 + 5);
    }
}

TEST_CASE("[tar.programs.4] extended attributes that GNU tar writes") {
    if (!has_gnu_tar())
        return;
    scratch_directory const scratch;
    (void)scratch.run("mkdir -p t/d && echo x >t/f && ln t/f t/h");
    auto const file = scratch / "t/f";
    if (::setxattr(file.c_str(), "user.lamina", "value", 5, 0) != 0) {
        WARN("no user.* attributes on this file system: not tested");
        return;
    }
    std::string const bytes("\0\n=%\xff", 5);
    REQUIRE(::setxattr(file.c_str(), "user.a=b%c", bytes.data(), bytes.size(), 0) == 0);
    REQUIRE(::setxattr((scratch / "t/d").c_str(), "user.dir", "", 0, 0) == 0);
    (void)scratch.run("tar --xattrs '--xattrs-include=*' -cf a.tar t");
    auto layer = open(read_whole(scratch / "a.tar")).value();
    for (path_view const path : {path_view("t/f"), path_view("t/h")}) {
        CHECK(layer.get_xattr(path, "user.lamina").value() == "value");
        CHECK(layer.get_xattr(path, "user.a=b%c").value() == bytes);
        CHECK(layer.xattrs(path).value().size() >= 2);
    }
    CHECK(layer.get_xattr("t/d", "user.dir").value().empty());
    CHECK(layer.get_xattr("t", "user.dir").error() == errc::enodata);
}

TEST_CASE("[tar.programs.5] archives with a label, dump directories, appended and updated members") {
    if (!has_gnu_tar())
        return;
    scratch_directory const scratch;
    make_tree(scratch);
    (void)scratch.run("tar -V 'a label' -cf a.tar t");
    auto layer = open(read_whole(scratch / "a.tar")).value();
    CHECK(layer.list("/").value().size() == 1);
    compare_with_disk(scratch, layer, false);

    (void)scratch.run("tar --format=gnu --listed-incremental=snapshot -cf a.tar t");
    layer = open(read_whole(scratch / "a.tar")).value();
    compare_with_disk(scratch, layer, false);

    (void)scratch.run("tar -cf a.tar t && echo longer than before >t/dir/more && tar -rf a.tar t/dir/more");
    layer = open(read_whole(scratch / "a.tar")).value();
    CHECK(layer.read("t/dir/more").value() == "longer than before\n");

    (void)scratch.run("tar -C t -cf a.tar .");
    layer = open(read_whole(scratch / "a.tar")).value();
    CHECK(layer.read("file").value() == "contents\n");
    CHECK(layer.status("dir").value().mode == 02755);
}

TEST_CASE("[tar.programs.6] devices and fifos, and times before 1970") {
    if (!has_gnu_tar())
        return;
    scratch_directory const scratch;
    (void)scratch.run("mkdir t && mkfifo t/p");
    bool const devices = ::mknod((scratch / "t/c").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0 &&
                         ::mknod((scratch / "t/b").c_str(), S_IFBLK | 0600, makedev(259, 70000)) == 0;
    if (!devices)
        WARN("this process may not make devices: fifos only");
    set_times(scratch / "t/p", {0, 0}, {-100, 250'000'000});
    for (auto const* format : {"gnu", "posix"}) {
        INFO(format);
        (void)scratch.run("tar --format="s + format + " -cf a.tar t");
        auto layer = open(read_whole(scratch / "a.tar")).value();
        compare_with_listing(scratch, "a.tar", layer);
        compare_with_disk(scratch, layer, format == "posix"s);
        if (devices) {
            CHECK(layer.status("t/c").value().rdev == device_number{1, 3});
            CHECK(layer.status("t/b").value().rdev == device_number{259, 70000});
        }
    }
}

TEST_CASE("[tar.programs.7] what Python's tarfile writes") {
    if (!has_program("python3 -c 'import tarfile'")) {
        WARN("no python3 on this machine: not tested");
        return;
    }
    scratch_directory const scratch;
    write_whole(scratch / "make.py", R"(
import io, sys, tarfile
how = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}[sys.argv[1]]
pax = how == tarfile.PAX_FORMAT
with tarfile.open("a.tar", "w", format=how, **({"pax_headers": {"comment": "all"}} if pax else {})) as tar:
    def add(name, type=tarfile.REGTYPE, data=b"", **fields):
        info = tarfile.TarInfo(name)
        info.type, info.size = type, len(data)
        for key, value in fields.items():
            setattr(info, key, value)
        tar.addfile(info, io.BytesIO(data))
    add("d", tarfile.DIRTYPE, mode=0o1777)
    add("d/plain", data=b"plain", mode=0o640, uid=12, gid=34, mtime=1234567890)
    add("d/hard", tarfile.LNKTYPE, linkname="d/plain")
    add("d/soft", tarfile.SYMTYPE, linkname="../elsewhere")
    add("d/null", tarfile.CHRTYPE, devmajor=1, devminor=3)
    add("d/pipe", tarfile.FIFOTYPE)
    add("d/contiguous", tarfile.CONTTYPE, data=b"row")
    if how != tarfile.USTAR_FORMAT:
        add("long/" + "x" * 200 + "/" + "y" * 250, data=b"long", uid=3000000, mtime=-77)
        add("far", tarfile.SYMTYPE, linkname="z" * 900)
    if pax:
        add("times", mtime=-1.5, pax_headers={"atime": "99999999999.5", "SCHILY.xattr.user.py": "thon"})
        add("caf\u00e9", data="\u00e9".encode())
for info in tarfile.open("a.tar"):
    print(info.name, info.type.decode(), info.mode, info.uid, info.gid, info.size, info.linkname or "-")
)");
    for (auto const* format : {"ustar", "gnu", "pax"}) {
        INFO(format);
        std::istringstream lines(scratch.run("PYTHONIOENCODING=utf-8 python3 make.py "s + format));
        auto layer = open(read_whole(scratch / "a.tar")).value();
        std::size_t count = 0;
        for (std::string line; std::getline(lines, line); ++count) {
            INFO(line);
            std::istringstream fields(line);
            std::string name, link;
            char type = 0;
            std::uint64_t mode = 0, uid = 0, gid = 0, size = 0;
            fields >> name >> type >> mode >> uid >> gid >> size >> link;
            auto const a = layer.symlink_status(at(name)).value();
            if (type == '1') {
                CHECK(layer.symlink_status(at(link)).value().id == a.id);
                continue;
            }
            CHECK(a.mode == mode);
            CHECK(a.uid == uid);
            CHECK(a.gid == gid);
            if (a.is_regular())
                CHECK(a.size == size);
            if (a.is_symlink())
                CHECK(layer.read_symlink(at(name)).value() == link);
        }
        CHECK(count >= 7);
        CHECK(layer.read("d/hard").value() == "plain");
        CHECK(layer.read("d/contiguous").value() == "row");
        CHECK(layer.status("d/plain").value().mtime == timestamp{1234567890, 0});
        CHECK(layer.status("d/null").value().rdev == device_number{1, 3});
        if (format != "ustar"s) {
            auto const name = at("long/" + std::string(200, 'x') + "/" + std::string(250, 'y'));
            CHECK(layer.read(name).value() == "long");
            CHECK(layer.status(name).value().mtime == timestamp{-77, 0});
        }
        if (format == "pax"s) {
            CHECK(layer.status("times").value().mtime == timestamp{-2, 500'000'000});
            CHECK(layer.status("times").value().atime == timestamp{99999999999, 500'000'000});
            CHECK(layer.get_xattr("times", "user.py").value() == "thon");
            CHECK(layer.read("caf\xc3\xa9").value() == "\xc3\xa9");
        }
    }
}

TEST_CASE("[tar.programs.8] an archive on disk is read in place; cut off while it is open, it is eio and no signal") {
    scratch_directory const scratch;
    auto const made = maker().file("first", std::string(100'000, 'f')).file("last", std::string(100'000, 'l'));
    write_whole(scratch / "a.tar", made.ended());
    auto directory = posix_directory::open(scratch.path()).value();
    auto layer = tar_layer::open(directory.open("a.tar", open_flags::read).value()).value();
    CHECK(layer.read("last").value() == std::string(100'000, 'l'));
    CHECK(tar_layer::open(directory.open("a.tar", open_flags::read).value(), {.objects = 1}).error() ==
          tar_reason::over_objects);

    REQUIRE(::truncate((scratch / "a.tar").c_str(), 150'000) == 0);
    CHECK(layer.read("first").value() == std::string(100'000, 'f'));
    CHECK(layer.read("last").error() == errc::eio);
    CHECK(layer.status("last").value().size == 100'000);
    CHECK(tar_layer::open(directory.open("a.tar", open_flags::read).value()).error() == tar_reason::truncated);
}
