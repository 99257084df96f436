// The work of the demo, step by step, each step on three trees in turn: an overlay with its upper in memory, an
// overlay with its upper in a directory, and a plain directory that holds a copy. A step returns a figure (how many,
// or a checksum), and the three figures must agree.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include "layers.hpp"
#include "report.hpp"
#include "survey.hpp"

namespace demo {

using figure = lamina::result<std::uint64_t, lamina::path_error>;

inline lamina::path checked(std::string path) { return lamina::path::parse(std::move(path)).value(); }

class session {
    using lowers_type = std::vector<lamina::any_backend>;
    using view_type = decltype(lamina::overlay{lamina::lower(std::declval<lowers_type&>())});
    using memory_type = decltype(lamina::overlay{lamina::upper(std::declval<lamina::memory_tree&>()),
                                                 lamina::lower(std::declval<lowers_type&>())});
    using directory_type = decltype(lamina::overlay{
        lamina::upper(std::declval<lamina::posix_directory&>(), std::declval<lamina::posix_directory&>()),
        lamina::lower(std::declval<lowers_type&>())});

public:
    session(std::filesystem::path scratch, std::vector<layer> const& layers, bool copies)
        : scratch_(std::move(scratch)),
          copies_(copies) {
        for (auto const& layer : layers)
            lowers_.push_back(layer.tree);
    }

    // Returns whether everything went as it should.
    bool run() {
        if (auto done = prepare(); !done) {
            fmt::print("  {}\n", done.error());
            return false;
        }
        table_.head();
        if (!join())
            return false;
        look();
        change();
        compare();
        show_changes();
        show_sizes();
        return good_;
    }

private:
    lamina::result<void, lamina::path_error> prepare() {
        std::error_code failed;
        for (auto const* const name : {"upper", "work", "plain"})
            std::filesystem::create_directories(scratch_ / name, failed);
        LAMINA_TRY(upper_, lamina::posix_directory::open((scratch_ / "upper").string()));
        LAMINA_TRY(work_, lamina::posix_directory::open((scratch_ / "work").string()));
        LAMINA_TRY(plain_, lamina::posix_directory::open((scratch_ / "plain").string()));
        view_type view{lamina::lower(lowers_)};
        LAMINA_TRY(survey_, survey::of(view));
        if (auto const& left = survey_.unreadable; !left.paths.empty())
            fmt::print("      left out, for this user may not read it: {}; the first: {}\n", count(left.paths.size()),
                       left.first);
        if (auto const space = plain_->space();
            copies_ && space && space->available < survey_.bytes + survey_.bytes / 8) {
            fmt::print("      no plain copy: it takes {}, and {} has {}\n", bytes(survey_.bytes), scratch_.string(),
                       bytes(space->available));
            copies_ = false;
        }
        return {};
    }

    // --- the steps

    bool join() {
        auto const opening = [this](auto& tree) -> figure {
            if constexpr (std::is_same_v<decltype(tree), lamina::posix_directory&>) {
                return copy_everything(tree);
            } else {
                open(tree);
                if (auto const ready = tree->ready(); !ready)
                    return lamina::unexpected(lamina::path_error(ready.error()));
                return survey_.objects.size();
            }
        };
        step_on("Get one writable tree", memory_, directory_, opening);
        table_.detail(fmt::format("{} layers are joined; a plain directory needs a copy of {} objects, {}",
                                  lowers_.size(), count(survey_.objects.size()), bytes(survey_.bytes)));
        return memory_ && directory_ && memory_->ready() && directory_->ready();
    }

    void look() {
        auto const walk = [this](auto& tree) { return count_below(tree, ""); };
        auto const names = step("Walk it: every name and its attributes", walk);
        step("Walk it once more", walk);
        if (names)
            table_.detail(count(*names) + " objects, the same number in each");
        std::uint64_t size = 0;
        auto const read = step(fmt::format("Read {} files", count(survey_.to_read.size())), [&](auto& tree) -> figure {
            checksum sum;
            size = 0;
            for (auto const& path : survey_.to_read) {
                LAMINA_TRY(auto const text, at(path, tree.read(checked(path))));
                size += text.size();
                sum.add(text);
            }
            return sum.value();
        });
        if (read)
            table_.detail(bytes(size) + ", the same bytes from each");
    }

