// Files that are copied up block by block: whatever is done to them, through names and handles and over re-openings,
// they hold what a plain file would hold.
#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/adapt/count.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/stack/overlay.hpp>

#include "../../model/scratch.hpp"
#include "blocks_of.hpp"
#include "catch.hpp"

namespace {

using namespace lamina;
using namespace blocks_of;

// What the files are to hold, by name and by handle.
class expectation {
public:
    void name(std::string const& name, std::string content) {
        names_[name] = std::make_shared<std::string>(std::move(content));
    }
    [[nodiscard]] std::shared_ptr<std::string> of(std::string const& name) const {
        auto const at = names_.find(name);
        return at == names_.end() ? nullptr : at->second;
    }
    void put(std::string const& name, std::shared_ptr<std::string> object) { names_[name] = std::move(object); }
    void remove(std::string const& name) { names_.erase(name); }
    [[nodiscard]] auto const& all() const { return names_; }

private:
    std::map<std::string, std::shared_ptr<std::string>> names_;
};

// Random operations on a handful of names. `Open` makes the overlay anew over the same upper.
template <class Open>
void run(std::uint32_t seed, int steps, expectation expected, Open open) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    auto const below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    std::vector<std::string> const names{"big", "small", "dir/inner", "new", "dir/other", "moved"};
    auto const any_name = [&]() -> std::string const& { return names[below(names.size())]; };

    auto root = open();
    using file = typename std::remove_reference_t<decltype(*root)>::file_type;
    struct handle {
        file opened;
        std::shared_ptr<std::string> object;
        bool writable;
    };
    std::vector<std::unique_ptr<handle>> handles;
    auto const some_bytes = [&] {
        std::string bytes(1 + below(below(4) == 0 ? 3 * block : 200), char('A' + below(26)));
        for (auto& c : bytes)
            c = char(c + static_cast<char>(random() % 3));
        return bytes;
    };
    auto const change = [&](file& opened, std::string& object) {
        auto const bytes = some_bytes();
        switch (below(8)) {
        case 0:
            REQUIRE(paths_write(opened, bytes, object.size()));  // at the end
            object += bytes;
            break;
        case 1: {
            auto const count = opened.append(std::as_bytes(std::span(bytes))).value();
            object += bytes.substr(0, count);
            break;
        }
        case 2: {
            std::size_t const size = below(5) == 0 ? 0 : below(object.size() + 2 * block);
            opened.resize(size).value();
            object.resize(size);
            break;
        }
        case 3: {  // past the end
            std::size_t const at = object.size() + below(2 * block);
            REQUIRE(paths_write(opened, bytes, at));
            object.resize(at);
            object += bytes;
            break;
        }
        case 4: {  // zeros
            std::size_t const at = below(object.size() + block);
            std::size_t const count = 1 + below(below(2) == 0 ? 4 * block : 100);
            allocation const kinds[] = {allocation::punch_hole, allocation::zero_range,
                                        allocation::zero_range_keep_size};
            auto const how = kinds[below(3)];
            auto const done = opened.allocate(how, at, count);
            if (!done) {
                REQUIRE(done.error() == errc::eopnotsupp);  // not every file system can
                break;
            }
            if (may_grow(how) && object.size() < at + count)
                object.resize(at + count);
            for (std::size_t i = at; i < std::min(at + count, object.size()); ++i)
                object[i] = '\0';
            break;
        }
        case 5: {  // room
            std::size_t const at = below(object.size() + block);
            std::size_t const count = 1 + below(2 * block);
            bool const grows = below(2) == 0;
            opened.allocate(grows ? allocation::plain : allocation::keep_size, at, count).value();
            if (grows && object.size() < at + count)
                object.resize(at + count);
            break;
        }
        default: {
            std::size_t const at = below(object.size() + 1);
            REQUIRE(paths_write(opened, bytes, at));
            object.resize(std::max(object.size(), at + bytes.size()));
            object.replace(at, bytes.size(), bytes);
        }
        }
    };

