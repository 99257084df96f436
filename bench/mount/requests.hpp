// How many requests the kernel sends to one FUSE connection, counted by the kernel's trace point. Where that is not to
// be had (it takes privilege, and Linux 6.11), there is no number.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bench {

class request_counter {
public:
    // From now on. Of nothing, where there is no connection.
    explicit request_counter(std::optional<unsigned> connection) {
        std::ifstream in("/sys/kernel/tracing/events/fuse/fuse_request_send/id");
        std::uint64_t id = 0;
        if (!connection || !(in >> id))
            return;
        perf_event_attr wanted;
        std::memset(&wanted, 0, sizeof wanted);
        wanted.type = PERF_TYPE_TRACEPOINT;
        wanted.size = sizeof wanted;
        wanted.config = id;
        wanted.disabled = 1;
        auto const filter = "connection == " + std::to_string(*connection);
        for (int cpu = 0; cpu < ::sysconf(_SC_NPROCESSORS_ONLN); ++cpu) {
            auto const fd = static_cast<int>(::syscall(SYS_perf_event_open, &wanted, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC));
            if (fd < 0 || ::ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter.c_str()) != 0 ||
                ::ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) != 0) {
                if (fd >= 0)
                    ::close(fd);
                close();
                return;
            }
            counters_.push_back(fd);
        }
    }
    request_counter(request_counter const&) = delete;
    request_counter& operator=(request_counter const&) = delete;
    ~request_counter() { close(); }

    // Since it was made.
    [[nodiscard]] std::optional<std::uint64_t> count() const {
        if (counters_.empty())
            return std::nullopt;
        std::uint64_t all = 0;
        for (int const fd : counters_) {
            std::uint64_t one = 0;
            if (::read(fd, &one, sizeof one) != sizeof one)
                return std::nullopt;
            all += one;
        }
        return all;
    }

private:
    void close() {
        for (int const fd : counters_)
            ::close(fd);
        counters_.clear();
    }
    std::vector<int> counters_;
};

}  // namespace bench
