// expect: path_literal_holds_a_NUL_or_leads_above_the_root
#include <lamina/core/path.hpp>

lamina::path_view const fine = "etc/../etc/passwd";
#ifndef LAMINA_COMPILE_FAIL_CONTROL
lamina::path_view const outside = "etc/../../shadow";
#endif
