// A subcommand of `lamina`: it adds itself to the command line with its options, and what it returns is done if it was
// named. A new one is a file, a line here and a line in main.cpp.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

namespace lamina_program {

struct subcommand {
    CLI::App* named;
    // What is to be done, with the words after "--"; the exit status. May throw CLI::ParseError.
    std::function<int(std::vector<std::string> const&)> perform;
};

[[nodiscard]] subcommand add_mount(CLI::App& program);
[[nodiscard]] subcommand add_run(CLI::App& program);

}  // namespace lamina_program
