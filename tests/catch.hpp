// Catch2 3 where the distribution has it, Catch2 2 (Debian 12) otherwise; the tests use what both have in common.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
