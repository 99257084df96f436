// demo [--no-copy] SCRATCH LAYER...
//
// Puts an overlay over real layers, directories and tar archives, the topmost first, works in it, and proves that the
// layers are what they were. The same work is done three times side by side: with the upper in memory, with the upper
// and its work directory in SCRATCH, and on a plain directory in SCRATCH into which everything was copied first.
//
// SCRATCH is made if it is missing and is left to the caller to remove. Returns 0; 1 if something went wrong or a
// layer has changed; 2 for arguments that make no sense.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <lamina/fmt.hpp>
#include <lamina/lamina.hpp>

#include "digest.hpp"
#include "layers.hpp"
#include "report.hpp"
#include "session.hpp"

namespace {

constexpr std::string_view usage = "usage: demo [--no-copy] SCRATCH LAYER...\n";

int refuse(std::string_view what) {
    fmt::print(stderr, "demo: {}\n", what);
    return 2;
}

// Looks at all of each layer. Returns whether that was possible.
bool survey_layers(std::vector<demo::layer>& layers) {
    demo::heading("Layers, the topmost first");
    for (auto& layer : layers) {
        if (auto surveyed = layer.survey(); !surveyed) {
            fmt::print("      {:<46}{}\n", layer.shown, surveyed.error());
            return false;
        }
        fmt::print("      {:<46}{:>10} objects  {:>10} in files\n", layer.shown, demo::count(layer.objects),
                   demo::bytes(layer.bytes));
    }
    return true;
}

// Takes the fingerprints again. Returns whether all are the same.
bool compare_layers(std::vector<demo::layer>& layers) {
    demo::heading("The layers, before and after");
    bool same = true;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::size_t unreadable = 0;
    for (auto& layer : layers) {
        auto const after = layer.fingerprint();
        if (!after) {
            fmt::print("      {:<46}{}\n", layer.shown, after.error());
            same = false;
            continue;
        }
        bool const untouched = after->sum == layer.before.sum;
        fmt::print("      {:<46}{:016x}  {:016x}  {}\n", layer.shown, layer.before.sum, after->sum,
                   untouched ? "untouched" : "CHANGED: " + demo::first_difference(layer.before, *after));
        same = same && untouched;
        files += after->files_read;
        bytes += after->bytes_read;
        unreadable += after->unreadable.paths.size();
    }
    fmt::print("      Compared: name, type, size, mode, owner, mtime, ctime and link target of every object, and\n"
               "      the contents of {} files, {}{}.\n",
               demo::count(files), demo::bytes(bytes),
               unreadable == 0 ? "" : " (what cannot be read, without contents)");
    return same;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string_view> arguments(argv + 1, argv + argc);
    bool copies = true;
    if (!arguments.empty() && arguments.front() == "--no-copy") {
        copies = false;
        arguments.erase(arguments.begin());
    }
    if (arguments.size() < 2 || arguments.front().starts_with('-'))
        return refuse(usage.substr(0, usage.size() - 1));
    std::filesystem::path const scratch(arguments.front());
    arguments.erase(arguments.begin());

    std::vector<demo::layer> layers;
    for (auto const argument : arguments) {
        auto opened = demo::layer::open(std::string(argument));
        if (!opened)
            return refuse(opened.error());
        layers.push_back(*std::move(opened));
    }
    fmt::print("\n  lamina {}: layers joined inside one process, without a mount\n", LAMINA_VERSION_STRING);
    if (!survey_layers(layers))
        return 1;

    bool const worked = demo::session(scratch, layers, copies).run();
    bool const untouched = compare_layers(layers);
    fmt::print("\n");
    return worked && untouched ? 0 : 1;
}
