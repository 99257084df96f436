// The main function of every Catch test program, and a listener that writes one line per test case, so that a run can be
// summed up over many programs: "passed", "failed" or "skipped", the name, and why it was skipped, separated by tabs.
//
// Catch2 2 has no SKIP, so a test that cannot run here says WARN("skipped: <reason>") and returns. The listener counts a case
// as skipped when it warned so and did not fail. It writes to a new file in the directory that $LAMINA_TEST_REPORT names,
// and nothing where that is not set.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#endif
#include "catch.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

#if __has_include(<catch2/catch_all.hpp>)
using listener_base = Catch::EventListenerBase;
using assertion_outcome = void;
std::string case_name(Catch::TestCaseStats const& stats) { return stats.testInfo->name; }
#else
using listener_base = Catch::TestEventListenerBase;
using assertion_outcome = bool;
std::string case_name(Catch::TestCaseStats const& stats) { return stats.testInfo.name; }
#endif

class case_report : public listener_base {
public:
    using listener_base::listener_base;

    assertion_outcome assertionEnded(Catch::AssertionStats const& stats) override {
        auto const& outcome = stats.assertionResult;
        bool const skips = outcome.getResultType() == Catch::ResultWas::Warning ||
                           static_cast<int>(outcome.getResultType()) == explicit_skip;
        if (std::string const text(outcome.getMessage()); skips && skip_reason_.empty()) {
            if (text.rfind("skipped", 0) == 0 || outcome.getResultType() != Catch::ResultWas::Warning)
                skip_reason_ = text.empty() ? "no reason given" : text;
        }
        return assertion_outcome(true);
    }

    void testCaseEnded(Catch::TestCaseStats const& stats) override {
        auto const* const directory = std::getenv("LAMINA_TEST_REPORT");
        if (directory != nullptr) {
            bool const failed = stats.totals.testCases.failed != 0;
            std::string const line = std::string(failed                  ? "failed"
                                                 : skip_reason_.empty() ? "passed"
                                                                        : "skipped") +
                                     '\t' + case_name(stats) + '\t' + on_one_line(skip_reason_) + '\n';
            std::string const file = std::string(directory) + '/' + std::to_string(::getpid()) + ".tsv";
            // Opened for each line: a test that crashes later leaves what came before it.
            if (auto* const out = std::fopen(file.c_str(), "a")) {
                std::fputs(line.c_str(), out);
                std::fclose(out);
            }
        }
        skip_reason_.clear();
    }

private:
    static constexpr int explicit_skip = 4;  // Catch::ResultWas::ExplicitSkip, which Catch2 2 does not have

    static std::string on_one_line(std::string text) {
        for (char& c : text)
            if (c == '\n' || c == '\t')
                c = ' ';
        return text;
    }
    std::string skip_reason_;
};

CATCH_REGISTER_LISTENER(case_report)

}  // namespace
