// Who reads requests, and when somebody else does.
//
// A desk is the right to take the next request. Whoever has it answers what he takes himself and takes the next, so a
// chain of small requests is served by one thread, with its caches warm and nobody to be woken; two threads that wait
// for the kernel at once would be given them in turn, which costs more than most requests take. A request that takes
// long (a copy-up of a large file, a slow disk) must not hold up others: a watcher looks a hundred times a second,
// gives the desk of a thread that is still at the same request to another, and the one that lost it joins those who
// wait when it is done. The watcher sleeps while nothing happens.
//
// Concurrency: each desk is one atomic number, which its thread moves twice per request: even when it waits for a
// request, odd while it is at one. The watcher takes a desk by moving an odd number on to the next even one.
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include <lamina/fuse/libfuse.hpp>

namespace lamina::detail {

class desks {
public:
    // `count` at least 1; `threads_max` at least count. `waking_signal` has a handler that does no more than to end the
    // session; 0: there is none, and threads that wait for the kernel are cancelled, which some sanitizers cannot
    // follow.
    desks(fuse_session* session, unsigned count, unsigned threads_max, int waking_signal)
        : session_(session),
          desks_(count),
          threads_max_(threads_max),
          waking_signal_(waking_signal) {
        sem_init(&finished_, 0, 0);
        pthread_cond_init(&wanted_, nullptr);
        pthread_cond_init(&woken_, nullptr);
        pthread_mutex_init(&guard_, nullptr);
    }
    desks(desks const&) = delete;
    desks& operator=(desks const&) = delete;
    ~desks() {
        pthread_mutex_destroy(&guard_);
        pthread_cond_destroy(&woken_);
        pthread_cond_destroy(&wanted_);
        sem_destroy(&finished_);
    }

    // Serves until the session is over, or a signal has ended it. 0, or an errno, negative.
    int run() {
        for (std::size_t i = 0; i != desks_.size(); ++i)
            if (!hand_over(i))
                return finish(-EAGAIN);
        // A signal ends the wait, too; one that came between the question and the wait is seen a second later.
        while (fuse_session_exited(session_) == 0) {
            timespec until{};
            clock_gettime(CLOCK_REALTIME, &until);
            ++until.tv_sec;
            sem_timedwait(&finished_, &until);
        }
        return finish(outcome_.load());
    }

private:
    static constexpr long tick = 10'000'000;  // nanoseconds
    static constexpr unsigned ticks_to_sleep = 10;
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    struct alignas(64) desk {
        std::atomic<std::uint64_t> number{0};
        bool empty = false;  // it was taken, and nobody has it; the watcher's own note
    };
    struct worker {
        desks* all = nullptr;
        pthread_t thread{};
        std::size_t at = none;  // the desk that it is to take
        bool waits = false;
    };

    // A desk gets a thread: one that waits, or a new one. False if there is none to be had.
    bool hand_over(std::size_t at) {
        pthread_mutex_lock(&guard_);
        bool found = false;
        for (auto& each : workers_)
            if (each->waits && each->at == none) {
                each->at = at;
                found = true;
                break;
            }
        if (!found && workers_.size() < threads_max_) {
            workers_.push_back(std::make_unique<worker>());
            auto& made = *workers_.back();
            made.all = this;
            made.at = at;
            found = pthread_create(&made.thread, nullptr, &desks::work, &made) == 0;
            if (!found)
                workers_.pop_back();
        }
        pthread_cond_broadcast(&wanted_);
        pthread_mutex_unlock(&guard_);
        return found;
    }

    static void* work(void* given) {
        auto& self = *static_cast<worker*>(given);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
        fuse_buf buffer{};
        pthread_cleanup_push(&desks::free_buffer, &buffer);
        while (self.all->take_desk(self))
            self.all->serve_at(self.at, buffer);
        pthread_cleanup_pop(1);
        return nullptr;
    }
    static void free_buffer(void* buffer) { std::free(static_cast<fuse_buf*>(buffer)->mem); }

    // Waits for a desk. False if the session is over.
    bool take_desk(worker& self) {
        pthread_mutex_lock(&guard_);
        self.waits = true;
        while (self.at == none && !over_)
            pthread_cond_wait(&wanted_, &guard_);
        self.waits = false;
        bool const found = !over_;
        pthread_mutex_unlock(&guard_);
        return found;
    }

