// lamina run: a command in a tree of which it can change everything and nothing of the machine; afterwards what it has
// changed is told, and kept or dropped.
//
// Three processes. The one that was started waits, hands on signals, and is the last one that can tidy up. The server
// opens the layers, goes into namespaces of its own, mounts the tree there and serves it. The command is a child of the
// server, in one more mount namespace, whose root the tree is. All mounts are in those namespaces: when the last process
// in them has ended, however it ended, they are gone.
//
// Order: the layers are opened before the namespaces are made, so the server sees the machine's tree without the mount,
// and cannot ask itself. The command is forked before there are threads, and waits until the mount is there. When it
// has ended, what it left running is ended too; then the tree is unmounted, the changes are told, and last the
// directories go.
//
// Concurrency: in the server a second thread waits for the command; it touches no file of the tree.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../lamina-fuse/background.hpp"
#include "../lamina-fuse/layers.hpp"
#include "../lamina-fuse/serve.hpp"
#include "confinement.hpp"
#include "policy_options.hpp"
#include "subcommand.hpp"

namespace lamina_program {

namespace {

// As docker run: our own failures are not the command's.
constexpr int failed_here = 125;
constexpr int cannot_execute = 126;
constexpr int not_found = 127;

struct run_request {
    std::vector<std::string> lowers;
    std::string upper, work;
    bool discard = false, keep = false;
    bool as_root = false;
    bool quiet = false;
    std::string changes_file;
    std::vector<std::string> shared;
    std::vector<std::string> command;
    lamina::policy rules;

