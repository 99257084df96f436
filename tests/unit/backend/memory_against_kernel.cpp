// A memory tree and a directory of the running kernel are put through the same random operations: every errno,
// everything that was told, and the trees afterwards must be the same; and each call must move the same times.
#include "catch.hpp"

#include <deque>
#include <random>

#include "kernel_side.hpp"

using namespace lamina;
using namespace memory_test;

namespace {

// Of the times of all objects that were there before and are there now, which has moved.
using moments = std::map<std::string, attributes>;

moments moments_of(std::map<std::string, description> const& all) {
    moments times;
    for (auto const& [path, one] : all)
        times[path] = one.is;
    return times;
}

std::string moved(moments const& before, moments const& after) {
    std::string text;
    for (auto const& [path, is] : after) {
        auto const was = before.find(path);
        if (was == before.end() || was->second.id != is.id)
            continue;
        if (was->second.mtime != is.mtime)
            text += path + ":m ";
        if (was->second.ctime != is.ctime)
            text += path + ":c ";
    }
    return text;
}

class comparison {
public:
    comparison(std::string const& above, unsigned seed)
        : privileged_(::geteuid() == 0),
          above_(above),
          memory_(options()),
          kernel_(above),
          random_(seed),
          seed_(seed) {}

    [[nodiscard]] std::string cannot_run() const {
        if (!kernel_.usable())
            return "no temporary directory";
        return kernel_.takes_user_xattrs() ? "" : "its file system takes no user.* attributes";
    }

    // Something to begin with: most calls fail where there is nothing.
    void furnish() {
        for (auto const& path : {std::vector<std::string>{"a"}, {"b"}, {"c"}, {"a", "b"}, {"a", "c"}, {"b", "a"}}) {
            place const at{std::nullopt, {path.begin(), path.end() - 1}, path.back()};
            both("mkdir " + text_of(at), [&](auto& side) { return side.make_directory(at, 0755); });
        }
    }
    void steps(int count) {
        for (int i = 0; i < count; ++i) {
            step();
            if (i % 20 == 19 || i + 1 == count)
                compare_trees();
        }
    }
    // How many of the calls did something: a walk that only fails proves little.
    [[nodiscard]] int succeeded() const { return succeeded_; }

