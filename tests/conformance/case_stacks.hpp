// The fixtures of the cases: an upper of one kind over lowers of one kind. Everything that a case wants of a stack beside its tree:
// to close and open it again, the upper as it lies there, and what the lowers look like to somebody who would see any change.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <lamina/backend/any.hpp>
#include <lamina/backend/memory.hpp>
#include <lamina/posix/directory.hpp>
#include <lamina/stack/overlay.hpp>

#include "conformance/case_layers.hpp"
#include "conformance/expect.hpp"
#include "conformance/temporary_directory.hpp"
#include "model/image.hpp"

namespace conformance {

// --- lowers: what they are made of, and `list()`, which makes lamina::lower(...) of them

class memory_lowers {
public:
    static constexpr std::size_t most = 1000;
    static constexpr auto format = lamina::whiteout_format::kernel;
    void add(content const& given) {
        trees_.emplace_back();
        materialise(trees_.back(), given);
    }
    [[nodiscard]] auto list() { return lamina::lower(trees_); }
    [[nodiscard]] std::vector<model::image> images() { return photographs(trees_); }

    template <class Trees>
    static std::vector<model::image> photographs(Trees& trees) {
        std::vector<model::image> images;
        for (auto& tree : trees)
            images.push_back(model::photograph(tree, model::detail::everything));
        return images;
    }

private:
    std::vector<lamina::memory_tree> trees_;
};

// Their types are part of the stack's.
class three_memory_lowers {
public:
    static constexpr std::size_t most = 3;
    static constexpr auto format = lamina::whiteout_format::kernel;
    void add(content const& given) { materialise(trees_[used_++], given); }
    [[nodiscard]] auto list() { return lamina::lower(trees_[0], trees_[1], trees_[2]); }
    [[nodiscard]] std::vector<model::image> images() { return memory_lowers::photographs(trees_); }

private:
    lamina::memory_tree trees_[3];
    std::size_t used_ = 0;
};

// In the aufs format, which is declared, since a memory tree's is the kernel's.
class three_aufs_lowers {
public:
    static constexpr std::size_t most = 3;
    static constexpr auto format = lamina::whiteout_format::aufs;
    void add(content const& given) { materialise(trees_[used_++], given); }
    [[nodiscard]] auto list() {
        return lamina::lower(lamina::marked(trees_[0], format), lamina::marked(trees_[1], format),
                             lamina::marked(trees_[2], format));
    }
    [[nodiscard]] std::vector<model::image> images() { return memory_lowers::photographs(trees_); }

private:
    lamina::memory_tree trees_[3];
    std::size_t used_ = 0;
};

class any_lowers {
public:
    static constexpr std::size_t most = 1000;
    static constexpr auto format = lamina::whiteout_format::kernel;
    void add(content const& given) {
        trees_.push_back(std::make_unique<lamina::memory_tree>());
        materialise(*trees_.back(), given);
        list_.emplace_back(*trees_.back());
    }
    [[nodiscard]] auto list() { return lamina::lower(list_); }
    [[nodiscard]] std::vector<model::image> images() {
        std::vector<model::image> images;
        for (auto& tree : trees_)
            images.push_back(model::photograph(*tree, model::detail::everything));
        return images;
    }

private:
    std::vector<std::unique_ptr<lamina::memory_tree>> trees_;
    std::vector<lamina::any_backend> list_;
};

class posix_lowers {
public:
    static constexpr std::size_t most = 1000;
    static constexpr auto format = lamina::whiteout_format::kernel;
    void add(content const& given) {
        auto outside = lamina::posix_directory::open(place_.path()).value();
        auto const name = "lower" + std::to_string(trees_.size());
        outside.create_directory(at(name)).value();
        trees_.push_back(lamina::posix_directory::open(place_.path() + "/" + name).value());
        materialise(trees_.back(), given);
    }
    [[nodiscard]] auto list() { return lamina::lower(trees_); }
    [[nodiscard]] std::vector<model::image> images() { return memory_lowers::photographs(trees_); }

private:
    temporary_directory place_;
    std::vector<lamina::posix_directory> trees_;
};

// --- uppers: `layer()` makes lamina::upper(...) of them, `raw()` shows what lies there

class memory_upper {
public:
    [[nodiscard]] auto layer() { return lamina::upper(tree_); }
    [[nodiscard]] lamina::memory_tree& raw() { return tree_; }
    [[nodiscard]] static lamina::capabilities able() { return lamina::memory_tree().able(); }

private:
    lamina::memory_tree tree_;
};

class posix_upper {
public:
    [[nodiscard]] auto layer() { return lamina::upper(tree_, work_); }
    [[nodiscard]] lamina::posix_directory& raw() { return tree_; }
    [[nodiscard]] static lamina::capabilities able() {
        temporary_directory const place;
        auto tree = lamina::posix_directory::open(place.path()).value();
        tree.probe(tree.root()).value();
        return tree.able();
    }

private:
    lamina::posix_directory made(char const* name) {
        auto outside = lamina::posix_directory::open(place_.path()).value();
        outside.create_directory(at(name)).value();
        return lamina::posix_directory::open(place_.path() + "/" + name).value();
    }
    temporary_directory place_;
    lamina::posix_directory tree_ = made("upper");
    lamina::posix_directory work_ = made("work");
};

// --- the stack

struct plain_rules {
    static lamina::policy rules() { return {}; }
};
struct aufs_rules {
    static lamina::policy rules() {
        lamina::policy p;
        p.format = lamina::whiteout_format::aufs;
        return p;
    }
};
struct half_copy_rules {
    static lamina::policy rules() {
        lamina::policy p;
        p.metacopy = lamina::metacopies::on;
        return p;
    }
};
// Every file, however small, by blocks.
struct block_rules {
    static lamina::policy rules() {
        lamina::policy p;
        p.blocks = lamina::block_copies::on;
        p.blocks_from = 1;
        p.block_size = 4096;
        return p;
    }
};

// `Count` lowers at least: what a case does not fill is empty.
template <class Upper, class Lowers, std::size_t Count, class Rules = plain_rules>
class case_stack {
    using tree_type = decltype(lamina::overlay{std::declval<Upper&>().layer(), std::declval<Lowers&>().list()});

public:
    static constexpr bool aufs_upper() { return Rules::rules().format == lamina::whiteout_format::aufs; }
    static constexpr bool moves_lower_directories() { return !aufs_upper(); }
    static constexpr bool half_copies() { return Rules::rules().metacopy == lamina::metacopies::on; }
    static constexpr std::size_t most_lowers = Lowers::most;
    // An archive and an overlay name no object for good.
    static constexpr bool lowers_give_handles() {
        if constexpr (requires { Lowers::gives_handles; })
            return Lowers::gives_handles;
        else
            return true;
    }
    [[nodiscard]] static lamina::capabilities holds() { return Upper::able(); }

