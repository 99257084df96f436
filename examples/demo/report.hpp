// How the demo prints: one table, a line for each step with three times beside each other, and what was done below
// it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/core.h>

namespace demo {

// "54,712"
inline std::string count(std::uint64_t n) {
    std::string digits = std::to_string(n);
    for (std::size_t at = digits.size(); at > 3; at -= 3)
        digits.insert(at - 3, ",");
    return digits;
}

// "571.0 MB"
inline std::string bytes(std::uint64_t n) {
    if (n < 1000)
        return fmt::format("{} bytes", n);
    double value = static_cast<double>(n) / 1000;
    char const* unit = "kB";
    for (char const* larger : {"MB", "GB", "TB"}) {
        if (value < 1000)
            break;
        value /= 1000;
        unit = larger;
    }
    return fmt::format("{:.1f} {}", value, unit);
}

// "12.3 ms"
inline std::string seconds(double s) {
    if (s < 1e-3)
        return fmt::format("{:.0f} us", s * 1e6);
    if (s < 1)
        return fmt::format("{:.1f} ms", s * 1e3);
    return fmt::format("{:.2f} s", s);
}

class table {
public:
    static constexpr std::size_t columns = 3;

    void head() const {
        fmt::print("\n      {:<46}{:>14}{:>17}{:>13}\n", "step", "memory upper", "directory upper", "plain copy");
        fmt::print("  {:-<94}\n", "");
    }
    void step(std::string_view title, std::string const (&cells)[columns]) {
        fmt::print("  {:>2}  {:<46}{:>14}{:>17}{:>13}\n", ++steps_, title, cells[0], cells[1], cells[2]);
    }
    void detail(std::string_view text) const { fmt::print("      {}\n", text); }

private:
    int steps_ = 0;
};

inline void heading(std::string_view text) { fmt::print("\n  {}\n", text); }

}  // namespace demo