    // Made by us:
    std::string scratch;  // has the mount point, and the upper unless one is given
    std::string directory;
    sigset_t caller_mask;
};

int complain(std::string const& line) {
    std::fprintf(stderr, "lamina: %s\n", line.c_str());
    return failed_here;
}

std::string current_directory() {
    std::error_code gone;
    auto const path = std::filesystem::current_path(gone);
    return gone ? "/" : path.string();
}

// --- the directories

[[nodiscard]] trouble make_directories(run_request& asked) {
    std::error_code failed;
    char const* const wish = std::getenv("TMPDIR");
    // /tmp only if it must be: what is installed may be large, and that is often memory.
    std::string pattern;
    for (char const* const place : {wish != nullptr && *wish == '/' ? wish : "/var/tmp", "/tmp"}) {
        pattern = std::string(place) + "/lamina-run-XXXXXX";
        if (::mkdtemp(pattern.data()) != nullptr)
            break;
        if (place == std::string_view("/tmp"))
            return pattern + ": " + std::strerror(errno);
    }
    asked.scratch = pattern;
    if (asked.upper.empty()) {
        asked.upper = asked.scratch + "/upper";
        asked.work = asked.scratch + "/work";
    } else if (asked.work.empty()) {
        while (asked.upper.size() > 1 && asked.upper.back() == '/')
            asked.upper.pop_back();
        asked.work = asked.upper + ".work";
    }
    for (auto const& path : {asked.scratch + "/root", asked.upper, asked.work}) {
        std::filesystem::create_directories(path, failed);
        if (failed)
            return path + ": " + failed.message();
    }
    asked.upper = std::filesystem::canonical(asked.upper, failed).string();
    asked.work = std::filesystem::canonical(asked.work, failed).string();
    return {};
}

void remove_directories(run_request const& asked, bool with_upper) {
    std::error_code left;  // in a directory for temporary things, where the system's own tidying finds it
    if (with_upper)
        std::filesystem::remove_all(asked.scratch, left);
    else
        std::filesystem::remove(asked.scratch + "/root", left), std::filesystem::remove(asked.scratch, left);
}

// --- the command

// What the server may not have changed by then: signals and their mask, umask, limits.
[[noreturn]] void execute(run_request const& asked, int gate, pid_t server) {
    // If the server is killed, the tree answers nothing any more.
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char go = 0;
    ssize_t got;
    while ((got = ::read(gate, &go, 1)) < 0 && errno == EINTR) {
    }
    if (got != 1 || ::getppid() != server)
        ::_exit(failed_here);
    surroundings around{asked.scratch + "/root", asked.directory, {"/proc", "/sys", "/dev"}, {}};
    around.shared.insert(around.shared.end(), asked.shared.begin(), asked.shared.end());
    around.hidden = {asked.scratch, asked.upper, asked.work};
    if (auto const failed = enter(around)) {
        complain(*failed);
        ::_exit(failed_here);
    }
    std::vector<char*> words;
    for (auto const& word : asked.command)
        words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    (void)::sigprocmask(SIG_SETMASK, &asked.caller_mask, nullptr);
    ::execvp(words[0], words.data());
    int const why = errno;
    complain(asked.command[0] + ": " + std::strerror(why));
    ::_exit(why == ENOENT ? not_found : cannot_execute);
}

// --- the server

std::atomic<pid_t> command_to_kill{0};
extern "C" void kill_command(int) {
    if (pid_t const command = command_to_kill.load(); command > 0)
        ::kill(command, SIGKILL);
}

// Those whose parent this process is, by birth or because their own has ended.
std::vector<pid_t> children() {
    std::vector<pid_t> found;
    std::error_code failed;
    for (auto const& thread : std::filesystem::directory_iterator("/proc/self/task", failed)) {
        std::ifstream list(thread.path() / "children");
        for (pid_t child; list >> child;)
            found.push_back(child);
    }
    return found;
}

// Ends what the command has left running. Nothing of the tree is used any more when it returns.
void end_the_rest() {
    for (int round = 0;; ++round) {
        for (auto const child : children())
            ::kill(child, round < 20 ? SIGTERM : SIGKILL);
        for (int wait = 0; wait < 5; ++wait) {
            pid_t ended;
            while ((ended = ::waitpid(-1, nullptr, WNOHANG)) > 0 || (ended < 0 && errno == EINTR)) {
            }
            if (ended < 0)
                return;  // there are none
            ::usleep(10'000);
        }
    }
}

int status_of(int waited) { return WIFSIGNALED(waited) ? 128 + WTERMSIG(waited) : WEXITSTATUS(waited); }

void tell(run_request const& asked, std::vector<lamina::change> const& changes) {
    if (!asked.changes_file.empty() && asked.changes_file != "-") {
        std::ofstream file(asked.changes_file, std::ios::binary | std::ios::trunc);
        for (auto const& change : changes)
            file << to_string(change) << '\n';
        file.close();
        if (!file)
            complain(asked.changes_file + ": cannot be written");
        return;
    }
    if (asked.quiet)
        return;
    auto* const out = asked.changes_file == "-" ? stdout : stderr;
    for (auto const& change : changes)
        std::fprintf(out, "%s\n", to_string(change).c_str());
    std::fflush(out);
}

lamina::policy policy_of(run_request const& asked, bool dropped) {
    auto rules = asked.rules;
    if (!dropped)
        return rules;
    // Nobody else will read the upper: what is quickest.
    if (rules.durable == lamina::durability::automatic)
        rules.durable = lamina::durability::none;
    if (rules.metacopy == lamina::metacopies::automatic)
        rules.metacopy = lamina::metacopies::on;
    rules.blocks = lamina::block_copies::on;
    return rules;
}

int serve(run_request& asked, bool dropped) {
    lamina_fuse::layer_paths const paths{.lowers = asked.lowers,
                                         .upper = asked.upper,
                                         .work = asked.work,
                                         .mountpoint = asked.scratch + "/root",
                                         .cross_mounts = true,
                                         .mount_within = true};
    auto opened = lamina_fuse::open_layers(paths);
    if (!opened)
        return complain(opened.error());
    identity who;
    if (auto const failed = confine(asked.as_root, who))
        return complain(*failed);

    int gate[2];
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || ::pipe2(gate, O_CLOEXEC) != 0)
        return complain(std::strerror(errno));
    pid_t const server = ::getpid();
    pid_t const command = ::fork();
    if (command < 0)
        return complain(std::string("fork: ") + std::strerror(errno));
    if (command == 0) {
        ::close(gate[1]);
        execute(asked, gate[0], server);
    }
    ::close(gate[0]);
    command_to_kill = command;

    // The terminal's keys are the command's. The waiting process ends us by SIGTERM, and so does its own end.
    for (int const ignored : {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP})
        (void)::signal(ignored, SIG_IGN);
    (void)::signal(SIGTERM, kill_command);
    sigset_t none;
    ::sigemptyset(&none);
    (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
    lamina_fuse::prepare_to_serve();

    lamina::mount_options options;
    options.source = "lamina-run";
    options.generic = {"allow_other", "suid"};
    if (!who.user_namespace)
        options.generic.emplace_back("dev");
    lamina_fuse::view shown;
    shown.squash = who.shown;

    int status = failed_here;
    std::thread waiting;
    lamina_fuse::moments when;
    when.mounted = [&] {
        waiting = std::thread([&] {
            int waited = 0;
            while (::waitpid(command, &waited, 0) < 0 && errno == EINTR) {
            }
            command_to_kill = 0;
            status = status_of(waited);
            end_the_rest();
            (void)::umount2(paths.mountpoint.c_str(), MNT_DETACH);  // or it is gone already
        });
        while (::write(gate[1], "", 1) < 0 && errno == EINTR) {
        }
    };
    when.ended = [&](std::vector<lamina::change> const& changes) { tell(asked, changes); };
    auto const ended = lamina_fuse::mount_and_serve(*opened, paths, policy_of(asked, dropped), shown, options, when);
    ::close(gate[1]);
    if (!ended)
        kill_command(SIGTERM);
    if (waiting.joinable())
        waiting.join();
    else
        end_the_rest();
    if (!ended) {
        complain(ended.error());
        status = failed_here;
    }
    // While we may: some of it belongs to ids that nobody outside is.
    opened = lamina::unexpected(std::string());
    if (dropped)
        remove_directories(asked, true);
    return status;
}

// --- the waiting process

// Waits for the server. Signals that somebody sends to us are meant for the command; those of the terminal it has got
// itself.
int wait_for(pid_t server, sigset_t const& watched) {
    for (;;) {
        siginfo_t told;
        int const number = ::sigwaitinfo(&watched, &told);
        if (number == SIGCHLD) {
            int waited = 0;
            pid_t const ended = ::waitpid(server, &waited, WNOHANG);
            if (ended != server)
                continue;
            if (WIFSIGNALED(waited))
                return complain(std::string("the serving process was killed: ") + ::strsignal(WTERMSIG(waited)));
            return WEXITSTATUS(waited);
        }
        if (number < 0 || told.si_code == SI_KERNEL)
            continue;
        std::ifstream list("/proc/" + std::to_string(server) + "/task/" + std::to_string(server) + "/children");
        for (pid_t child; list >> child;)
            ::kill(child, number);
    }
}

int perform(run_request& asked) {
    bool const own_upper = asked.upper.empty();
    bool const dropped = own_upper && !asked.keep;
    if (asked.lowers.empty())
        asked.lowers = {"/"};
    asked.directory = current_directory();
    for (auto& path : asked.shared)
        if (std::error_code missing; path.empty() || path.front() != '/')
            path = std::filesystem::absolute(path, missing).string();

    int const terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    bool const in_foreground = terminal >= 0 && ::tcgetpgrp(terminal) == ::getpgrp();

    sigset_t watched;
    ::sigemptyset(&watched);
    for (int const each : {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2})
        ::sigaddset(&watched, each);
    (void)::sigprocmask(SIG_BLOCK, &watched, &asked.caller_mask);
    if (auto const failed = make_directories(asked)) {
        if (!asked.scratch.empty())
            remove_directories(asked, own_upper);
        return complain(*failed);
    }

    pid_t const waiting = ::getpid();
    pid_t const server = ::fork();
    if (server == 0) {
        (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != waiting)
            ::_exit(failed_here);
        int status = failed_here;
        try {
            status = serve(asked, dropped);
        } catch (std::exception const& problem) {  // memory
            complain(problem.what());
        }
        std::fflush(nullptr);
        ::_exit(status);
    }
    int const status = server < 0 ? complain(std::string("fork: ") + std::strerror(errno)) : wait_for(server, watched);
    remove_directories(asked, dropped);
    if (asked.keep && own_upper)
        std::fprintf(stderr, "lamina: kept in %s\n", asked.upper.c_str());
    if (in_foreground) {
        (void)::signal(SIGTTOU, SIG_IGN);
        (void)::tcsetpgrp(terminal, ::getpgrp());  // a shell that was killed has not given it back
    }
    return status;
}

}  // namespace

subcommand add_run(CLI::App& program) {
    auto const asked = std::make_shared<run_request>();
    auto* const command =
        program.add_subcommand("run", "Run a command in a tree that it may change, tell what it changed, keep it or not.");
    command->add_option("--lower", asked->lowers, "a layer below it, topmost first; without one, the machine's own /")
        ->expected(1)
        ->take_all()
        ->type_name("LAYER");
    auto* const upper = command->add_option("--upper", asked->upper, "where the changes are kept")->type_name("DIR");
    command->add_option("--work", asked->work, "the work directory of it; without it DIR.work")
        ->needs(upper)
        ->type_name("DIR");
    auto* const discard = command->add_flag("--discard,--drop", asked->discard, "drop the changes (the default)");
    auto* const keep = command->add_flag("--keep", asked->keep, "keep the changes, and tell where");
    discard->excludes(upper)->excludes(keep);
    command->add_flag("--root", asked->as_root, "be root inside, without being it");
    command->add_option("--share", asked->shared, "a path that stays the machine's own, changes and all")
        ->expected(1)
        ->take_all()
        ->type_name("PATH");
    command->add_option("--changes", asked->changes_file, "write the changes there and not to stderr; - is stdout")
        ->type_name("FILE");
    command->add_flag("-q,--quiet", asked->quiet, "do not tell the changes");
    add_policy_options(*command, asked->rules);
    command->footer("After the options: -- COMMAND [ARGUMENT...]");
    return {command, [asked](std::vector<std::string> const& rest) {
                if (rest.empty())
                    throw CLI::RequiredError("-- and a COMMAND");
                asked->command = rest;
                return perform(*asked);
            }};
}

}  // namespace lamina_program
