// What is done on every mount. A scene begins on a fresh mount with an empty upper and plays one or several works, each
// of which is timed by itself.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mounts.hpp"
#include "trees.hpp"

namespace bench {

// One candidate's turn at a scene.
class turn {
public:
    turn(mounted const& on, bool count_requests) : mount_(on), count_requests_(count_requests) {}

    [[nodiscard]] std::string path(std::string const& name) const { return (mount_.path() / name).string(); }
    [[nodiscard]] mounted const& mount() const { return mount_; }

    // `work` does `operations`; what it throws is noted as this work's failure, and the next one has its turn.
    void time(std::string const& work, std::size_t operations, std::function<void()> const& body);
    // What is not measured in time.
    void note(std::string const& work, double value) { values_[work] = value; }
    void fail(std::string const& work, std::string const& why) { failures_[work] = why; }

    // By work: nanoseconds for each operation, or bytes.
    [[nodiscard]] std::map<std::string, double> const& values() const { return values_; }
    [[nodiscard]] std::map<std::string, double> const& requests() const { return requests_; }
    [[nodiscard]] std::map<std::string, std::string> const& failures() const { return failures_; }

private:
    mounted const& mount_;
    bool count_requests_;
    std::map<std::string, double> values_, requests_;
    std::map<std::string, std::string> failures_;
};

struct scene {
    std::vector<std::string> works;  // the names that it times, in their order
    layered_tree tree;
    bool changes_lowers;             // what comes from a lower layer is changed: only for those who copy up
    std::function<void(turn&)> play;
    bool only_daemons = false;
    bool once = false;               // what it gives does not depend on the moment
};

// `entries` is how many objects the scene about memory looks up.
[[nodiscard]] std::vector<scene> scenes(unsigned entries);

}  // namespace bench
