// The content of one file under everything that can be done to it, at random, by several handles and a mapping at once;
// after each step what is read must be what a string in memory says.
//
// LAMINA_SEED is the first seed, LAMINA_STEPS how many steps are played in all.
#include <linux/falloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>

#include "mount/mounted.hpp"
#include "mount/words.hpp"

using namespace mounting;

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t size_max = 300'000;

class player {
public:
    player(overlay& tree, std::uint64_t seed, bool remounts) : tree_(tree), random_(seed), remounts_(remounts) {}

    // The first thing that is wrong, or nothing.
    std::string play(unsigned steps) {
        std::string begun(below(100'000), '\0');
        fill(begun);
        bool const lower = below(4) != 0;
        if (make_file(lower ? tree_.lower() + "/f" : tree_.outside("begun"), begun) != 0)
            return "the file cannot be made";
        tree_.open();
        if (!lower) {
            if (make_file(tree_ / "f", begun) != 0)
                return "the file cannot be made";
            ::unlink(tree_.outside("begun").c_str());
        }
        wanted_ = begun;
        open();
        for (unsigned i = 0; i < steps && failure_.empty(); ++i) {
            step();
            if (failure_.empty() && below(4) == 0)
                compare();
        }
        if (failure_.empty())
            compare();
        close();
        if (failure_.empty() && !tree_.close())
            failure_ = "the mount does not end well";
        if (failure_.empty()) {
            tree_.open();
            if (content(tree_ / "f") != wanted_)
                failure_ = "after another mount it holds something else";
            (void)tree_.close();
        }
        return failure_.empty() ? "" : failure_ + "; the last steps:" + last_steps();
    }

private:
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
    void fill(std::string& bytes) {
        auto const first = random_();
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<char>('a' + (first + i / 7 + i) % 26);
    }
    // Mostly small, sometimes at the edge of a page.
    std::size_t length() { return below(8) == 0 ? page * (1 + below(20)) : 1 + below(below(3) == 0 ? 40'000 : 3000); }
    std::size_t place(std::size_t limit) {
        auto const at = below(limit + 1);
        return below(3) == 0 ? at / page * page : at;
    }
    void note(std::string text) {
        steps_.push_back(std::move(text));
        if (steps_.size() > 12)
            steps_.erase(steps_.begin());
    }
    std::string last_steps() const {
        std::string all;
        for (auto const& each : steps_)
            all += "\n      " + each;
        return all;
    }
    void expect(int outcome, char const* what) {
        if (outcome != 0 && failure_.empty())
            failure_ = std::string(what) + ": " + std::strerror(outcome);
    }
    void put(std::size_t at, std::string const& bytes) {
        if (wanted_.size() < at + bytes.size())
            wanted_.resize(at + bytes.size(), '\0');
        wanted_.replace(at, bytes.size(), bytes);
    }

    void open() {
        one_ = file(tree_ / "f", O_RDWR);
        other_ = file(tree_ / "f", below(2) == 0 ? O_RDWR : O_RDONLY);
        appending_ = file(tree_ / "f", O_WRONLY | O_APPEND);
        for (auto const* const each : {&one_, &other_, &appending_})
            expect(each->why(), "open");
        direct_ = file(tree_ / "f", O_RDWR | O_DIRECT);
        if (direct_.why() != EINVAL)
            expect(direct_.why(), "open with O_DIRECT");
    }
    void close() {
        unmap();
        for (auto* const each : {&one_, &other_, &appending_, &direct_})
            *each = file();
    }
    void map() {
        unmap();
        mapped_ = wanted_.size();
        if (mapped_ == 0)
            return;
        void* const at = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_SHARED, one_.fd(), 0);
        if (at == MAP_FAILED) {
            expect(errno, "mmap");
            mapped_ = 0;
        } else {
            map_ = static_cast<char*>(at);
        }
    }
    void unmap() {
        if (map_ != nullptr)
            ::munmap(map_, mapped_);
        map_ = nullptr;
    }
    // How far the mapping may be touched: beyond the end of the file it must not be.
    [[nodiscard]] std::size_t reach() const { return map_ == nullptr ? 0 : std::min(mapped_, wanted_.size()); }

    void compare() {
        auto const size = static_cast<std::size_t>(one_.status().st_size);
        if (size != wanted_.size())
            failure_ = "the size is " + std::to_string(size) + ", not " + std::to_string(wanted_.size());
        else if (auto const found = (below(2) == 0 ? one_ : other_).read_at(size_max * 2, 0); found != wanted_)
            failure_ = differ("by read", found);
        else if (reach() != 0 && std::memcmp(map_, wanted_.data(), reach()) != 0)
            failure_ = differ("by mapping", std::string(map_, reach()));
    }
    std::string differ(char const* how, std::string const& found) const {
        auto const at = std::mismatch(found.begin(), found.end(), wanted_.begin(), wanted_.end()).first - found.begin();
        return std::string("the content differs ") + how + " at " + std::to_string(at) + ", of " +
               std::to_string(found.size()) + " bytes";
    }

    void step() {
        switch (below(24)) {
        case 0:
        case 1:
        case 2:
        case 3: {
            std::string bytes(length(), '\0');
            fill(bytes);
            auto const at = place(std::min(wanted_.size() + (below(4) == 0 ? 20'000 : 0), size_max - bytes.size()));
            note("write " + std::to_string(bytes.size()) + " at " + std::to_string(at));
            expect(one_.write_at(bytes, static_cast<off_t>(at)), "write");
            put(at, bytes);
            break;
        }
        case 4: {
            std::string bytes(1 + below(2000), '\0');
            if (wanted_.size() + bytes.size() > size_max)
                break;
            fill(bytes);
            note("append " + std::to_string(bytes.size()));
            expect(appending_.write(bytes), "append");
            put(wanted_.size(), bytes);
            break;
        }
        case 5:
        case 6: {
            auto const to = below(3) == 0 ? place(size_max) : place(wanted_.size());
            note("truncate to " + std::to_string(to));
            expect(below(2) == 0 ? wrong(::ftruncate(one_.fd(), static_cast<off_t>(to)))
                                 : wrong(::truncate((tree_ / "f").c_str(), static_cast<off_t>(to))),
                   "truncate");
            wanted_.resize(to, '\0');
            break;
        }
        case 7:
        case 8:
        case 9: {
            auto const at = place(wanted_.size() + 1000);
            auto const count = length();
            note("read " + std::to_string(count) + " at " + std::to_string(at));
            auto const found = (below(2) == 0 ? one_ : other_).read_at(count, static_cast<off_t>(at));
            if (found != (at < wanted_.size() ? wanted_.substr(at, count) : ""))
                failure_ = "what is read at " + std::to_string(at) + " is wrong";
            break;
        }
        case 10: note("map"), map(); break;
        case 11:
        case 12: {
            if (reach() == 0)
                break;
            auto const at = place(reach() - 1);
            std::string bytes(std::min(length(), reach() - at), '\0');
            fill(bytes);
            note("write " + std::to_string(bytes.size()) + " by mapping at " + std::to_string(at));
            std::memcpy(map_ + at, bytes.data(), bytes.size());
            put(at, bytes);
            if (below(3) == 0)
                expect(wrong(::msync(map_, mapped_, MS_SYNC)), "msync");
            break;
        }
        case 13:
        case 14: give_back(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, "punch"); break;
        case 15: give_back(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, "zero"); break;
        case 16: {
            auto const at = place(wanted_.size());
            auto const count = length();
            if (at + count > size_max)
                break;
            note("allocate " + std::to_string(count) + " at " + std::to_string(at));
            if (int const outcome = wrong(::fallocate(one_.fd(), 0, static_cast<off_t>(at), static_cast<off_t>(count)));
                outcome != EOPNOTSUPP) {
                expect(outcome, "fallocate");
                if (wanted_.size() < at + count)
                    wanted_.resize(at + count, '\0');
            }
            break;
        }
        case 17:
        case 18: copy_within(); break;
        case 19:
        case 20: go_direct(); break;
        case 21:
            note("flush");
            expect(wrong(below(2) == 0 ? ::fsync(one_.fd()) : ::fdatasync(appending_.fd())), "fsync");
            break;
        case 22:
            note("forget");
            if (below(3) == 0)
                (void)drop_caches();
            else
                (void)::posix_fadvise(one_.fd(), 0, 0, POSIX_FADV_DONTNEED);
            break;
        default: again(); break;
        }
    }
    void give_back(int mode, char const* what) {
        auto const at = place(wanted_.size());
        auto const count = length();
        note(std::string(what) + " " + std::to_string(count) + " at " + std::to_string(at));
        int const outcome = wrong(::fallocate(one_.fd(), mode, static_cast<off_t>(at), static_cast<off_t>(count)));
        if (outcome == EOPNOTSUPP)
            return;
        expect(outcome, what);
        if (at < wanted_.size())
            std::fill_n(wanted_.begin() + static_cast<std::ptrdiff_t>(at), std::min(count, wanted_.size() - at), '\0');
    }
    void copy_within() {
        auto const from = place(wanted_.size());
        auto const count = std::min(length(), wanted_.size() - from);
        auto const to = place(wanted_.size() + 10'000);
        if (count == 0 || to + count > size_max || (from < to + count && to < from + count))
            return;
        note("copy " + std::to_string(count) + " from " + std::to_string(from) + " to " + std::to_string(to));
        auto in = static_cast<off_t>(from), out = static_cast<off_t>(to);
        auto const copied = ::copy_file_range(one_.fd(), &in, one_.fd(), &out, count, 0);
        if (copied < 0)
            expect(errno, "copy_file_range");
        else
            put(to, wanted_.substr(from, static_cast<std::size_t>(copied)));
    }
    void go_direct() {
        if (direct_.why() != 0)
            return;
        auto const count = page * (1 + below(8));
        auto const at = below(wanted_.size() / page + 1) * page;
        std::unique_ptr<char, decltype(&std::free)> const room(static_cast<char*>(std::aligned_alloc(page, count)), &std::free);
        if (below(2) == 0) {
            note("read " + std::to_string(count) + " directly at " + std::to_string(at));
            auto const got = ::pread(direct_.fd(), room.get(), count, static_cast<off_t>(at));
            if (got < 0)
                expect(errno, "direct read");
            else if (std::string(room.get(), static_cast<std::size_t>(got)) !=
                     (at < wanted_.size() ? wanted_.substr(at, count) : ""))
                failure_ = "what is read directly at " + std::to_string(at) + " is wrong";
        } else if (at + count <= size_max) {
            // What a mapping holds of it is not to be flushed over it later, as open(2) warns.
            unmap();
            expect(wrong(::fsync(one_.fd())), "fsync");
            std::string bytes(count, '\0');
            fill(bytes);
            note("write " + std::to_string(count) + " directly at " + std::to_string(at));
            std::memcpy(room.get(), bytes.data(), count);
            if (::pwrite(direct_.fd(), room.get(), count, static_cast<off_t>(at)) != static_cast<ssize_t>(count))
                expect(errno, "direct write");
            put(at, bytes);
        }
    }
    void again() {
        close();
        if (remounts_ && below(6) == 0 && !tree_.is_direct()) {
            note("mount again");
            if (!tree_.close())
                failure_ = "the mount does not end well";
            tree_.open();
        } else if (below(2) == 0) {
            note("rename there and back");
            expect(wrong(::rename((tree_ / "f").c_str(), (tree_ / "g").c_str())), "rename");
            expect(wrong(::rename((tree_ / "g").c_str(), (tree_ / "f").c_str())), "rename");
        } else {
            note("open again");
        }
        open();
    }

    overlay& tree_;
    std::mt19937_64 random_;
    bool remounts_;
    std::string wanted_;
    file one_, other_, appending_, direct_;
    char* map_ = nullptr;
    std::size_t mapped_ = 0;
    std::vector<std::string> steps_;
    std::string failure_;
};

}  // namespace

TEST_CASE("[mount.contents.1] one file, everything that can be done to it, at random") {
    if (cannot_mount())
        return;
    auto const first = number("LAMINA_SEED", 1);
    auto const steps = number("LAMINA_STEPS", 6000);
    constexpr unsigned long each = 600;
    for (unsigned long played = 0; played < steps; played += each) {
        auto const seed = first + played / each;
        INFO("LAMINA_SEED=" << seed);
        overlay tree;
        auto const failure = player(tree, seed, true).play(each);
        REQUIRE(failure == "");
    }
}
