// What was found, as ratios to the plain directory, to the kernel's mount and to fuse-overlayfs; what could not be done,
// and why; and how many requests of the kernel's an operation took.
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../table.hpp"

namespace bench {

class report {
public:
    report(std::vector<std::string> places, std::vector<std::string> works, std::vector<std::string> names)
        : table_(std::move(places), std::move(works), std::move(names)) {}

    // Of one round, and in the order of the rounds.
    void add(std::string const& place, std::string const& work, std::string const& who, double value) {
        table_.add(place, work, who, value);
    }
    void requests(std::string const& place, std::string const& work, std::string const& who, double each) {
        requests_[{place, work, who}] = each;
    }
    void fail(std::string const& work, std::string const& who, std::string const& why) { failures_[{work, who}] = why; }
    [[nodiscard]] bool ours_failed() const;

    void print(std::ostream& out) const;
    // mount.json and mount.md in the directory `out`.
    void write(std::string const& out, std::string const& machine) const;

private:
    [[nodiscard]] std::string requests_text(std::string const& place, std::string const& work,
                                            std::string const& who) const;
    void write_json(std::ostream& out, std::string const& machine) const;
    void write_markdown(std::ostream& out) const;

    table table_;
    std::map<std::tuple<std::string, std::string, std::string>, double> requests_;
    std::map<std::pair<std::string, std::string>, std::string> failures_;
};

}  // namespace bench
