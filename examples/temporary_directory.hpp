// A directory for the length of an example. Examples may not depend on what the machine has where.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

class temporary_directory {
public:
    temporary_directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "lamina-example-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) {
            std::perror(pattern.c_str());
            std::exit(1);
        }
        path_ = pattern;
    }
    temporary_directory(temporary_directory const&) = delete;
    temporary_directory& operator=(temporary_directory const&) = delete;
    ~temporary_directory() {
        std::error_code left_behind;  // in a directory for temporary things, where the system's own cleaning finds it
        std::filesystem::remove_all(path_, left_behind);
    }

    // A directory in it, made with those above it; its path.
    std::string make(std::string_view name) const {
        auto const where = path_ / name;
        std::filesystem::create_directories(where);
        return where.string();
    }
    // A file in it, with the directories above it.
    void write(std::string_view name, std::string_view text) const {
        auto const where = path_ / name;
        std::filesystem::create_directories(where.parent_path());
        std::ofstream(where, std::ios::binary) << text;
    }

private:
    std::filesystem::path path_;
};
