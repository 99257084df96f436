#include <lamina/backend/tree_copy.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <lamina/backend/memory.hpp>
#include <lamina/backend/paths.hpp>
#include <lamina/posix/directory.hpp>

#include "catch.hpp"
#include "conformance/temporary_directory.hpp"

using namespace lamina;

namespace {

template <class R>
errc outcome(R const& r) {
    return r.has_value() ? errc::ok : static_cast<error>(r.error()).code;
}

// A target that tells in which order things happen to it, and refuses what it is told to.
class target_tree : public memory_tree {
public:
    result<file_type> create_at(node dir, name_ref name, mode_bits mode) {
        note("create " + std::to_string(mode), name);
        return memory_tree::create_at(dir, name, mode);
    }
    result<void> create_directory_at(node dir, name_ref name, mode_bits mode) {
        note("create_directory " + std::to_string(mode), name);
        return memory_tree::create_directory_at(dir, name, mode);
    }
    result<void> link_at(node from, name_ref existing, node to, name_ref name) {
        note("link", name);
        if (refuse_links != errc::ok)
            return fail(refuse_links, operation::link);
        return memory_tree::link_at(from, existing, to, name);
    }
    result<void> set_owner_at(node dir, name_ref name, user_id uid, group_id gid) {
        note("owner", name);
        if (refuse_owners)
            return fail(errc::eperm, operation::set_owner);
        return memory_tree::set_owner_at(dir, name, uid, gid);
    }
    result<void> set_mode_at(node dir, name_ref name, mode_bits mode) {
        note("mode", name);
        return memory_tree::set_mode_at(dir, name, mode);
    }
    result<void> set_times_at(node dir, name_ref name, time_change const& change) {
        note("times", name);
        return memory_tree::set_times_at(dir, name, change);
    }
    result<void> set_xattr_at(node dir, name_ref name, std::string_view key, std::string_view value,
                              xattr_flags flags) {
        note("xattr", name);
        if (refuse_xattrs != errc::ok && key.starts_with(refused_keys))
            return fail(refuse_xattrs, operation::set_xattr);
        return memory_tree::set_xattr_at(dir, name, key, value, flags);
    }
    [[nodiscard]] capabilities able() const { return memory_tree::able().without(unable); }

