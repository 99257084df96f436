// Mistakes of the overlay that were found once, each by the model or the kernel oracle, cut down to what matters. They stay.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/backend/adapt/subtree.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "catch.hpp"
#include "model/limited.hpp"

using namespace lamina;

namespace {

constexpr timestamp long_ago{1'000'000'000, 7};

template <class T, class E>
errc code(result<T, E> const& r) {
    return r ? errc::ok : static_cast<error>(r.error()).code;
}
std::span<std::byte const> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// One file "f", and "d/g", of long ago.
memory_tree small_lower() {
    memory_tree tree;
    tree.write("f", "0123456789").value();
    tree.create_directory("d").value();
    tree.write("d/g", "g").value();
    for (char const* const name : {"f", "d/g", "d"})
        tree.times(path::parse(name).value(), time_change::both(long_ago, long_ago)).value();
    return tree;
}

policy with_half_copies() {
    policy rules;
    rules.metacopy = metacopies::on;
    return rules;
}

// As xfs does it: directories that come to another parent by an exchange have been modified.
struct touches_exchanged {
    static constexpr bool wraps_files = false;
    [[maybe_unused]] static constexpr bool names_files = false;
    template <class Target, class F>
    auto around(Target& tree, call const& c, F& perform) -> lamina::detail::answer_of<F> {
        auto answer = perform(c);
        if constexpr (requires { tree.set_times_at(c.directory, c.name, time_change::touch()); }) {
            if (answer && c.what == primitive::rename_at && has(c.renaming, rename_flags::exchange) &&
                c.directory != c.to_directory) {
                tree.set_times_at(c.directory, c.name, time_change::touch()).value();
                tree.set_times_at(c.to_directory, c.to_name, time_change::touch()).value();
            }
        }
        return answer;
    }
};
// As Linux does it: flags mean nothing for an ACL.
struct sets_acls {
    static constexpr bool wraps_files = false;
    [[maybe_unused]] static constexpr bool names_files = false;
    template <class Target, class F>
    auto around(Target&, call const& c, F& perform) -> lamina::detail::answer_of<F> {
        call plain = c;
        if (c.key == xattr::acl_access)
            plain.setting = xattr_flags::none;
        return perform(plain);
    }
};
class as_linux : public forwarding<as_linux, held<memory_tree&>, sets_acls> {
    using base = forwarding<as_linux, held<memory_tree&>, sets_acls>;

public:
    explicit as_linux(memory_tree& tree) : base(held<memory_tree&>(tree), sets_acls{}) {}
};
class as_xfs : public forwarding<as_xfs, held<memory_tree&>, touches_exchanged> {
    using base = forwarding<as_xfs, held<memory_tree&>, touches_exchanged>;

public:
    explicit as_xfs(memory_tree& tree) : base(held<memory_tree&>(tree), touches_exchanged{}) {}
};

}  // namespace

TEST_CASE("[stack_issue.1] a lower file that is cut by its copy-up is modified") {
    for (auto const& rules : {policy(), with_half_copies()}) {
        memory_tree lower_tree = small_lower(), scratch;
        overlay root{upper(scratch), lower(lower_tree), rules};
        if (rules.metacopy == metacopies::on)
            root.permissions("f", 0600).value();
        root.resize("f", 4).value();
        CHECK(root.status("f").value().mtime > long_ago);
        CHECK(root.read("f").value() == "0123");
        // To the size that it has: nothing is modified.
        root.resize("d/g", 1).value();
        CHECK(root.status("d/g").value().mtime == long_ago);
    }
}

TEST_CASE("[stack_issue.2] an empty lower file that is opened to be truncated is modified") {
    memory_tree lower_tree, scratch;
    lower_tree.write("f", "").value();
    lower_tree.times("f", time_change::both(long_ago, long_ago)).value();
    overlay root{upper(scratch), lower(lower_tree)};
    CHECK(code(root.open("f", open_flags::write | open_flags::truncate)) == errc::ok);
    CHECK(root.status("f").value().mtime > long_ago);
}

TEST_CASE("[stack_issue.3] a user attribute of what is no file is refused before it is looked for") {
    memory_tree lower_tree, scratch;
    lower_tree.create_node("p", file_type::fifo, 0600).value();
    overlay root{upper(scratch), lower(lower_tree)};
    CHECK(code(root.remove_xattr("p", "user.k")) == errc::eperm);
    CHECK(code(root.set_xattr("p", "user.k", "v")) == errc::eperm);
    CHECK(code(root.remove_xattr("p", "trusted.k")) == errc::enodata);
    CHECK(code(scratch.status("p")) == errc::enoent);
}

TEST_CASE("[stack_issue.4] what a handle on a removed name writes shows under the other names of the file") {
    memory_tree lower_tree = small_lower(), scratch;
    overlay root{upper(scratch), lower(lower_tree)};
    root.create_hard_link("f", "d/f").value();
    {
        auto file = root.open("f", open_flags::read_write).value();
        root.remove("f").value();
        CHECK(root.status("d/f").value().size == 10);
        CHECK(file.append(bytes_of("more")).value() == 4);
        CHECK(root.status("d/f").value().size == 14);
        CHECK(root.read("d/f").value() == "0123456789more");
        CHECK(code(file.resize(3)) == errc::ok);
        CHECK(root.status("d/f").value().size == 3);
        CHECK(code(file.set_mode(0640)) == errc::ok);
        CHECK(root.status("d/f").value().mode == 0640);
    }
    root.append("d/f", "!").value();
    CHECK(root.status("d/f").value().size == 4);
}

TEST_CASE("[stack_issue.5] a name that is replaced under an open handle is no other name of its file") {
    memory_tree lower_tree = small_lower(), scratch;
    overlay root{upper(scratch), lower(lower_tree)};
    root.create_hard_link("f", "d/f").value();
    auto file = root.open("f", open_flags::read_write).value();
    root.write("new", "new").value();
    root.rename("new", "f").value();
    CHECK(root.status("d/f").value().nlink == 1);
    CHECK(code(file.set_owner(1, 2)) == errc::ok);
    CHECK(root.status("d/f").value().uid == 1);
    CHECK(root.status("f").value().uid == 0);
}

TEST_CASE("[stack_issue.6] a moved directory keeps its times where the mark that hides is a file in it") {
    memory_tree lower_tree = small_lower(), scratch;
    policy rules;
    rules.format = whiteout_format::aufs;
    overlay root{upper(scratch), lower(marked(lower_tree, whiteout_format::aufs)), rules};
    root.create_directory("new").value();
    root.times("new", time_change::both(long_ago, long_ago)).value();
    root.rename("new", "d/new").value();
    CHECK(scratch.exists("d/new/.wh..wh..opq").value());
    CHECK(root.status("d/new").value().mtime == long_ago);
}

TEST_CASE("[stack_issue.7] a file capability does not outlive the content that it was given to") {
    for (auto const& rules : {policy(), with_half_copies()}) {
        memory_tree lower_tree = small_lower(), scratch;
        for (char const* const name : {"f", "d/g"})
            lower_tree.set_xattr(path::parse(name).value(), "security.capability", "may").value();
        policy ordered = rules;
        ordered.durable = durability::ordered;
        overlay root{upper(scratch), lower(lower_tree), ordered};
        // A copy alone keeps it.
        root.permissions("f", 0700).value();
        CHECK(root.get_xattr("f", "security.capability").value() == "may");
        CHECK(code(root.open("f", open_flags::read_write)) == errc::ok);
        CHECK(root.get_xattr("f", "security.capability").value() == "may");
        CHECK(root.status("f").value().mtime == long_ago);
        root.write("f", "new").value();
        CHECK(code(root.get_xattr("f", "security.capability")) == errc::enodata);
        root.resize("d/g", 0).value();
        CHECK(code(root.get_xattr("d/g", "security.capability")) == errc::enodata);
    }
}

TEST_CASE("[stack_issue.8] a whole file written anew has a new modification time, and a number that nobody else gets") {
    memory_tree lower_tree = small_lower(), scratch;
    policy rules;
    rules.durable = durability::ordered;
    overlay root{upper(scratch), lower(lower_tree), rules};
    auto const carried = root.status("f").value().id.inode;
    root.write("f", "other bytes").value();
    CHECK(root.status("f").value().mtime > long_ago);
    CHECK(root.status("f").value().id.inode == carried);  // the lower file keeps it
    root.write("pure", "p").value();
    auto const listed = [&] {
        std::uint64_t number = 0;
        for (auto const entry : root.list("/").value())
            if (entry.name == "pure")
                number = entry.inode;
        return number;
    };
    (void)listed();
    root.write("pure", "again").value();
    auto const now = root.status("pure").value().id.inode;
    CHECK((listed() == now || listed() == 0));
    CHECK(scratch.status("pure").value().id.inode == (now & 0xffff'ffff'ffff));
}

TEST_CASE("[stack_issue.9] a cache that may keep nothing is no trouble to an overlay that has just been made") {
    memory_tree lower_tree = small_lower();
    policy rules;
    rules.cache_bytes = 0;
    for (int i = 0; i < 50; ++i) {
        memory_tree scratch;
        overlay root{upper(scratch), lower(lower_tree), rules};
        REQUIRE(root.read("d/g").value() == "g");
    }
}

TEST_CASE("[stack_issue.10] a directory that cannot be moved is exdev, whatever it is moved onto") {
    memory_tree lower_tree = small_lower(), scratch;
    policy rules;
    rules.redirect = redirects::follow;
    overlay root{upper(scratch), lower(lower_tree), rules};
    root.create_directories("full/sub").value();
    CHECK(code(root.rename("d", "full")) == errc::exdev);
    CHECK(code(root.rename("full", "d", rename_flags::exchange)) == errc::exdev);
    CHECK(code(root.rename("d", "f")) == errc::enotdir);
    CHECK(code(root.rename("d", "d/x")) == errc::einval);
    CHECK(code(scratch.status("d")) == errc::enoent);  // and nothing was copied up for it
}

TEST_CASE("[stack_issue.11] filling a half copy gives nobody the bits that writing takes") {
    memory_tree lower_tree = small_lower(), scratch;
    lower_tree.permissions("f", 06755).value();
    overlay root{upper(scratch), lower(lower_tree), with_half_copies()};
    root.times("f", time_change::both({5, 5}, {6, 6})).value();
    {
        auto file = root.open("f", open_flags::read_write).value();
        CHECK(file.status().value().mode == 06755);
    }
    CHECK(root.status("f").value().mode == 06755);
    CHECK(root.status("f").value().mtime == timestamp{6, 6});
    CHECK(code(scratch.get_xattr("f", "trusted.overlay.metacopy")) == errc::enodata);
    CHECK(scratch.read("f").value() == "0123456789");
}

TEST_CASE("[stack_issue.12] a half copy that is cut takes no more data than is left") {
    memory_tree lower_tree, scratch;
    lower_tree.write("f", std::string(1 << 20, 'x')).value();
    lower_tree.write("g", std::string(1 << 20, 'y')).value();
    overlay root{upper(scratch), lower(lower_tree), with_half_copies()};
    root.permissions("f", 0640).value();
    root.permissions("g", 0600).value();
    auto const number = root.status("f").value().id.inode;
    auto early = root.open("f", open_flags::read).value();
    root.resize("f", 10).value();
    { auto file = root.open("g", open_flags::write | open_flags::truncate).value(); }
    CHECK(scratch.read("f").value() == "xxxxxxxxxx");
    CHECK(scratch.status("f").value().blocks <= 16);
    CHECK(scratch.read("g").value().empty());
    CHECK(root.status("f").value().mode == 0640);
    CHECK(root.status("f").value().id.inode == number);
    CHECK(early.status().value().size == 10);
    CHECK(code(scratch.get_xattr("f", "trusted.overlay.metacopy")) == errc::enodata);
}

TEST_CASE("[stack_issue.13] a renamed directory keeps its times where the upper's exchange moves them") {
    memory_tree lower_tree = small_lower(), scratch;
    lower_tree.create_directory("other").value();
    lower_tree.write("other/gone", "").value();
    as_xfs tree(scratch);
    overlay root{upper(tree), lower(lower_tree)};
    root.rename("d", "other/new").value();
    CHECK(root.status("other/new").value().mtime == long_ago);
    // Over a whiteout, from below and from the upper alone.
    root.remove("other/gone").value();
    root.rename("other/new", "back").value();
    root.rename("back", "other/gone").value();
    CHECK(root.status("other/gone").value().mtime == long_ago);
    root.remove("f").value();
    root.create_directory("other/own").value();
    root.times("other/own", time_change::both(long_ago, long_ago)).value();
    root.rename("other/own", "f").value();
    CHECK(root.status("f").value().mtime == long_ago);
}

TEST_CASE("[stack_issue.14] where a default ACL decides, the umask does not, over a whiteout either") {
    memory_options masked;
    masked.umask = 022;
    memory_tree lower_tree, scratch(masked);
    lower_tree.create_directory("d").value();
    lower_tree.write("d/file", "").value();
    lower_tree.create_directory("d/directory").value();
    // Everything to the owner, the group and others, but 1 to others.
    std::string const acl("\x02\0\0\0\x01\0\7\0\xff\xff\xff\xff\x04\0\7\0\xff\xff\xff\xff\x20\0\6\0\xff\xff\xff\xff", 28);
    lower_tree.set_xattr("d", xattr::acl_default, acl).value();
    for (auto const durable : {durability::none, durability::ordered}) {
        policy rules;
        rules.durable = durable;
        overlay root{upper(scratch), lower(lower_tree), rules};
        root.remove("d/file").value();
        root.remove("d/directory").value();
        root.write("d/file", "text").value();
        CHECK(root.status("d/file").value().mode == 0666);
        root.create_directory("d/directory", 0777).value();
        CHECK(root.status("d/directory").value().mode == 0776);
        root.remove("d/file").value();
        root.create_node("d/file", file_type::fifo, 0622).value();
        CHECK(root.status("d/file").value().mode == 0622);
        root.remove("d/file").value();
        auto batch = root.batch();
        batch.write("d/file", "text", 0660).value();
        batch.commit().value();
        CHECK(root.status("d/file").value().mode == 0660);
    }
}

TEST_CASE("[stack_issue.15] what flags mean for an ACL is the upper's to say") {
    memory_tree lower_tree = small_lower(), scratch;
    as_linux tree(scratch);
    overlay root{upper(tree), lower(lower_tree), with_half_copies()};
    CHECK(code(root.set_xattr("f", "user.k", "v", xattr_flags::replace)) == errc::enodata);
    CHECK(code(root.set_xattr("f", xattr::acl_access, "v", xattr_flags::replace)) == errc::ok);
    CHECK(root.get_xattr("f", xattr::acl_access).value() == "v");
}

namespace {

// A file system of 32-bit times.
struct cuts_times {
    static constexpr bool wraps_files = true;
    [[maybe_unused]] static constexpr bool names_files = false;
    template <class Target, class F>
    auto around(Target&, call c, F& perform) -> lamina::detail::answer_of<F> {
        time_change cut;
        if (c.times != nullptr) {
            cut = *c.times;
            for (auto* const time : {&cut.atime, &cut.mtime})
                time->seconds = std::clamp<std::int64_t>(time->seconds, -0x80000000LL, 0x7fffffffLL);
            c.times = &cut;
        }
        return perform(c);
    }
};
class short_times : public forwarding<short_times, held<memory_tree&>, cuts_times> {
public:
    explicit short_times(memory_tree& tree) : forwarding(held<memory_tree&>(tree), cuts_times{}) {}
};

}  // namespace

TEST_CASE("[stack_issue.16] a time that the upper cannot hold is told, not only cut") {
    memory_tree lower_tree = small_lower(), scratch;
    timestamp const far{5'000'000'000, 7}, near{5, 6};
    lower_tree.times("f", time_change::both(near, far)).value();
    lower_tree.times("d", time_change::both(far, near)).value();
    lower_tree.times("d/g", time_change::both(near, near)).value();
    {
        short_times poor(scratch);
        overlay root{upper(poor), lower(lower_tree)};
        root.permissions("d/g", 0600).value();
        CHECK(root.clamped_times() == 1);  // the directory above
        root.permissions("f", 0600).value();
        CHECK(root.clamped_times() == 2);
        CHECK(root.status("f").value().mtime.seconds == 0x7fffffff);
    }
    memory_tree other;
    overlay root{upper(other), lower(lower_tree)};
    root.permissions("f", 0600).value();
    CHECK(root.clamped_times() == 0);
    CHECK(root.status("f").value().mtime == far);
}
