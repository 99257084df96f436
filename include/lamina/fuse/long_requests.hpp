// Requests that may take long, where those who read requests must not be held up: with io_uring each core has one
// thread that reads and answers what was asked on that core, and nobody can take over from it (desks.hpp is for the
// other way). Such a request is answered by a thread of this pool.
//
// Concurrency: any thread may hand in. Threads are started when they are needed, up to `threads_max`, and stay. end()
// waits until everything is answered; what is handed in after it began is not taken.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace lamina::detail {

class long_requests {
public:
    long_requests() {
        pthread_mutex_init(&guard_, nullptr);
        pthread_cond_init(&handed_in_, nullptr);
    }
    long_requests(long_requests const&) = delete;
    long_requests& operator=(long_requests const&) = delete;
    ~long_requests() {
        end();
        pthread_cond_destroy(&handed_in_);
        pthread_mutex_destroy(&guard_);
    }

    // f() will be called by another thread; false if it will not, because the end has begun or there is no thread.
    template <class F>
    [[nodiscard]] bool hand_in(F f) {
        auto made = std::make_unique<task_of<F>>(std::move(f));
        pthread_mutex_lock(&guard_);
        bool taken = !ending_;
        if (taken && idle_ <= waiting_.size() && threads_.size() < threads_max) {
            pthread_t started{};
            if (pthread_create(&started, nullptr, &long_requests::work, this) == 0)
                threads_.push_back(started);
        }
        taken = taken && !threads_.empty();
        if (taken)
            waiting_.push_back(std::move(made));
        pthread_cond_signal(&handed_in_);
        pthread_mutex_unlock(&guard_);
        return taken;
    }

    void end() {
        pthread_mutex_lock(&guard_);
        ending_ = true;
        pthread_cond_broadcast(&handed_in_);
        pthread_mutex_unlock(&guard_);
        for (auto const each : threads_)
            pthread_join(each, nullptr);
        threads_.clear();
    }

private:
    static constexpr std::size_t threads_max = 16;

    struct task {
        virtual ~task() = default;
        virtual void run() = 0;
    };
    template <class F>
    struct task_of final : task {
        explicit task_of(F given) : f(std::move(given)) {}
        void run() override { f(); }
        F f;
    };

    static void* work(void* given) {
        auto& all = *static_cast<long_requests*>(given);
        pthread_mutex_lock(&all.guard_);
        for (;;) {
            while (all.waiting_.empty() && !all.ending_) {
                ++all.idle_;
                pthread_cond_wait(&all.handed_in_, &all.guard_);
                --all.idle_;
            }
            if (all.waiting_.empty())
                break;
            auto const next = std::move(all.waiting_.front());
            all.waiting_.pop_front();
            pthread_mutex_unlock(&all.guard_);
            next->run();
            pthread_mutex_lock(&all.guard_);
        }
        pthread_mutex_unlock(&all.guard_);
        return nullptr;
    }

    pthread_mutex_t guard_;  // of all below
    pthread_cond_t handed_in_;
    std::deque<std::unique_ptr<task>> waiting_;
    std::vector<pthread_t> threads_;
    std::size_t idle_ = 0;
    bool ending_ = false;
};

}  // namespace lamina::detail
