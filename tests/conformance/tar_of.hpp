// The content of a test as a pax archive.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "conformance/content.hpp"
#include "unit/archive/tar_maker.hpp"

namespace conformance {

namespace detail {

[[nodiscard]] inline std::string pax_time(lamina::timestamp t) {
    // Seconds and a fraction, of which both have the sign: -999999.999999999 is one nanosecond after -1,000,000 s.
    auto seconds = t.seconds;
    auto nanoseconds = t.nanoseconds;
    std::string sign;
    if (seconds < 0) {
        sign = "-";
        seconds = -seconds;
        if (nanoseconds != 0) {
            seconds -= 1;
            nanoseconds = 1'000'000'000 - nanoseconds;
        }
    }
    char fraction[16];
    std::snprintf(fraction, sizeof fraction, ".%09u", nanoseconds);
    return sign + std::to_string(seconds) + fraction;
}

[[nodiscard]] inline char tar_type(object const& o) {
    using lamina::file_type;
    if (!o.same_as.empty())
        return '1';
    switch (o.type) {
    case file_type::symlink: return '2';
    case file_type::character: return '3';
    case file_type::block: return '4';
    case file_type::directory: return '5';
    case file_type::fifo: return '6';
    default: return '0';
    }
}

}  // namespace detail

[[nodiscard]] inline std::string tar_of(content const& given) {
    using namespace tar_test;
    maker archive;
    for (auto const& o : given.objects()) {
        char const type = detail::tar_type(o);
        auto const link = type == '1' ? o.same_as : type == '2' ? o.bytes : std::string();
        std::string records = pax_record("path", o.path);
        if (!link.empty())
            records += pax_record("linkpath", link);
        if (type != '1') {
            records += pax_record("mtime", detail::pax_time(o.mtime));
            records += pax_record("atime", detail::pax_time(o.atime));
            records += pax_record("uid", std::to_string(o.uid == lamina::keep_user ? 0 : o.uid));
            records += pax_record("gid", std::to_string(o.gid == lamina::keep_group ? 0 : o.gid));
            for (auto const& [key, value] : o.xattrs)
                records += pax_record("SCHILY.xattr." + key, value);
        }
        archive.add({.name = "pax", .type = 'x', .data = records});
        archive.add({.name = "long",
                     .type = type,
                     .data = type == '0' ? std::string_view(o.bytes) : std::string_view(),
                     .link = "long",
                     .mode = o.mode,
                     .major = o.rdev.major,
                     .minor = o.rdev.minor});
    }
    return archive.ended();
}

}  // namespace conformance