    capabilities unable;
    bool refuse_owners = false;
    errc refuse_links = errc::ok;
    errc refuse_xattrs = errc::ok;
    std::string refused_keys;
    std::vector<std::string> log;

private:
    void note(std::string what, name_ref name) { log.push_back(what + " " + std::string(name.text)); }
};

// Everything that a copy keeps, as text.
template <class B>
std::vector<std::string> picture(B& tree, path_view start) {
    std::vector<std::string> lines;
    auto const skipped = start.bytes().size();
    auto const walked = tree.walk(start, [&](walk_entry const& entry) {
        auto const& o = entry.object;
        auto const path = path_view::parse(entry.path).value();
        auto line = std::string(entry.path.substr(skipped)) + " " + std::string(name(o.type)) + " " +
                    std::to_string(o.mode) + " " + std::to_string(o.uid) + ":" + std::to_string(o.gid) + " " +
                    std::to_string(o.mtime.seconds) + "." + std::to_string(o.mtime.nanoseconds);
        if (!o.is_directory())
            line += " links " + std::to_string(o.nlink);
        if (o.is_regular())
            line += " '" + tree.read(path).value() + "'";
        if (o.is_symlink())
            line += " -> " + tree.read_symlink(path).value();
        if (o.type == file_type::character)
            line += " " + std::to_string(o.rdev.major) + "/" + std::to_string(o.rdev.minor);
        auto keys = tree.xattrs(path, links::no_follow).value();
        std::sort(keys.begin(), keys.end());
        for (auto const& key : keys)
            line += " " + key + "=" + tree.get_xattr(path, key, links::no_follow).value();
        lines.push_back(line);
    });
    REQUIRE(walked.has_value());
    std::sort(lines.begin(), lines.end());
    return lines;
}

template <class B>
void fill(B& tree) {
    tree.create_directories("d/e/f").value();
    tree.write("d/file", "text").value();
    tree.write("d/e/empty", "").value();
    tree.write("d/e/large", std::string(300'000, 'x')).value();
    tree.create_hard_link("d/file", "d/e/f/same").value();
    tree.create_symlink("../nowhere", "d/e/link").value();
    tree.create_node("d/fifo", file_type::fifo, 0600).value();
    tree.permissions("d/file", 0755).value();
    tree.permissions("d/e/empty", 0).value();
    tree.times("d/file", time_change::both({1, 2}, {-3, 4})).value();
    tree.times("d/e/link", time_change::both({5, 6}, {7, 8}), links::no_follow).value();
    tree.times("d/e", time_change::both({9, 10}, {11, 12})).value();
}

}  // namespace

TEST_CASE("[tree_copy.1] from memory to a real directory and back nothing is lost") {
    memory_tree source;
    fill(source);
    conformance::temporary_directory const place;
    auto disk = posix_directory::open(place.path()).value();
    if (auto const here = disk.status("/").value(); here.uid != 0)
        source.owner("d/file", here.uid, here.gid).value();
    auto const copied = copy_tree(source, "d", disk, "there");
    if (!disk.able().has(capability::change_owner)) {
        WARN("left out: this process may not change owners, so they differ");
        return;
    }
    REQUIRE(outcome(copied) == errc::ok);
    CHECK(picture(disk, "there") == picture(source, "d"));
    memory_tree back;
    REQUIRE(outcome(copy_tree(disk, "there", back, "back")) == errc::ok);
    CHECK(picture(back, "back") == picture(source, "d"));
    CHECK(back.status("back/file").value().id == back.status("back/e/f/same").value().id);
}

TEST_CASE("[tree_copy.2] a whole tree, from its root, into a directory") {
    memory_tree source;
    fill(source);
    memory_tree target;
    REQUIRE(outcome(copy_tree(source, "/", target, "all")) == errc::ok);
    CHECK(picture(target, "all/d") == picture(source, "d"));
}

TEST_CASE("[tree_copy.3] nobody else can open a file before it is whole: the order of effects") {
    memory_tree source;
    source.create_directory("d").value();
    source.write("d/f", "text").value();
    source.owner("d/f", 12, 34).value();
    source.set_xattr("d/f", "user.k", "v").value();
    source.set_xattr("d", "user.k", "v").value();
    source.owner("d", 56, 78).value();
    target_tree target;
    REQUIRE(outcome(copy_tree(source, "d", target, "copy")) == errc::ok);
    // 0700 and 0600; a directory's own attributes come after what is in it.
    CHECK(target.log == std::vector<std::string>{"create_directory 448 copy", "create 384 f", "owner f", "xattr f",
                                                 "mode f", "times f", "owner ", "xattr ", "mode ", "times "});
}

TEST_CASE("[tree_copy.4] who may not give files away keeps them, and lends nobody an identity") {
    memory_tree source;
    source.write("f", "text").value();
    source.owner("f", 12, 34).value();
    source.permissions("f", 06755).value();
    source.write("mine", "text").value();
    source.permissions("mine", 04755).value();
    target_tree target;
    target.refuse_owners = true;
    target.unable = capability::change_owner;
    REQUIRE(outcome(copy_tree(source, "/", target, "copy")) == errc::ok);
    CHECK(target.status("copy/f").value().uid == 0);
    CHECK(target.status("copy/f").value().mode == 0755);
    CHECK(target.status("copy/mine").value().mode == 04755);
    // Where owners can be changed, a refusal is an error.
    target_tree strict;
    strict.refuse_owners = true;
    auto const refused = copy_tree(source, "f", strict, "copy");
    CHECK(outcome(refused) == errc::eperm);
    CHECK(refused.error().path == "f");
}

TEST_CASE("[tree_copy.5] an object with more names than the target can give is copied once more") {
    for (errc const refusal : {errc::emlink, errc::eperm, errc::exdev, errc::eopnotsupp}) {
        memory_tree source;
        source.write("a", "text").value();
        source.create_hard_link("a", "b").value();
        target_tree target;
        target.refuse_links = refusal;
        REQUIRE(outcome(copy_tree(source, "/", target, "copy")) == errc::ok);
        CHECK(target.read("copy/a").value() == "text");
        CHECK(target.read("copy/b").value() == "text");
        CHECK(target.status("copy/a").value().id != target.status("copy/b").value().id);
    }
    memory_tree source;
    source.write("a", "text").value();
    source.create_hard_link("a", "b").value();
    target_tree without;
    without.unable = capability::hard_links;
    REQUIRE(outcome(copy_tree(source, "/", without, "copy")) == errc::ok);
    CHECK(std::count(without.log.begin(), without.log.end(), "link b") +
              std::count(without.log.begin(), without.log.end(), "link a") ==
          0);
    target_tree full;
    full.refuse_links = errc::enospc;
    CHECK(outcome(copy_tree(source, "/", full, "copy")) == errc::enospc);
}

TEST_CASE("[tree_copy.6] attributes that the target has no room for stay behind, unless access depends on them") {
    memory_tree source;
    source.write("f", "text").value();
    source.set_xattr("f", "user.k", "v").value();
    source.set_xattr("f", "trusted.k", "v").value();
    source.set_xattr("f", "security.k", "v").value();
    auto const copy_refusing = [&](std::string const& keys, errc refusal, capabilities unable) {
        target_tree target;
        target.refused_keys = keys;
        target.refuse_xattrs = refusal;
        target.unable = unable;
        return outcome(copy_tree(source, "f", target, "copy"));
    };
    CHECK(copy_refusing("user.", errc::eopnotsupp, {}) == errc::ok);
    CHECK(copy_refusing("user.", errc::enospc, {}) == errc::enospc);
    CHECK(copy_refusing("trusted.", errc::eperm, capability::trusted_xattrs) == errc::ok);
    CHECK(copy_refusing("trusted.", errc::eperm, {}) == errc::eperm);
    CHECK(copy_refusing("security.", errc::eopnotsupp, {}) == errc::eopnotsupp);
    CHECK(copy_refusing("security.", errc::eperm, {}) == errc::eperm);
}

TEST_CASE("[tree_copy.7] the error names the object in the source, or the mistake in the target") {
    memory_tree source;
    fill(source);
    target_tree target;
    target.refuse_xattrs = errc::enospc;
    source.set_xattr("d/e/large", "user.k", "v").value();
    auto const failed = copy_tree(source, "/d/", target, "copy");
    CHECK(outcome(failed) == errc::enospc);
    CHECK(failed.error().path == "d/e/large");
    auto const nowhere = copy_tree(source, "d", target, "missing/copy");
    CHECK(outcome(nowhere) == errc::enoent);
    CHECK(nowhere.error().path == "missing/copy");
    auto const nothing = copy_tree(source, "missing", target, "x");
    CHECK(outcome(nothing) == errc::enoent);
    CHECK(nothing.error().path == "missing");
}

namespace {

// A source from which things vanish while it is copied.
class vanishing : public memory_tree {
public:
    result<std::optional<attributes>> lookup(node dir, name_ref name) {
        if (name.text == trigger && act) {
            auto const once = std::exchange(act, nullptr);
            once();
        }
        return memory_tree::lookup(dir, name);
    }
    std::string trigger;
    std::function<void()> act;
};

}  // namespace

TEST_CASE("[tree_copy.8] what is removed from the source before its turn is left out") {
    vanishing source;
    source.create_directory("d").value();
    for (char const name : {'a', 'b', 'c'})
        source.write(path::parse(std::string("d/") + name).value(), "text").value();
    source.trigger = source.list("d").value()[1].name;
    source.act = [&] { CHECK(outcome(source.remove(path::parse("d/" + source.trigger).value())) == errc::ok); };
    memory_tree target;
    REQUIRE(outcome(copy_tree(source, "d", target, "copy")) == errc::ok);
    CHECK(target.list("copy").value().size() == 2);
}

TEST_CASE("[tree_copy.9] a copy that is moved into its source while it grows is found out") {
    vanishing tree;
    tree.create_directories("d/sub").value();
    tree.create_directories("d/sub/inner").value();
    tree.write("d/sub/f", "text").value();
    tree.trigger = "f";
    tree.act = [&] { CHECK(outcome(tree.rename("copy", "d/sub/inner/copy")) == errc::ok); };
    auto const copied = copy_tree(tree, "d", tree, "copy");
    // Whether the copy was met depends on the order of names; that the call ended is the point.
    CHECK((outcome(copied) == errc::ok || outcome(copied) == errc::einval));
}

namespace {

// An open file that cannot share and moves few bytes at a time, or none.
class stubborn_file {
public:
    stubborn_file(std::string bytes, errc refusal, std::uint64_t at_once = 0)
        : bytes_(std::move(bytes)), refusal_(refusal), at_once_(at_once) {}

    result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) {
        ++reads;
        if (offset >= bytes_.size())
            return std::size_t{0};
        auto const count = std::min(into.size(), bytes_.size() - static_cast<std::size_t>(offset));
        std::copy_n(reinterpret_cast<std::byte const*>(bytes_.data()) + offset, count, into.begin());
        return count;
    }
    result<std::uint64_t> next_data(std::uint64_t offset) {
        if (useless_data)
            return std::uint64_t{0};
        for (auto const& [begin, end] : data)
            if (offset < end)
                return std::max(offset, begin);
        return data.empty() ? offset : bytes_.size();
    }
    result<std::uint64_t> next_hole(std::uint64_t offset) {
        if (useless_holes)
            return offset;
        for (auto const& [begin, end] : data)
            if (offset < end)
                return offset < begin ? offset : end;
        return std::uint64_t{bytes_.size()};
    }
    result<attributes> status() {
        attributes about;
        about.type = file_type::regular;
        about.size = bytes_.size();
        about.blocks = data.empty() ? (bytes_.size() + 511) / 512 : 0;
        return about;
    }
    result<std::size_t> write_at(std::span<std::byte const> from, std::uint64_t offset) {
        auto const count = std::min<std::size_t>(from.size(), 1000);
        if (bytes_.size() < offset + count)
            bytes_.resize(static_cast<std::size_t>(offset) + count);
        std::copy_n(from.begin(), count, reinterpret_cast<std::byte*>(bytes_.data()) + offset);
        written += count;
        return count;
    }
    result<std::size_t> append(std::span<std::byte const>) { return fail(errc::eopnotsupp, operation::write); }
    result<void> resize(std::uint64_t size) {
        bytes_.resize(static_cast<std::size_t>(size));
        return {};
    }
    result<void> sync(sync_kind) { return {}; }
    result<void> set_mode(mode_bits) { return {}; }
    result<void> set_owner(user_id, group_id) { return {}; }
    result<void> set_times(time_change const&) { return {}; }
    result<void> set_xattr(std::string_view, std::string_view, xattr_flags) { return {}; }

    result<std::uint64_t> copy_range_from(stubborn_file& from, std::uint64_t from_offset, std::uint64_t to_offset,
                                          std::uint64_t count) {
        ++ranges;
        if (at_once_ == 0)
            return fail(refusal_, operation::write);
        auto const moved =
            std::min({count, at_once_, from.bytes_.size() - std::min<std::uint64_t>(from_offset, from.bytes_.size())});
        if (bytes_.size() < to_offset + moved)
            bytes_.resize(static_cast<std::size_t>(to_offset + moved));
        bytes_.replace(static_cast<std::size_t>(to_offset), static_cast<std::size_t>(moved), from.bytes_,
                       static_cast<std::size_t>(from_offset), static_cast<std::size_t>(moved));
        return moved;
    }
    result<void> clone_from(stubborn_file&) {
        ++clones;
        return fail(refusal_, operation::write);
    }

    [[nodiscard]] std::string const& bytes() const { return bytes_; }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> data;  // where there is any; empty: everywhere, and no holes
    bool useless_holes = false;
    bool useless_data = false;
    int reads = 0, ranges = 0, clones = 0;
    std::size_t written = 0;

private:
    std::string bytes_;
    errc refusal_;
    std::uint64_t at_once_;
};
static_assert(writable_file<stubborn_file> && copies_from<stubborn_file, stubborn_file>);

std::string numbers(std::size_t size) {
    std::string bytes;
    while (bytes.size() < size)
        bytes += std::to_string(bytes.size()) + " ";
    bytes.resize(size);
    return bytes;
}

}  // namespace

TEST_CASE("[file_copy.1] what cannot share or move inside the kernel is read and written") {
    std::vector<std::byte> buffer(4096);
    for (errc const refusal : {errc::exdev, errc::eopnotsupp, errc::einval, errc::enosys}) {
        stubborn_file from(numbers(50'000), refusal);
        stubborn_file to("", refusal);
        CHECK(outcome(copy_content(from, to, from.status().value(), capability::clone, buffer)) == errc::ok);
        CHECK((to.bytes() == from.bytes()));
        CHECK(to.clones == 1);
        CHECK(to.ranges == 1);  // asked once, not for every piece
    }
    stubborn_file from(numbers(50'000), errc::enospc);
    stubborn_file to("", errc::enospc);
    CHECK(outcome(copy_content(from, to, from.status().value(), capability::clone, buffer)) == errc::enospc);
    CHECK(outcome(copy_content(from, to, from.status().value(), {}, buffer)) == errc::enospc);
}

TEST_CASE("[file_copy.2] ranges that move in pieces, and end early") {
    std::vector<std::byte> buffer(4096);
    stubborn_file from(numbers(50'000), errc::ok, 777);
    stubborn_file to("", errc::ok, 777);
    auto claimed = from.status().value();
    CHECK(outcome(copy_content(from, to, claimed, {}, buffer)) == errc::ok);
    CHECK((to.bytes() == from.bytes()));
    CHECK(to.written == 0);
    // The file has become shorter since its size was asked: no zeros are made up.
    stubborn_file shrunk("", errc::ok, 777);
    claimed.size = 70'000;
    claimed.blocks = 200;
    CHECK(outcome(copy_content(from, shrunk, claimed, {}, buffer)) == errc::ok);
    CHECK((shrunk.bytes() == from.bytes()));
}

TEST_CASE("[file_copy.3] only data is moved, and the size is right with holes at both ends") {
    std::vector<std::byte> buffer(4096);
    std::string bytes(100'000, '\0');
    bytes.replace(10'000, 500, numbers(500));
    bytes.replace(60'000, 9'000, numbers(9'000));
    stubborn_file from(bytes, errc::exdev);
    from.data = {{10'000, 10'500}, {60'000, 69'000}};
    stubborn_file to("", errc::exdev);
    CHECK(outcome(copy_content(from, to, from.status().value(), {}, buffer)) == errc::ok);
    CHECK((to.bytes() == bytes));
    CHECK(to.written == 9'500);
}

TEST_CASE("[file_copy.4] a source that tells nonsense about its holes is copied all the same, and the copy ends") {
    std::vector<std::byte> buffer(4096);
    stubborn_file from(numbers(50'000), errc::exdev);
    from.data = {{0, 50'000}};
    from.useless_holes = true;
    stubborn_file to("", errc::exdev);
    CHECK(outcome(copy_content(from, to, from.status().value(), {}, buffer)) == errc::ok);
    CHECK((to.bytes() == from.bytes()));
    from.useless_holes = false;
    from.useless_data = true;
    from.data = {{0, 10'000}, {20'000, 50'000}};
    stubborn_file again("", errc::exdev);
    CHECK(outcome(copy_content(from, again, from.status().value(), {}, buffer)) == errc::ok);
    CHECK((again.bytes() == from.bytes()));
}

TEST_CASE("[file_copy.5] an empty file asks for nothing") {
    std::vector<std::byte> buffer(4096);
    stubborn_file from("", errc::exdev);
    stubborn_file to("", errc::exdev);
    CHECK(outcome(copy_content(from, to, from.status().value(), capability::clone, buffer)) == errc::ok);
    CHECK(from.reads + to.ranges + to.clones == 0);
}
