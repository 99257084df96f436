// Archives made byte by byte, the ones that no tar program writes included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <lamina/archive/tar.hpp>

namespace tar_test {

inline constexpr std::size_t block = 512;

inline void set_field(std::string& header, std::size_t offset, std::string_view bytes) {
    header.replace(offset, bytes.size(), bytes);
}
inline std::string octal(std::uint64_t value, std::size_t width) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*llo", static_cast<int>(width - 1), static_cast<unsigned long long>(value));
    return std::string(text) + '\0';
}
// Makes the checksum of the header that begins at `at` right.
inline void seal(std::string& bytes, std::size_t at = 0) {
    bytes.replace(at + 148, 8, "        ");
    unsigned sum = 0;
    for (std::size_t i = 0; i < block; ++i)
        sum += static_cast<unsigned char>(bytes[at + i]);
    bytes.replace(at + 148, 8, octal(sum, 7) + ' ');
}

struct member {
    std::string_view name;
    char type = '0';
    std::string_view data = {};
    std::string_view link = {};
    std::uint64_t mode = 0644;
    std::uint64_t uid = 1000;
    std::uint64_t gid = 100;
    std::uint64_t mtime = 1'600'000'000;
    std::optional<std::uint64_t> size = std::nullopt;  // where it is not the data's
    std::string_view prefix = {};
    std::uint64_t major = 0, minor = 0;
    std::string_view magic = std::string_view("ustar\00000", 8);
};

inline std::string header(member const& m) {
    std::string h(block, '\0');
    set_field(h, 0, m.name.substr(0, 100));
    set_field(h, 100, octal(m.mode, 8));
    set_field(h, 108, octal(m.uid, 8));
    set_field(h, 116, octal(m.gid, 8));
    set_field(h, 124, octal(m.size.value_or(m.data.size()), 12));
    set_field(h, 136, octal(m.mtime, 12));
    h[156] = m.type;
    set_field(h, 157, m.link.substr(0, 100));
    set_field(h, 257, m.magic);
    set_field(h, 329, octal(m.major, 8));
    set_field(h, 337, octal(m.minor, 8));
    set_field(h, 345, m.prefix.substr(0, 155));
    seal(h);
    return h;
}

inline std::string padded(std::string_view data) {
    std::string bytes(data);
    bytes.resize((bytes.size() + block - 1) / block * block);
    return bytes;
}

inline std::string pax_record(std::string_view key, std::string_view value) {
    auto const rest = key.size() + value.size() + 3;  // ' ', '=', '\n'
    auto length = rest;
    while (rest + std::to_string(length).size() != length)
        length = rest + std::to_string(length).size();
    return std::to_string(length) + ' ' + std::string(key) + '=' + std::string(value) + '\n';
}
using pax_list = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class maker {
public:
    maker& raw(std::string_view bytes) {
        bytes_.append(bytes);
        return *this;
    }
    maker& add(member const& m) { return raw(header(m)).raw(padded(m.data)); }
    maker& directory(std::string_view name, std::uint64_t mode = 0755) {
        return add({.name = name, .type = '5', .mode = mode});
    }
    maker& file(std::string_view name, std::string_view data = {}) { return add({.name = name, .data = data}); }
    maker& symlink(std::string_view name, std::string_view target) {
        return add({.name = name, .type = '2', .link = target, .mode = 0777});
    }
    maker& link(std::string_view name, std::string_view target) {
        return add({.name = name, .type = '1', .link = target});
    }
    maker& pax(pax_list records, char type = 'x') {
        std::string text;
        for (auto const& [key, value] : records)
            text += pax_record(key, value);
        return add({.name = "PaxHeaders/x", .type = type, .data = text});
    }
    // Where the next header will be.
    [[nodiscard]] std::uint64_t at() const { return bytes_.size(); }
    [[nodiscard]] std::string const& bytes() const { return bytes_; }
    [[nodiscard]] std::string ended() const { return bytes_ + std::string(2 * block, '\0'); }

private:
    std::string bytes_;
};

inline lamina::result<lamina::tar_layer, lamina::tar_error> open(std::string bytes,
                                                                 lamina::tar_limits const& limits = {}) {
    return lamina::tar_layer::open(lamina::memory_source(std::move(bytes)), limits);
}
inline lamina::result<lamina::tar_layer, lamina::tar_error> open(maker const& made,
                                                                 lamina::tar_limits const& limits = {}) {
    return open(made.ended(), limits);
}
// The tree of an archive that must be good.
inline lamina::tar_layer tree(maker const& made) { return open(made).value(); }

inline lamina::path at(std::string_view bytes) { return lamina::path::parse(std::string(bytes)).value(); }

}  // namespace tar_test
