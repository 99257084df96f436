// A subcommand of `lamina`: it adds itself to the command line with its options, and what it returns is done if it was
// named. A new one is a file, a line here and a line in main.cpp.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace lamina_program {

struct subcommand {
    CLI::App* named;
    std::function<int()> perform;  // the exit status
};

[[nodiscard]] subcommand add_mount(CLI::App& program);
[[nodiscard]] subcommand add_run(CLI::App& program);

}  // namespace lamina_program
