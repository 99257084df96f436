// Going into the background in order: the process that was started returns to its caller when the mount can be used, and
// not before, with what became of it; the one that serves it holds nothing of its caller's.
//
// Order: fork first, while there is one thread and nothing is open; then everything that can fail; then tell; then let
// go of the terminal. A caller that reads our stderr to its end (as container engines do) comes to that end when we have
// told.
//
// Concurrency: one thread.
#pragma once

#include <string_view>

namespace lamina_fuse {

class background {
public:
    // In the foreground nothing is forked, and a failure is a line on stderr.
    enum class stay : bool { no, yes };

    // Returns in the process that is to serve; the other one waits and ends with what it was told.
    background(std::string_view program, stay in_foreground);
    background(background const&) = delete;
    background& operator=(background const&) = delete;
    ~background();

    // The mount can be used. From here on nothing is written to the caller's files, and "/" is the current directory.
    void succeeded();
    // It is not going to be. Returns the exit status. Afterwards, and once it has succeeded: a line in the system's log.
    [[nodiscard]] int failed(std::string_view line);

private:
    std::string_view program_;
    int report_ = -1;  // the pipe to the process that waits
    bool foreground_;
    bool told_ = false;
};

// What a process does that serves a mount: no umask between the caller's mode and the layers, as many descriptors as are
// to be had, and no death by a signal that asks for nothing.
void prepare_to_serve();

}  // namespace lamina_fuse