    void change() {
        step(fmt::format("Append a line to {} files", count(survey_.to_append.size())), [this](auto& tree) -> figure {
            for (auto const& path : survey_.to_append)
                LAMINA_CHECK(at(path, tree.append(checked(path), "# lamina was here\n")));
            return survey_.to_append.size();
        });
        if (directory_->rules().durable != lamina::durability::none)
            table_.detail("a directory upper flushes what is written before it takes its name (durability::ordered)");
        step(fmt::format("Replace the contents of {} files", count(survey_.to_replace.size())),
             [this](auto& tree) -> figure {
                 for (auto const& path : survey_.to_replace)
                     LAMINA_CHECK(at(path, tree.write(checked(path), "replaced\n")));
                 return survey_.to_replace.size();
             });
        step(fmt::format("Make {} new files", count(new_files)), [](auto& tree) -> figure {
            LAMINA_CHECK(tree.create_directories("lamina-demo/new"));
            for (std::uint64_t i = 0; i != new_files; ++i) {
                auto const path = fmt::format("lamina-demo/new/{}", i);
                LAMINA_CHECK(at(path, tree.write(checked(path), path)));
            }
            return new_files;
        });
        rename();
        remove();
        list_changes();
        reopen();
    }

    void rename() {
        auto const& what = survey_.to_rename;
        if (what.path.empty())
            return table_.detail("(no two directories here: nothing to rename and to delete)");
        auto const from = checked(what.path);
        auto const to = checked(what.path + renamed);
        bool copied = false;
        auto const act = [&](auto& tree) -> figure {
            auto moved = tree.rename(from, to);
            if (!moved && moved.error() == lamina::errc::exdev) {  // as mv(1)
                copied = true;
                LAMINA_CHECK(tree.copy(from, to));
                LAMINA_CHECK(tree.remove_all(from));
                return std::uint64_t{1};
            }
            LAMINA_CHECK(at(what.path, std::move(moved)));
            return std::uint64_t{1};
        };
        step(fmt::format("Rename {}", what.path), act);
        auto const there = agree([&](auto& tree) { return count_below(tree, to); });
        auto const left = agree([&](auto& tree) -> figure {
            LAMINA_TRY(bool const found, at(what.path, tree.exists(from)));
            return std::uint64_t{found};
        });
        bool const whole = there == what.objects - 1 && left == std::uint64_t{0};
        good_ = good_ && whole;
        table_.detail(whole ? fmt::format("{} objects came along, nothing is left under the old name", count(*there))
                            : "NOT WHOLE: something is missing or left behind");
        if (copied)
            table_.detail("one of the uppers can store no redirect (EXDEV): there it was copied, as mv does");
    }

    void remove() {
        auto const& what = survey_.to_delete;
        if (what.path.empty())
            return;
        auto const path = checked(what.path);
        step(fmt::format("Delete {} and all in it", what.path), [&](auto& tree) -> figure {
            LAMINA_CHECK(tree.remove_all(path));
            return std::uint64_t{1};
        });
        auto const left = agree([&](auto& tree) -> figure {
            LAMINA_TRY(bool const found, at(what.path, tree.exists(path)));
            return std::uint64_t{found};
        });
        good_ = good_ && left == std::uint64_t{0};
        table_.detail(fmt::format("{} objects; an overlay writes one whiteout", count(what.objects)));
    }

    void list_changes() {
        auto const listing = [this](auto& tree) -> figure {
            LAMINA_TRY(changes_, tree.changes());
            return changes_.size();
        };
        std::string const cells[] = {timed(*memory_, 0, listing), timed(*directory_, 1, listing),
                                     copies_ ? "no record" : "-"};
        table_.step("List what has changed", cells);
        finish_step(2);
    }

    void reopen() {
        auto const before = changes_.size();
        auto const again = [this](auto& tree) -> figure {
            tree.reset();
            open(tree);
            LAMINA_TRY(auto const changes, tree->changes());
            return changes.size();
        };
        std::string const cells[] = {timed(memory_, 0, again), timed(directory_, 1, again), "-"};
        table_.step("Open it again, and list once more", cells);
        auto const after = finish_step(2);
        good_ = good_ && after == before;
        table_.detail(after == before ? fmt::format("{} changes, as before", count(before)) : "NOT THE SAME CHANGES");
    }

