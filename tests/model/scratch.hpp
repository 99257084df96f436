// A directory of this process's file system that is gone after the test, whatever became of it.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include <lamina/posix/directory.hpp>

namespace model {

class scratch {
public:
    // Made where TMPDIR says, or in /tmp.
    scratch() : scratch(usual_place()) {}
    explicit scratch(std::string const& place) : path_(place + "/lamina-XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr || ::chmod(path_.c_str(), 0755) != 0)
            throw std::runtime_error("no scratch directory in " + path_);
        ::umask(022);
    }
    scratch(scratch const&) = delete;
    scratch& operator=(scratch const&) = delete;
    ~scratch() {
        // By the library's own remover: names may hold any byte, and modes any bits.
        auto outside = open();
        for (auto const entry : outside.list("/").value())
            (void)outside.remove_all(lamina::path::parse(std::string(entry.name)).value());
        (void)::rmdir(path_.c_str());
    }

    [[nodiscard]] std::string const& path() const { return path_; }
    [[nodiscard]] std::string operator/(std::string const& name) const { return path_ + "/" + name; }
    [[nodiscard]] lamina::posix_directory open() const { return lamina::posix_directory::open(path_).value(); }

    [[nodiscard]] static std::string usual_place() {
        char const* const place = std::getenv("TMPDIR");
        return place != nullptr ? place : "/tmp";
    }

private:
    std::string path_;
};

}  // namespace model