    // Slower: the kernel's clock must tick between two calls.
    void steps_with_times(int count) {
        auto kernel_was = moments_of(kernel_.all());
        auto memory_was = moments_of(memory_.all());
        for (int i = 0; i < count; ++i) {
            wait_for_tick();
            step();
            auto kernel_is = moments_of(kernel_.all());
            auto memory_is = moments_of(memory_.all());
            // A call that fails moves nothing; ext4 moves a directory's times all the same where a rename fails late.
            auto const wanted = failed_ ? std::string() : moved(kernel_was, kernel_is);
            auto const got = moved(memory_was, memory_is);
            if (wanted != got)
                fail("times moved: by the kernel " + wanted + ", here " + got);
            kernel_was = std::move(kernel_is);
            memory_was = std::move(memory_is);
        }
    }

private:
    static memory_options options() {
        memory_options same;
        same.uid = ::geteuid();
        same.gid = ::getegid();
        same.umask = 027;
        ::umask(027);
        return same;
    }
    static void wait_for_tick() {
        timespec before{};
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME_COARSE, &before);
        do
            ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
        while (now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec);
    }

    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    template <std::size_t N>
    std::string any(char const* const (&of)[N]) {
        return of[below(N)];
    }
    std::size_t slot() { return below(slots); }
    place somewhere() {
        place at;
        if (below(8) == 0)
            at.held = slot();
        for (auto depth = below(4); depth > 1; --depth)
            at.above.push_back(any({"a", "b", "c"}));
        at.name = below(60) == 0 ? std::string(250 + below(8), 'n') : any({"a", "b", "c", "d", "e"});
        return at;
    }
    // Without privilege the owner must keep his permissions, and set-id bits behave as for others.
    unsigned mode() {
        unsigned const bits = static_cast<unsigned>(random_()) & 07777;
        return privileged_ ? bits : (bits & 0777) | 0700;
    }
    std::string key() {
        auto const chosen = any({"user.a", "user.b", "user.a", "trusted.a", "trusted.overlay.opaque", "security.other",
                                 "security.capability", "none.a", "user.", "user", "trusted."});
        // Others need write permission even to be told that there is no such namespace: a whiteout gives none.
        return privileged_ || chosen.starts_with("user.") ? chosen : "user.c";
    }
    // Never twice the same: ext4 does not take an equal value for a change. The kernel takes only a well-formed
    // security.capability: version 2, then sets of capabilities.
    std::string value_of(std::string const& for_key) {
        std::string value(for_key == xattr::file_capability ? 20 : 6 + below(3) * 40, '\0');
        value[3] = 2;
        value[4] = static_cast<char>(step_);
        value[5] = static_cast<char>(step_ >> 8);
        return value;
    }
    open_flags flags() {
        auto chosen = below(3) == 0 ? open_flags::read : below(2) == 0 ? open_flags::read_write : open_flags::write;
        if (below(4) == 0)
            chosen = chosen | open_flags::write | open_flags::append;
        if (below(8) == 0)
            chosen = chosen | open_flags::truncate;
        return chosen;
    }
    time_change times() {
        using action = time_change::action;
        auto const what = [&] { return static_cast<action>(below(3)); };
        return {what(),
                what(),
                {below(1'000'000'000), 7000},
                {-1000 + static_cast<int>(below(2000)), below(1'000'000) * 1000}};
    }

    // Calls f(side, memory first) and compares what the two say.
    template <class F>
    void both(std::string text, F f) {
        done_.push_back(std::move(text));
        if (done_.size() > 15)
            done_.pop_front();
        ++step_;
        answer const here = f(memory_);
        answer const there = f(kernel_);
        succeeded_ += there.code == 0 && !there.told.starts_with("nothing") ? 1 : 0;
        failed_ = there.code != 0;
        if (here != there)
            fail(fmt::format("the kernel says {} \"{}\", the memory tree {} \"{}\"", there.code, there.told, here.code,
                             here.told));
    }
    static std::string text_of(place const& at) {
        return fmt::format("{}{}/{}", at.held ? fmt::format("[{}]/", *at.held) : "", joined(at.above, "/"), at.name);
    }

    void step() {
        auto const at = somewhere();
        auto const to = somewhere();
        auto const one = slot();
        auto const bits = mode();
        auto const where = text_of(at);
        std::uint64_t const offset = below(3) * 4096 + below(3000);
        switch (below(34)) {
        case 0:
        case 1:
            return both(fmt::format("create {} {:o} as {}", where, bits, one),
                        [&](auto& side) { return side.create(at, one, bits); });
        case 2:
        case 3:
            return both(fmt::format("mkdir {} {:o}", where, bits),
                        [&](auto& side) { return side.make_directory(at, bits); });
        case 4: {
            std::string const target(below(20) == 0 ? 4090 + below(10) : below(4), 't');
            return both("symlink " + where, [&](auto& side) { return side.make_symlink(at, target); });
        }
        case 5: {
            auto type = below(2) == 0 ? file_type::fifo : below(2) == 0 ? file_type::socket : file_type::regular;
            device_number device{};
            if (privileged_ && below(2) == 0) {
                type = below(2) == 0 ? file_type::character : file_type::block;
                device = {below(4), below(70000)};
            }
            return both(fmt::format("mknod {} {} {:o}", where, lamina::name(type), bits),
                        [&](auto& side) { return side.make_node(at, type, bits, device); });
        }
        case 6:
        case 7:
            return both(fmt::format("link {} {}", where, text_of(to)), [&](auto& side) { return side.link(at, to); });
        case 8:
        case 9:
        case 10:
        case 11: {
            unsigned const how = below(2) == 0 ? 0 : below(8);
            return both(fmt::format("rename {} {} flags {}", where, text_of(to), how),
                        [&](auto& side) { return side.rename(at, to, how); });
        }
        case 12:
            return both("unlink " + where, [&](auto& side) { return side.remove(at); });
        case 13:
            return both("rmdir " + where, [&](auto& side) { return side.remove_directory(at); });
        case 14:
            return both(fmt::format("chmod {} {:o}", where, bits), [&](auto& side) { return side.set_mode(at, bits); });
        case 15: {
            unsigned const uid = privileged_ && below(2) == 0 ? below(100) : keep_user;
            unsigned const gid = privileged_ && below(2) == 0 ? below(100) : keep_group;
            return both("chown " + where, [&](auto& side) { return side.set_owner(at, uid, gid); });
        }
        case 16: {
            auto const to_what = times();
            return both("utimens " + where, [&](auto& side) { return side.set_times(at, to_what); });
        }
        case 17:
        case 18: {
            auto const k = key();
            auto const v = value_of(k);
            unsigned const how = below(2) == 0 ? 0 : below(4);
            return both(fmt::format("setxattr {} {} flags {}", where, k, how),
                        [&](auto& side) { return side.set_xattr(at, k, v, how); });
        }
        case 19: {
            auto const k = key();
            return both(fmt::format("removexattr {} {}", where, k),
                        [&](auto& side) { return side.remove_xattr(at, k); });
        }
        case 20:
            return both(fmt::format("truncate {} {}", where, offset),
                        [&](auto& side) { return side.resize(at, offset); });
        case 21:
            return both("readlink " + where, [&](auto& side) { return side.read_symlink(at); });
        case 22:
            return both("stat " + where, [&](auto& side) { return side.status(at); });
        case 23:
            return both("list above " + where, [&](auto& side) { return side.list(at); });
        case 24:
            return both(fmt::format("hold {} as [{}]", where, one), [&](auto& side) { return side.hold(at, one); });
        case 25:
        case 26: {
            auto const how = flags();
            return both(fmt::format("open {} as {} flags {}", where, one, static_cast<unsigned>(how)),
                        [&](auto& side) { return side.open(at, one, how); });
        }
        case 27:
            if (below(2) == 0)
                return both(fmt::format("unnamed above {} as {}", where, one),
                            [&](auto& side) { return side.make_unnamed(at, one, bits); });
            return both(fmt::format("publish {} as {}", one, where), [&](auto& side) { return side.publish(one, at); });
        case 28:
        case 29: {
            std::string const text(below(3) == 0 ? below(9000) : below(50), static_cast<char>('a' + below(26)));
            return both(fmt::format("write {} at {} {} bytes", one, offset, text.size()),
                        [&](auto& side) { return side.write(one, offset, text); });
        }
        case 30:
            return both(fmt::format("read {} at {}", one, offset),
                        [&](auto& side) { return side.read(one, offset, 5000); });
        case 31:
            return both(fmt::format("ftruncate {} {}", one, offset), [&](auto& side) { return side.cut(one, offset); });
        case 32: {
            auto const other = slot();
            std::uint64_t const from = below(2) == 0 ? 0 : below(9000);
            std::uint64_t const count = below(9000);
            return both(fmt::format("copy to {} at {} from {} at {}: {}", one, offset, other, from, count),
                        [&](auto& side) { return side.copy(one, other, from, offset, count); });
        }
        default:
            if (below(3) == 0)
                return both(fmt::format("close {}", one), [&](auto& side) { return side.close(one); });
            if (below(2) == 0)
                return both(fmt::format("fchmod {}", one), [&](auto& side) { return side.change_mode(one, bits); });
            return both(fmt::format("fstat {}", one), [&](auto& side) { return side.file_status(one); });
        }
    }

    void compare_trees() {
        auto const here = memory_.all();
        auto const there = kernel_.all();
        std::map<std::uint64_t, std::string> here_first;
        std::map<std::uint64_t, std::string> there_first;
        for (auto const& [path, is] : there) {
            auto const mine = here.find(path);
            if (mine == here.end())
                fail(path + " is missing");
            if (describe(is.is) != describe(mine->second.is))
                fail(fmt::format("{}: the kernel has {}, the memory tree {}", path, describe(is.is),
                                 describe(mine->second.is)));
            if (is.data != mine->second.data)
                fail(path + " has other bytes");
            if (is.xattrs != mine->second.xattrs)
                fail(path + " has other attributes");
            if (there_first.try_emplace(is.is.id.inode, path).first->second !=
                here_first.try_emplace(mine->second.is.id.inode, path).first->second)
                fail(path + " is linked to something else");
        }
        if (here.size() != there.size())
            fail("there is more in the memory tree");
    }

    void fail(std::string const& what) {
        FAIL(above_ << ", seed " << seed_ << ", step " << step_ << ": " << what << "\nthe last calls:\n"
                    << joined(done_, "\n"));
    }

    bool privileged_;
    std::string above_;
    memory_side memory_;
    kernel_side kernel_;
    std::mt19937 random_;
    unsigned seed_;
    int step_ = 0;
    int succeeded_ = 0;
    bool failed_ = false;  // the last call
    std::deque<std::string> done_;
};

// Where a kernel file system can be asked. A tmpfs is the nearest relative.
std::vector<std::string> const file_systems{"/tmp", "/dev/shm"};

}  // namespace

TEST_CASE("[memory.kernel.1] a memory tree does and says what a directory of the kernel does and says") {
    auto const above = GENERATE(from_range(file_systems));
    auto const seed = GENERATE(1433037914u, 1u, 2u, 0u);
    // The last one is new in every run; a failure tells it.
    comparison trees(above, seed != 0 ? seed : std::random_device()());
    if (auto const reason = trees.cannot_run(); !reason.empty()) {
        WARN("skipped: " << above << ": " << reason);
        return;
    }
    if (::geteuid() != 0)
        WARN("without root: no devices, no trusted.* and security.* attributes, no owners, no set-id bits");
    trees.furnish();
    trees.steps(3000);
    CHECK(trees.succeeded() > 600);
}

TEST_CASE("[memory.kernel.2] each call moves the times that it moves in the kernel") {
    auto const above = GENERATE(from_range(file_systems));
    auto const seed = GENERATE(11u, 12u, 0u);
    comparison trees(above, seed != 0 ? seed : std::random_device()());
    if (auto const reason = trees.cannot_run(); !reason.empty()) {
        WARN("skipped: " << above << ": " << reason);
        return;
    }
    trees.furnish();
    trees.steps_with_times(300);
    CHECK(trees.succeeded() > 40);
}