    // Names, types, modes, sizes and link targets of everything, and the contents of what was written.
    void compare() {
        auto const same = agree([this](auto& tree) -> figure {
            checksum all;
            LAMINA_CHECK(walk_readable(tree, "", [&](lamina::walk_entry const& entry) {
                checksum one;  // added up, not strung together: the trees list in different orders
                one.add(entry.path);
                one.add(static_cast<std::uint64_t>(entry.object.type));
                if (!entry.object.is_symlink())
                    one.add(std::uint64_t{entry.object.mode & 0777});
                if (entry.object.is_regular())
                    one.add(entry.object.size);
                if (entry.object.is_symlink())
                    one.add(tree.read_symlink(checked(std::string(entry.path))).value_or(std::string()));
                sum_ += one.value();
            }));
            all.add(std::exchange(sum_, 0));
            for (auto const* const written : {&survey_.to_append, &survey_.to_replace})
                for (auto const& path : *written)
                    LAMINA_CHECK(add_contents(all, tree, path_now(path)));
            return all.value();
        });
        if (same)
            table_.detail(copies_
                              ? "In the end all three trees are equal: names, types, modes, sizes, what was written."
                              : "In the end both trees are equal: names, types, modes, sizes, what was written.");
    }

    void show_changes() const {
        constexpr std::size_t shown = 12;
        std::size_t counts[3] = {};
        std::vector<lamina::change const*> telling, others;  // those that cover a whole tree come first
        for (auto const& change : changes_) {
            ++counts[static_cast<std::size_t>(change.what)];
            bool const whole_tree = !change.from.empty() || change.what == lamina::change::kind::deleted;
            (whole_tree ? telling : others).push_back(&change);
        }
        heading(fmt::format("What has changed, as the uppers tell it: {} added (A), {} changed (C), {} deleted (D)",
                            counts[0], counts[1], counts[2]));
        for (std::size_t i = 0; i < telling.size() && i < shown; ++i)
            fmt::print("      {}\n", *telling[i]);
        std::size_t const room = shown - std::min(shown, telling.size());
        for (std::size_t i = 0; i < others.size() && i < room; ++i)
            fmt::print("      {}\n", *others[others.size() <= room ? i : i * others.size() / room]);
        if (changes_.size() > shown)
            fmt::print("      ... {} in all\n", count(changes_.size()));
    }

    void show_sizes() {
        heading("What the changes take");
        auto const size_of = [this](auto& tree) {
            std::uint64_t objects = 0;
            std::uint64_t size = 0;
            (void)walk_readable(tree, "", [&](lamina::walk_entry const& entry) {
                ++objects;
                size += entry.object.blocks * 512;
            });
            return fmt::format("{:>10} objects  {:>10}", count(objects), bytes(size));
        };
        fmt::print("      {:<46}{}\n", "the upper in memory", size_of(scratch_tree_));
        fmt::print("      {:<46}{}, marks in {}*\n", "the upper in a directory", size_of(*upper_),
                   lamina::mark::prefix(directory_->rules().marks));
        if (copies_)
            fmt::print("      {:<46}{}\n", "the plain copy", size_of(*plain_));
    }

    // --- how a step is made

    template <class F>
    std::optional<std::uint64_t> step(std::string_view title, F const& f) {
        return step_on(title, *memory_, *directory_, f);
    }
    template <class Memory, class Directory, class F>
    std::optional<std::uint64_t> step_on(std::string_view title, Memory& memory, Directory& directory, F const& f) {
        std::string const cells[] = {timed(memory, 0, f), timed(directory, 1, f), copies_ ? timed(*plain_, 2, f) : "-"};
        table_.step(title, cells);
        return finish_step(copies_ ? 3 : 2);
    }
    template <class Tree, class F>
    std::string timed(Tree& tree, std::size_t column, F const& f) {
        auto const begin = std::chrono::steady_clock::now();
        figures_[column] = f(tree);
        std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begin;
        auto const& outcome = *figures_[column];
        return outcome ? seconds(took.count()) : lamina::to_string(outcome.error().what.code);
    }
    // Reports what failed or differs among the first `columns`. The figure if they agree.
    std::optional<std::uint64_t> finish_step(std::size_t columns) {
        std::optional<std::uint64_t> common;
        bool same = true;
        for (std::size_t i = 0; i != columns; ++i) {
            auto const& outcome = *figures_[i];
            if (!outcome) {
                table_.detail(fmt::format("FAILED: {}", outcome.error()));
                same = false;
            } else if (common && *common != *outcome) {
                table_.detail("DIFFERENT RESULTS");
                same = false;
            } else {
                common = *outcome;
            }
        }
        good_ = good_ && same;
        return same ? common : std::nullopt;
    }
    // The same without the clock.
    template <class F>
    std::optional<std::uint64_t> agree(F const& f) {
        figures_[0] = f(*memory_);
        figures_[1] = f(*directory_);
        if (copies_)
            figures_[2] = f(*plain_);
        return finish_step(copies_ ? 3 : 2);
    }

