// lamina: layers of files from the command line. What each subcommand does stands in its file and in docs/lamina.md.
#include <lamina/version.hpp>

#include "subcommand.hpp"

int main(int count, char** words) {
    CLI::App program{"Joins layers of files: mounts them, and runs commands in them.", "lamina"};
    program.set_version_flag("--version", "lamina " LAMINA_VERSION_STRING);
    program.require_subcommand(1);
    lamina_program::subcommand const all[] = {lamina_program::add_mount(program), lamina_program::add_run(program)};
    try {
        program.parse(count, words);
    } catch (CLI::ParseError const& wrong) {
        return program.exit(wrong) == 0 ? 0 : 2;
    }
    for (auto const& each : all)
        if (each.named->parsed())
            return each.perform();
    return 2;
}
