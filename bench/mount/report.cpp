#include "report.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

namespace bench {

namespace {

struct reference {
    char const* name;
    char const* title;
};
constexpr reference references[] = {{"native", "to native"}, {"kernel", "to kernel"}, {"fuse_overlayfs", "to fuse-o."}};

std::string ratio_of(std::optional<sample> const& ratio) { return ratio ? ratio_text(ratio->median) : "-"; }

}  // namespace

bool report::ours_failed() const {
    return std::any_of(failures_.begin(), failures_.end(),
                       [](auto const& each) { return each.first.second.starts_with("lamina"); });
}

std::string report::requests_text(std::string const& place, std::string const& work, std::string const& who) const {
    auto const found = requests_.find({place, work, who});
    return found == requests_.end() ? "-" : fmt::format("{:.4g}", found->second);
}

void report::print(std::ostream& out) const {
    for (auto const& place : table_.places()) {
        out << fmt::format("\non {}\n\n| {:<46} | {:<18} | {:>10} | {:>6} |", place, "work", "mount", "median", "spread");
        for (auto const& each : references)
            out << fmt::format(" {:>10} |", each.title);
        out << fmt::format(" {:>8} |\n|-{:-<46}-|-{:-<18}-|-{:->10}:|-{:->6}:|", "requests", "", "", "", "");
        for ([[maybe_unused]] auto const& each : references)
            out << fmt::format("-{:->10}:|", "");
        out << fmt::format("-{:->8}:|\n", "");
        for (auto const& work : table_.workloads()) {
            std::string shown = work;
            for (auto const& who : table_.drivers()) {
                auto const value = table_.value(place, work, who);
                if (!value)
                    continue;
                out << fmt::format("| {:<46} | {:<18} | {:>10} | {:5.1f}% |", shown, who, value_text(work, value->median),
                                   value->spread() * 100);
                for (auto const& each : references)
                    out << fmt::format(" {:>10} |", ratio_of(table_.ratio(place, work, who, each.name)));
                out << fmt::format(" {:>8} |\n", requests_text(place, work, who));
                shown.clear();
            }
        }
    }
    if (!failures_.empty())
        out << "\ncould not be done:\n";
    for (auto const& [which, why] : failures_)
        out << fmt::format("{} on {}: {}\n", which.first, which.second, why);
}

void report::write(std::string const& out, std::string const& machine) const {
    std::filesystem::create_directories(out);
    std::ofstream json(out + "/mount.json");
    write_json(json, machine);
    std::ofstream markdown(out + "/mount.md");
    write_markdown(markdown);
    if (!json.flush() || !markdown.flush())
        throw std::runtime_error("cannot write to " + out);
}

void report::write_json(std::ostream& out, std::string const& machine) const {
    auto const quoted = [](std::string_view raw) {
        std::string text = "\"";
        for (char const c : raw) {
            if (c == '"' || c == '\\')
                text += '\\';
            text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
        return text + '"';
    };
    auto const write = [&](std::string const& key, sample const& s) {
        out << fmt::format(", \"{}\": {{\"median\": {:.6g}, \"low\": {:.6g}, \"high\": {:.6g}}}", key, s.median, s.low,
                           s.high);
    };
    out << "{\n  \"context\": {\"machine\": " << quoted(machine) << "},\n  \"results\": [";
    char const* separator = "\n";
    for (auto const& place : table_.places())
        for (auto const& work : table_.workloads())
            for (auto const& who : table_.drivers()) {
                auto const value = table_.value(place, work, who);
                if (!value)
                    continue;
                out << separator << "    {\"file_system\": " << quoted(place) << ", \"work\": " << quoted(work)
                    << ", \"mount\": " << quoted(who);
                write(counts_bytes(work) ? "bytes" : "nanoseconds", *value);
                for (auto const& each : references)
                    if (auto const ratio = table_.ratio(place, work, who, each.name))
                        write(std::string("to_") + each.name, *ratio);
                if (auto const each = requests_.find({place, work, who}); each != requests_.end())
                    out << fmt::format(", \"requests\": {:.6g}", each->second);
                out << '}';
                separator = ",\n";
            }
    out << "\n  ],\n  \"failures\": [";
    separator = "\n";
    for (auto const& [which, why] : failures_) {
        out << separator << "    {\"work\": " << quoted(which.first) << ", \"mount\": " << quoted(which.second)
            << ", \"why\": " << quoted(why) << '}';
        separator = ",\n";
    }
    out << "\n  ]\n}\n";
}

// A row for each work, a column for each mount; then ours by the kernel's and by fuse-overlayfs, and both's requests.
void report::write_markdown(std::ostream& out) const {
    for (auto const& place : table_.places()) {
        out << "On " << place << ":\n\n| work |";
        for (auto const& who : table_.drivers())
            out << ' ' << who << " |";
        out << " lamina to kernel | lamina to fuse_overlayfs | spread | requests, lamina | fuse_overlayfs |\n|---|";
        for (std::size_t i = 0; i < table_.drivers().size() + 5; ++i)
            out << "---:|";
        out << '\n';
        for (auto const& work : table_.workloads()) {
            std::string row = "| `" + work + "` |";
            bool any = false;
            for (auto const& who : table_.drivers()) {
                auto const value = table_.value(place, work, who);
                any = any || value;
                row += ' ' + (value ? value_text(work, value->median) : "-") + " |";
            }
            if (!any)
                continue;
            auto const ours = table_.value(place, work, "lamina");
            out << row
                << fmt::format(" {} | {} | {} | {} | {} |\n", ratio_of(table_.ratio(place, work, "lamina", "kernel")),
                               ratio_of(table_.ratio(place, work, "lamina", "fuse_overlayfs")),
                               ours ? fmt::format("{:.1f}%", ours->spread() * 100) : "-",
                               requests_text(place, work, "lamina"), requests_text(place, work, "fuse_overlayfs"));
        }
        out << '\n';
    }
}

}  // namespace bench