    void open(std::optional<memory_type>& tree) { tree.emplace(lamina::upper(scratch_tree_), lamina::lower(lowers_)); }
    void open(std::optional<directory_type>& tree) {
        tree.emplace(lamina::upper(*upper_, *work_), lamina::lower(lowers_));
    }

    figure copy_everything(lamina::posix_directory& plain) {
        view_type view{lamina::lower(lowers_)};
        LAMINA_TRY(auto const names, view.list(""));
        for (auto const& entry : names)
            LAMINA_CHECK(copy(view, std::string(entry.name), plain));
        return survey_.objects.size();
    }
    // As a whole where all of it can be read, else name by name.
    lamina::result<void, lamina::path_error> copy(view_type& view, std::string const& where,
                                                  lamina::posix_directory& plain) {
        auto const& left = survey_.unreadable.paths;
        if (left.contains(where))
            return {};
        auto const path = checked(where);
        auto const inside = left.lower_bound(where + '/');
        if (inside == left.end() || !inside->starts_with(where + '/'))
            return lamina::copy_tree(view, path, plain, path);
        LAMINA_TRY(auto const object, at(where, view.status(path)));
        LAMINA_CHECK(at(where, plain.create_directory(path, object.mode | 0700)));
        LAMINA_TRY(auto const names, at(where, view.list(path)));
        for (auto const& entry : names)
            LAMINA_CHECK(copy(view, where + '/' + std::string(entry.name), plain));
        return at(where, plain.permissions(path, object.mode));
    }

    template <class Tree, class Visitor>
    lamina::result<void, lamina::path_error> walk_readable(Tree& tree, lamina::path_view start, Visitor&& visit) {
        auto const& left = survey_.unreadable.paths;
        return tree.walk(start, [&](lamina::walk_entry const& entry) {
            if (!left.empty() && left.contains(entry.path))
                return lamina::walk_action::skip;
            visit(entry);
            return lamina::walk_action::next;
        });
    }
    template <class Tree>
    figure count_below(Tree& tree, lamina::path_view start) {
        std::uint64_t objects = 0;
        LAMINA_CHECK(walk_readable(tree, start, [&](lamina::walk_entry const&) { ++objects; }));
        return objects;
    }
    // Where a file is after the rename.
    [[nodiscard]] std::string path_now(std::string const& path) const {
        auto const& moved = survey_.to_rename.path;
        bool const with_it = !moved.empty() && path.starts_with(moved + '/');
        return with_it ? moved + renamed + path.substr(moved.size()) : path;
    }
    // An outcome, with the path in its error.
    template <class T>
    static lamina::result<T, lamina::path_error> at(std::string const& path, lamina::result<T> outcome) {
        return std::move(outcome).transform_error([&](lamina::error e) { return lamina::path_error(e, path); });
    }

    static constexpr std::uint64_t new_files = 200;
    static inline std::string const renamed = ".renamed-by-the-demo";

    std::filesystem::path scratch_;
    bool copies_;
    lowers_type lowers_;
    survey survey_;
    lamina::memory_tree scratch_tree_;
    std::optional<lamina::posix_directory> upper_, work_, plain_;
    std::optional<memory_type> memory_;
    std::optional<directory_type> directory_;
    std::vector<lamina::change> changes_;
    std::optional<figure> figures_[table::columns];
    std::uint64_t sum_ = 0;
    table table_;
    bool good_ = true;
};

}  // namespace demo
