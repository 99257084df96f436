// Functions over paths that are answered from a tree in memory.
#include <lamina/backend/from_paths.hpp>
#include <lamina/backend/memory.hpp>

#include "conformance/content.hpp"

namespace {

struct functions {
    lamina::memory_tree memory;

    lamina::result<std::optional<lamina::attributes>> status(lamina::path_view path) {
        auto const found = memory.symlink_status(path);
        if (!found && (found.error() == lamina::errc::enoent || found.error() == lamina::errc::enotdir))
            return std::optional<lamina::attributes>();
        if (!found)
            return lamina::unexpected(found.error());
        return std::optional(*found);
    }
    lamina::result<void> list(lamina::path_view path, lamina::entry_sink sink) {
        LAMINA_TRY(auto const entries, memory.list(path));
        for (auto const entry : entries)
            if (!sink(entry))
                break;
        return {};
    }
    lamina::result<std::size_t> read(lamina::path_view path, std::uint64_t offset, std::span<std::byte> into) {
        LAMINA_TRY(auto file, memory.open(path, lamina::open_flags::read));
        return file.read_at(into, offset);
    }
    lamina::result<std::string> read_symlink(lamina::path_view path) { return memory.read_symlink(path); }
    lamina::result<std::vector<std::pair<std::string, std::string>>> xattrs(lamina::path_view path) {
        std::vector<std::pair<std::string, std::string>> all;
        LAMINA_TRY(auto const keys, memory.xattrs(path, lamina::links::no_follow));
        for (auto const& key : keys) {
            LAMINA_TRY(auto value, memory.get_xattr(path, key, lamina::links::no_follow));
            all.emplace_back(key, std::move(value));
        }
        return all;
    }
};

class fixture {
public:
    explicit fixture(conformance::content const& given) { conformance::materialise(functions_.memory, given); }
    [[nodiscard]] auto& tree() { return tree_; }
    [[nodiscard]] static lamina::capabilities holds() { return lamina::memory_tree().able(); }

private:
    functions functions_;
    lamina::from_paths<functions&> tree_{functions_};
};

}  // namespace

#include "conformance/readable.ipp"
