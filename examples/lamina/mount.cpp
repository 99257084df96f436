// lamina mount: layers joined and mounted, in the background unless told otherwise.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "../lamina-fuse/background.hpp"
#include "../lamina-fuse/layers.hpp"
#include "../lamina-fuse/serve.hpp"
#include "policy_options.hpp"
#include "subcommand.hpp"

namespace lamina_program {

namespace {

struct mount_request {
    lamina_fuse::layer_paths paths;
    std::string upper, work;
    lamina::policy rules;
    std::vector<std::string> generic;
    std::string source = "lamina";
    bool foreground = false;
    bool debug = false;
};

int perform(mount_request& asked) {
    using lamina_fuse::background;
    if (!asked.upper.empty()) {
        asked.paths.upper = asked.upper;
        asked.paths.work = asked.work;
    }
    background caller("lamina", asked.foreground || asked.debug ? background::stay::yes : background::stay::no);
    lamina_fuse::prepare_to_serve();
    lamina::mount_options options;
    options.source = asked.source;
    options.generic = asked.generic;
    if (::geteuid() == 0 && asked.generic.empty())
        options.generic = {"allow_other", "suid", "dev"};
    options.read_only = asked.paths.read_only || !asked.paths.upper;
    options.handle_signals = true;
    options.debug = asked.debug;
    try {
        auto opened = lamina_fuse::open_layers(asked.paths);
        if (!opened)
            return caller.failed(opened.error());
        lamina_fuse::moments when;
        when.mounted = [&] { caller.succeeded(); };
        auto const ended = lamina_fuse::mount_and_serve(*opened, asked.paths, asked.rules, {}, options, when);
        return ended ? *ended : caller.failed(ended.error());
    } catch (std::exception const& problem) {  // memory
        return caller.failed(problem.what());
    }
}

}  // namespace

subcommand add_mount(CLI::App& program) {
    auto const asked = std::make_shared<mount_request>();
    auto* const command = program.add_subcommand("mount", "Mount joined layers.");
    command->add_option("--lower", asked->paths.lowers, "a lower layer, a directory or a tar archive; topmost first")
        ->required()
        ->expected(1)
        ->take_all()
        ->type_name("LAYER");
    auto* const upper =
        command->add_option("--upper", asked->upper, "where changes are written; without it nothing can be changed");
    auto* const work = command->add_option("--work", asked->work, "an empty directory on the upper's file system");
    upper->needs(work)->type_name("DIR");
    work->needs(upper)->type_name("DIR");
    command->add_flag("--read-only", asked->paths.read_only, "show the upper, and change nothing");
    command->add_option("-o,--option", asked->generic, "options of mount(8): nosuid, allow_other, ...")
        ->delimiter(',')
        ->expected(1)
        ->take_all()
        ->type_name("OPTION");
    command->add_option("--source", asked->source, "what /proc/mounts tells as the source");
    command->add_flag("-f,--foreground", asked->foreground, "do not go into the background");
    command->add_flag("--debug", asked->debug, "tell each request on stderr; implies --foreground");
    add_policy_options(*command, asked->rules);
    command->add_option("MOUNTPOINT", asked->paths.mountpoint, "a directory")->required();
    return {command, [asked](std::vector<std::string> const& rest) {
                if (!rest.empty())
                    throw CLI::ExtrasError(rest);
                return perform(*asked);
            }};
}

}  // namespace lamina_program
