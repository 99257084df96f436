// A small drawing as SVG. It names its colours in a style sheet of its own, with a second set for readers who prefer
// dark pages, and brings its own background: what shows it may be of either kind.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace bench {

struct point {
    double x = 0;
    double y = 0;
};

enum class anchor { start, middle, end };
enum class stroke { grid, axis };

// A driver has the same colour in every drawing, whoever else is in it: chosen to be told apart on white and on black.
inline std::string colour_of(std::string_view driver) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 7> known = {{{"native", "#8c959f"},
                                                                                     {"kernel", "#d9822b"},
                                                                                     {"lamina", "#3b82d6"},
                                                                                     {"lamina_memory", "#3fa34d"},
                                                                                     {"lamina_tar", "#9b6dd1"},
                                                                                     {"llvm_overlay", "#d1495b"},
                                                                                     {"physfs", "#b59b00"}}};
    auto const* const found =
        std::find_if(known.begin(), known.end(), [&](auto const& one) { return one.first == driver; });
    return std::string(found == known.end() ? "#6f8f9f" : found->second);
}

class drawing {
public:
    drawing(double width, double height, std::string_view title) : width_(width), height_(height), title_(title) {}

    void rectangle(point corner, double width, double height, std::string const& colour) {
        body_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
                             corner.x, corner.y, width, height, colour);
    }
    void line(point from, point to, stroke kind) {
        body_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", from.x,
                             from.y, to.x, to.y, kind == stroke::grid ? "grid" : "axis");
    }
    void line(point from, point to, std::string const& colour) {
        body_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", from.x,
                             from.y, to.x, to.y, colour);
    }
    void curve(std::span<point const> points, std::string const& colour) {
        std::string at;
        for (auto const& p : points)
            at += fmt::format("{}{:.1f},{:.1f}", at.empty() ? "" : " ", p.x, p.y);
        body_ +=
            fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\"/>\n", at, colour);
    }
    void dot(point at, std::string const& colour) {
        body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.6\" fill=\"{}\"/>\n", at.x, at.y, colour);
    }
    void text(point at, std::string_view what, anchor where = anchor::start, bool faint = false) {
        body_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}{}>{}</text>\n", at.x, at.y, anchored(where),
                             faint ? " class=\"faint\"" : "", escaped(what));
    }
    // Along the y axis, read from below.
    void upright_text(point at, std::string_view what) {
        body_ +=
            fmt::format("<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                        at.x, at.y, escaped(what));
    }

    void write(std::ostream& out) const {
        out << fmt::format(
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
                   "height=\"{1:.0f}\" font-family=\"sans-serif\" font-size=\"11\">\n",
                   width_, height_)
            << "<title>" << escaped(title_) << "</title>\n"
            << "<style>\n"
               ".paper{fill:#ffffff} text{fill:#24292f} text.faint{fill:#57606a} .grid{stroke:#dfe3e8} "
               ".axis{stroke:#57606a}\n"
               "@media (prefers-color-scheme:dark){\n"
               ".paper{fill:#0d1117} text{fill:#e6edf3} text.faint{fill:#9aa4af} .grid{stroke:#2b313a} "
               ".axis{stroke:#9aa4af}}\n"
               "</style>\n"
               "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
            << body_ << "</svg>\n";
    }

private:
    static char const* anchored(anchor where) {
        return where == anchor::start    ? ""
               : where == anchor::middle ? " text-anchor=\"middle\""
                                         : " text-anchor=\"end\"";
    }
    static std::string escaped(std::string_view raw) {
        std::string out;
        for (char const c : raw) {
            if (c == '&')
                out += "&amp;";
            else if (c == '<')
                out += "&lt;";
            else
                out += c;
        }
        return out;
    }

    double width_;
    double height_;
    std::string title_;
    std::string body_;
};

}  // namespace bench