    for (int step = 0; step < steps; ++step) {
        INFO("step " << step);
        auto const& name = any_name();
        auto const object = expected.of(name);
        auto const as = path::parse(name).value();
        switch (below(16)) {
        case 0:  // a handle
            if (object != nullptr) {
                bool const writable = below(2) == 0;
                auto const flags = writable ? open_flags::read_write : open_flags::read;
                handles.push_back(std::make_unique<handle>(handle{root->open(as, flags).value(), object, writable}));
            }
            break;
        case 1:
            if (!handles.empty())
                handles.erase(handles.begin() + static_cast<std::ptrdiff_t>(below(handles.size())));
            break;
        case 2:
        case 3:
        case 4:
        case 5:
            if (!handles.empty()) {
                auto& h = *handles[below(handles.size())];
                if (h.writable)
                    change(h.opened, *h.object);
            }
            break;
        case 6:
        case 7:
            if (object != nullptr) {
                auto opened = root->open(as, open_flags::read_write).value();
                change(opened, *object);
                if (below(4) == 0)
                    opened.sync(sync_kind::data).value();
            }
            break;
        case 8:
            if (object != nullptr) {
                std::size_t const size = below(object->size() + block);
                root->resize(as, size).value();
                object->resize(size);
            }
            break;
        case 9:
            if (object != nullptr) {
                root->permissions(as, 0600 | static_cast<mode_bits>(below(64))).value();
            } else {
                auto const bytes = some_bytes();
                root->write(as, bytes).value();
                expected.name(name, bytes);
            }
            break;
        case 10:
            if (auto const& to = any_name(); object != nullptr) {
                root->rename(as, path::parse(to).value()).value();
                if (auto const there = expected.of(to); there != object) {
                    expected.put(to, object);
                    expected.remove(name);
                }
            }
            break;
        case 11:
            if (auto const& to = any_name(); object != nullptr && expected.of(to) == nullptr) {
                root->create_hard_link(as, path::parse(to).value()).value();
                expected.put(to, object);
            }
            break;
        case 12:
            if (object != nullptr && below(3) == 0) {
                root->remove(as).value();
                expected.remove(name);
            }
            break;
        case 13:
            if (below(4) == 0) {
                handles.clear();
                root.reset();
                root = open();
            }
            break;
        case 14:
            if (below(8) == 0)
                root->materialize().value();
            else if (object != nullptr && below(4) == 0)
                root->materialize(as).value();
            break;
        default:
            // (With a handle under a name that is gone, it would be another file.)
            if (object != nullptr && below(8) == 0 &&
                std::none_of(handles.begin(), handles.end(), [&](auto const& h) { return h->object == object; })) {
                auto const bytes = some_bytes();
                root->write(as, bytes).value();
                *object = bytes;
            }
        }
        if (!handles.empty()) {
            auto& h = *handles[below(handles.size())];
            std::size_t const at = below(h.object->size() + 10);
            std::string bytes(below(2 * block), '\0');
            auto const count = h.opened.read_at(std::as_writable_bytes(std::span(bytes)), at).value();
            REQUIRE((bytes.substr(0, count) == (at < h.object->size() ? h.object->substr(at, bytes.size()) : "")));
            REQUIRE(h.opened.status().value().size == h.object->size());
            REQUIRE(holes_are_zeros(h.opened, *h.object));
        }
        if (auto const& look = any_name(); expected.of(look) != nullptr) {
            REQUIRE((root->read(path::parse(look).value()).value() == *expected.of(look)));
            REQUIRE(root->status(path::parse(look).value()).value().size == expected.of(look)->size());
        }
    }
    handles.clear();
    root.reset();
    root = open();
    for (auto const& [name, object] : expected.all())
        REQUIRE((root->read(path::parse(name).value()).value() == *object));
    root->materialize().value();
    CHECK_FALSE(root->needs_materialize());
    for (auto const& [name, object] : expected.all())
        REQUIRE((root->read(path::parse(name).value()).value() == *object));
}

template <class Tree>
expectation fill_lower(Tree& tree) {
    expectation expected;
    expected.name("big", pattern(30 * block + 123, 1));
    expected.name("small", pattern(block - 7, 2));
    expected.name("dir/inner", pattern(8 * block, 3));
    tree.create_directory("dir").value();
    for (auto const& [name, object] : expected.all())
        tree.write(path::parse(name).value(), *object).value();
    return expected;
}

}  // namespace

TEST_CASE("[blocks.1] random operations on an upper in memory: what a plain file would hold") {
    for (std::uint32_t seed = 1; seed <= 12; ++seed) {
        memory_tree lower_tree, scratch;
        auto const expected = fill_lower(lower_tree);
        count counted{lower_tree};  // of another file type, so that nothing is cloned
        auto rules = policy_of_blocks();
        if (seed % 3 == 1)
            rules.metacopy = metacopies::on;
        if (seed % 4 == 2)
            rules.durable = durability::strict;
        run(seed, 600, expected, [&] {
            auto made = std::make_unique<overlay<upper_layer<memory_tree&>, detail::lower_one<count<memory_tree&>&>>>(
                upper(scratch), lower(counted), rules);
            made->ready().value();
            return made;
        });
    }
}

TEST_CASE("[blocks.2] random operations on a real upper: what a plain file would hold") {
    for (std::uint32_t seed = 101; seed <= 106; ++seed) {
        model::scratch place;
        auto outside = place.open();
        for (auto const name : {"upper", "work", "lower"})
            outside.create_directory(path::parse(name).value()).value();
        auto lower_tree = posix_directory::open(place / "lower").value();
        auto const expected = fill_lower(lower_tree);
        auto rules = policy_of_blocks();
        rules.durable = seed % 3 == 0 ? durability::strict : seed % 3 == 1 ? durability::ordered : durability::none;
        run(seed, 300, expected, [&] {
            auto made =
                std::make_unique<overlay<upper_layer<posix_directory>, detail::lower_one<posix_directory&>>>(
                    upper(posix_directory::open(place / "upper").value(),
                          posix_directory::open(place / "work").value()),
                    lower(lower_tree), rules);
            made->ready().value();
            return made;
        });
    }
}