    // The given ones are spread: the first is the topmost, the last the lowest, and what is missing lies between.
    explicit case_stack(layer_list const& given) {
        for (std::size_t i = 0; i + 1 < given.size(); ++i)
            lowers_.add(given[i].in(Lowers::format));
        for (std::size_t i = given.size(); i < Count; ++i)
            lowers_.add({});
        lowers_.add(given.back().in(Lowers::format));
        open();
        tree().ready().value();
    }
    explicit case_stack(layer const& given) : case_stack(layer_list{given}) {}

    [[nodiscard]] tree_type& tree() { return *tree_; }
    [[nodiscard]] auto& raw_upper() { return upper_.raw(); }
    void reopen() {
        tree_.reset();
        open();
    }
    [[nodiscard]] std::vector<model::image> lower_images() { return lowers_.images(); }

private:
    void open() { tree_.emplace(upper_.layer(), lowers_.list(), Rules::rules()); }

    Upper upper_;
    Lowers lowers_;
    std::optional<tree_type> tree_;
};

// Whether a case needs more lowers than this configuration can be given. Says so.
template <class Fixture>
[[nodiscard]] bool too_few_lowers(std::size_t wanted) {
    if (wanted <= Fixture::most_lowers)
        return false;
    WARN("left out: this configuration has " << Fixture::most_lowers << " lowers at most");
    return true;
}

template <class Fixture>
[[nodiscard]] bool moves_no_directories() {
    if (Fixture::moves_lower_directories())
        return false;
    WARN("left out: this format has no redirects");
    return true;
}

}  // namespace conformance
