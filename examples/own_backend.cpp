// A backend of one's own out of three functions: here a table in the program, as a lower below a real overlay.
// Whatever can say what a path is, what is in a directory and what bytes are in a file can be a layer.
#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace {

// quote: functions
// Settings as files: "net/port" is the file `port` in the directory `net`.
class settings {
public:
    explicit settings(std::map<std::string, std::string, std::less<>> values) : values_(std::move(values)) {}

    lamina::result<std::optional<lamina::attributes>> status(lamina::path_view where) const {
        lamina::attributes object;
        if (auto const found = values_.find(where.bytes()); found != values_.end()) {
            object.type = lamina::file_type::regular;
            object.mode = 0644;
            object.size = found->second.size();
            return object;
        }
        if (!is_directory(where.bytes()))
            return std::nullopt;
        object.type = lamina::file_type::directory;
        object.mode = 0755;
        return object;
    }

    lamina::result<void> list(lamina::path_view where, lamina::entry_sink sink) const {
        std::string const prefix = where.is_root() ? "" : std::string(where.bytes()) + '/';
        std::string_view last;
        for (auto at = values_.lower_bound(prefix); at != values_.end() && at->first.starts_with(prefix); ++at) {
            auto const rest = std::string_view(at->first).substr(prefix.size());
            auto const name = rest.substr(0, rest.find('/'));
            if (std::exchange(last, name) == name)
                continue;  // sorted: all that is in one directory comes together
            auto const type = name == rest ? lamina::file_type::regular : lamina::file_type::directory;
            if (!sink({name, type, 0}))
                break;
        }
        return {};
    }

    lamina::result<std::size_t> read(lamina::path_view where, std::uint64_t offset, std::span<std::byte> into) const {
        auto const& text = values_.find(where.bytes())->second;
        auto const rest = std::string_view(text).substr(std::min<std::size_t>(offset, text.size()));
        auto const count = std::min(rest.size(), into.size());
        std::memcpy(into.data(), rest.data(), count);
        return count;
    }

private:
    bool is_directory(std::string_view where) const {
        std::string const prefix = std::string(where) + '/';
        auto const below = values_.lower_bound(prefix);
        return where.empty() || (below != values_.end() && below->first.starts_with(prefix));
    }

    std::map<std::string, std::string, std::less<>> values_;
};
// end quote

}  // namespace

int main() {
    // quote: use
    lamina::from_paths defaults{settings({{"log/level", "info\n"}, {"net/host", "localhost\n"}, {"net/port", "80\n"}})};
    lamina::memory_tree scratch;
    lamina::overlay config{lamina::upper(scratch), lamina::lower(defaults)};

    config.write("net/port", "8080\n").value();
    config.remove("log/level").value();

    for (auto const& entry : config.list("net").value()) {
        auto const path = lamina::path::parse(fmt::format("net/{}", entry.name)).value();
        fmt::print("{}: {}", path, config.read(path).value());
    }
    fmt::print("log/level: {}\n", config.exists("log/level").value() ? "there" : "removed");
    fmt::print("the default: {}", defaults.read("net/port").value());
    // end quote
}

// Output:
//   net/port: 8080
//   net/host: localhost
//   log/level: removed
//   the default: 80
