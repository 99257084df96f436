#include "background.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace lamina_fuse {

namespace {

void print_failure(std::string_view program, std::string_view line) {
    std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(program.size()), program.data(),
                 static_cast<int>(line.size()), line.data());
}

// So that no file of ours gets the number of a standard stream that the caller has closed.
void fill_standard_streams() {
    for (;;) {
        int const fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd > 2)
            ::close(fd);
        if (fd > 2 || fd < 0)
            return;
        // Inherited by nobody yet, and to be kept like any other stream.
        (void)::fcntl(fd, F_SETFD, 0);
    }
}

void close_all_but(int kept) {
    // Before Linux 5.9 they stay open, and are the caller's to mark close-on-exec.
    if (kept > 3)
        (void)::close_range(3, static_cast<unsigned>(kept - 1), 0);
    (void)::close_range(static_cast<unsigned>(std::max(kept, 2) + 1), ~0u, 0);
}

// The waiting side: a NUL is success, anything else is why not, to the end of the pipe.
[[noreturn]] void wait_for_report(std::string_view program, int report, pid_t child) {
    std::string told;
    char part[512];
    for (;;) {
        auto const count = ::read(report, part, sizeof part);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        told.append(part, static_cast<std::size_t>(count));
        if (told.front() == '\0')
            std::_Exit(0);
    }
    int status = 0;
    if (told.empty() && ::waitpid(child, &status, 0) == child && WIFSIGNALED(status))
        told = "the serving process was killed by signal " + std::to_string(WTERMSIG(status));
    print_failure(program, told.empty() ? "the serving process ended before it could serve" : std::string_view(told));
    std::_Exit(1);
}

}  // namespace

background::background(std::string_view program, stay in_foreground)
    : program_(program), foreground_(in_foreground == stay::yes) {
    fill_standard_streams();
    ::openlog(program_.data(), LOG_PID, LOG_DAEMON);
    if (foreground_)
        return;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        print_failure(program_, std::string("pipe: ") + std::strerror(errno));
        std::_Exit(1);
    }
    pid_t const child = ::fork();
    if (child < 0) {
        print_failure(program_, std::string("fork: ") + std::strerror(errno));
        std::_Exit(1);
    }
    if (child != 0) {
        ::close(ends[1]);
        wait_for_report(program_, ends[0], child);
    }
    close_all_but(ends[1]);
    report_ = ends[1];
    // A session of its own: no terminal's hang-up or interrupt reaches it. It cannot fail in a child.
    (void)::setsid();
}

background::~background() {
    if (report_ >= 0)
        ::close(report_);
}

void background::succeeded() {
    if (told_)
        return;
    told_ = true;
    // Nobody may keep a directory busy that the caller wants to unmount.
    if (::chdir("/") != 0)
        ::syslog(LOG_WARNING, "chdir /: %s", std::strerror(errno));
    if (foreground_)
        return;
    int const nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd)
        if (nothing < 0 || ::dup2(nothing, fd) < 0)
            ::close(fd);
    if (nothing > 2)
        ::close(nothing);
    char const success = '\0';
    while (::write(report_, &success, 1) < 0 && errno == EINTR) {
    }
    ::close(report_);
    report_ = -1;
}

int background::failed(std::string_view line) {
    if (told_)
        ::syslog(LOG_ERR, "%.*s", static_cast<int>(line.size()), line.data());
    if (foreground_) {
        print_failure(program_, line);
    } else if (!told_) {
        while (::write(report_, line.data(), line.size()) < 0 && errno == EINTR) {
        }
        ::close(report_);
        report_ = -1;
    }
    told_ = true;
    return 1;
}

void prepare_to_serve() {
    (void)::umask(0);
    for (int const deadly : {SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM})  // fuse-overlayfs answers SIGUSR1 with figures
        (void)::signal(deadly, SIG_IGN);
    struct rlimit files;
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &files);  // with fewer it is slower, not wrong
    }
}

}  // namespace lamina_fuse