    // Returns when the desk was lost, or the session is over.
    void serve_at(std::size_t& at, fuse_buf& buffer) {
        auto& number = desks_[at].number;
        std::uint64_t mine = number.load(std::memory_order_relaxed);
        while (fuse_session_exited(session_) == 0) {
            // Here a thread can be ended: it waits for the kernel, maybe for ever.
            pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
            int const size = fuse_session_receive_buf(session_, &buffer);
            pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
            if (size == -EINTR || size == -EAGAIN)
                continue;
            if (size <= 0) {
                if (size < 0)
                    outcome_.store(size);
                fuse_session_exit(session_);
                break;
            }
            // In this order, and the watcher's in the other: one of the two sees what the other has written.
            number.store(++mine);
            if (watcher_sleeps_.load())
                wake_watcher();
            fuse_session_process_buf(session_, &buffer);
            if (std::uint64_t expected = mine; !number.compare_exchange_strong(expected, mine + 1)) {
                at = none;
                return;
            }
            ++mine;
        }
        at = none;
        sem_post(&finished_);
    }

    void wake_watcher() {
        pthread_mutex_lock(&guard_);
        watcher_sleeps_.store(false, std::memory_order_relaxed);
        if (!watching_ && !over_)
            watching_ = pthread_create(&watcher_, nullptr, &desks::watch, this) == 0;
        pthread_cond_signal(&woken_);
        pthread_mutex_unlock(&guard_);
    }
    static void* watch(void* given) {
        auto& all = *static_cast<desks*>(given);
        std::vector<std::uint64_t> last(all.desks_.size(), 0);
        unsigned quiet = 0;
        pthread_mutex_lock(&all.guard_);
        while (!all.over_) {
            if (quiet == ticks_to_sleep) {
                all.watcher_sleeps_.store(true);
                if (all.somebody_works())  // who has begun just now wakes nobody
                    all.watcher_sleeps_.store(false, std::memory_order_relaxed);
                while (all.watcher_sleeps_.load(std::memory_order_relaxed) && !all.over_)
                    pthread_cond_wait(&all.woken_, &all.guard_);
                quiet = 0;
            }
            pthread_mutex_unlock(&all.guard_);
            timespec const pause{0, tick};
            nanosleep(&pause, nullptr);
            quiet = all.look(last) ? 0 : quiet + 1;
            pthread_mutex_lock(&all.guard_);
        }
        pthread_mutex_unlock(&all.guard_);
        return nullptr;
    }
    [[nodiscard]] bool somebody_works() const {
        for (auto const& each : desks_)
            if (each.number.load() % 2 == 1)
                return true;
        return false;
    }
    // Takes the desks of those who are at the same request as at the last look. Whether anything has happened since.
    bool look(std::vector<std::uint64_t>& last) {
        bool moved = false;
        for (std::size_t i = 0; i != desks_.size(); ++i) {
            std::uint64_t now = desks_[i].number.load();
            if (now == last[i] && now % 2 == 1 && desks_[i].number.compare_exchange_strong(now, now + 1)) {
                desks_[i].empty = true;
                ++now;
            }
            // Without a thread to be had now, it is tried again with the next tick.
            if (desks_[i].empty)
                desks_[i].empty = !hand_over(i);
            moved |= now != last[i] || now % 2 == 1 || desks_[i].empty;
            last[i] = now;
        }
        return moved;
    }
    int finish(int outcome) {
        pthread_mutex_lock(&guard_);
        over_ = true;
        pthread_cond_broadcast(&wanted_);
        pthread_cond_broadcast(&woken_);
        pthread_mutex_unlock(&guard_);
        for (auto& each : workers_)
            end_thread(each->thread);
        if (watching_)
            pthread_join(watcher_, nullptr);
        workers_.clear();
        return outcome;
    }

    void end_thread(pthread_t thread) const {
        if (waking_signal_ == 0)
            pthread_cancel(thread);
        // Again and again: a signal is lost that comes before the thread waits.
        for (;;) {
            if (waking_signal_ != 0)
                pthread_kill(thread, waking_signal_);
            timespec until{};
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += tick;
            until.tv_sec += until.tv_nsec / 1'000'000'000;
            until.tv_nsec %= 1'000'000'000;
            if (pthread_timedjoin_np(thread, nullptr, &until) == 0)
                return;
        }
    }

    fuse_session* session_;
    std::vector<desk> desks_;
    std::size_t const threads_max_;
    int const waking_signal_;
    sem_t finished_;
    std::atomic<int> outcome_{0};
    std::atomic<bool> watcher_sleeps_{true};

    pthread_mutex_t guard_;  // of all below
    pthread_cond_t wanted_, woken_;
    std::vector<std::unique_ptr<worker>> workers_;
    pthread_t watcher_{};
    bool watching_ = false;
    bool over_ = false;
};

}  // namespace lamina::detail
