// The operations of a driver on a lamina::overlay: the members that a user would call, with paths parsed beforehand, as
// a program that uses them again and again would keep them.
#pragma once

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <lamina/lamina.hpp>

namespace bench {

// So that a million entries fit, whose growth is to be seen; the library's own bound is 256 MiB.
inline constexpr std::size_t cache_bytes = std::size_t{1} << 30;

template <class Result>
auto valid(Result&& outcome, char const* what) {
    if (!outcome.has_value())
        throw std::runtime_error(std::string(what) + ": " + to_string(outcome.error()));
    if constexpr (!std::is_void_v<typename std::remove_cvref_t<Result>::value_type>)
        return *std::forward<Result>(outcome);
}

template <class File>
class overlay_reader {
public:
    explicit overlay_reader(File file) : file_(std::move(file)) {}
    std::size_t read_at(std::span<std::byte> out, std::uint64_t offset) {
        return valid(file_.read_at(out, offset), "read");
    }

private:
    File file_;
};

template <class Overlay>
class overlay_calls {
public:
    using path_type = lamina::path;
    using reader_type = overlay_reader<typename Overlay::file_type>;
    static path_type make_path(std::string const& text) { return lamina::path::parse(text).value(); }

    bool stat(path_type const& path) {
        auto const found = root_->status(path);
        if (!found && found.error() != lamina::errc::enoent)
            valid(found, "stat");
        return found.has_value();
    }
    std::size_t read(path_type const& path, std::span<std::byte> out) {
        auto file = valid(root_->open(path, lamina::open_flags::read), "open");
        return valid(file.read_at(out, 0), "read");
    }
    reader_type open_reader(path_type const& path) {
        return reader_type(valid(root_->open(path, lamina::open_flags::read), "open"));
    }
    void create(path_type const& path, std::string_view bytes) {
        using lamina::open_flags;
        auto file = valid(root_->open(path, open_flags::write | open_flags::create | open_flags::exclusive), "create");
        if (valid(file.write_at(std::as_bytes(std::span(bytes)), 0), "write") != bytes.size())
            throw std::runtime_error("a write was cut short");
    }
    void append(path_type const& path, std::string_view bytes) {
        using lamina::open_flags;
        auto file = valid(root_->open(path, open_flags::write | open_flags::append), "open for appending");
        if (valid(file.append(std::as_bytes(std::span(bytes))), "append") != bytes.size())
            throw std::runtime_error("a write was cut short");
    }
    void overwrite(path_type const& path, std::string_view bytes) {
        auto file = valid(root_->open(path, lamina::open_flags::write), "open for writing");
        if (valid(file.write_at(std::as_bytes(std::span(bytes)), 0), "write") != bytes.size())
            throw std::runtime_error("a write was cut short");
    }
    void set_mode(path_type const& path, unsigned mode) { valid(root_->permissions(path, mode), "set the mode"); }
    void remove(path_type const& path) { valid(root_->remove(path), "remove"); }
    void remove_all(path_type const& path) { valid(root_->remove_all(path), "remove_all"); }
    void rename(path_type const& from, path_type const& to) { valid(root_->rename(from, to), "rename"); }
    std::size_t list(path_type const& path) {
        std::size_t names = 0;
        auto const entries = valid(root_->list(path), "list");
        for (auto const& entry : entries)
            names += entry.type != lamina::file_type::unknown;
        return names;
    }
    std::size_t walk(path_type const& path) {
        std::size_t objects = 0;
        valid(root_->walk(path, [&](lamina::walk_entry const&) { ++objects; }), "walk");
        return objects;
    }

protected:
    void close() { root_.reset(); }
    template <class... A>
    void open(A&&... layers) {
        root_ = std::make_unique<Overlay>(std::forward<A>(layers)...);
        valid(root_->ready(), "join the layers");
    }

private:
    std::unique_ptr<Overlay> root_;
};

}  // namespace bench
