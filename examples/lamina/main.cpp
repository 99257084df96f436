// lamina: layers of files from the command line. What each subcommand does stands in its file and in docs/lamina.md.
#include <lamina/version.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "subcommand.hpp"

int main(int count, char** words) {
    CLI::App program{"Joins layers of files: mounts them, and runs commands in them.", "lamina"};
    program.set_version_flag("--version", "lamina " LAMINA_VERSION_STRING);
    program.require_subcommand(1);
    lamina_program::subcommand const all[] = {lamina_program::add_mount(program), lamina_program::add_run(program)};
    // What follows the first "--" is another program's, options and all, and nothing to parse here.
    char** const end = words + count;
    char** const mark = std::find_if(words, end, [](char const* word) { return std::strcmp(word, "--") == 0; });
    std::vector<std::string> const rest(mark == end ? end : mark + 1, end);
    try {
        program.parse(static_cast<int>(mark - words), words);
        for (auto const& each : all)
            if (each.named->parsed())
                return each.perform(rest);
    } catch (CLI::ParseError const& wrong) {
        return program.exit(wrong) == 0 ? 0 : 2;
    }
    return 2;
}
