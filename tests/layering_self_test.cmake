# Proves that layering.cmake catches what it is there for: a sound tree passes, and each tree with one offence fails with
# words about that offence.
#   cmake -DSCRATCH=<directory> -P layering_self_test.cmake
cmake_minimum_required(VERSION 3.22)

set(sound_umbrella "#pragma once\n#include <lamina/core/a.hpp>\n#include <lamina/posix/p.hpp>\n#include <lamina/stack/s.hpp>\n")
set(sound_core "#pragma once\n#include <string>\n// openat(2) and ::close(fd) may be written about.\n")

function(write_sound_tree)
    file(REMOVE_RECURSE "${SCRATCH}")
    file(WRITE "${SCRATCH}/lamina/lamina.hpp" "${sound_umbrella}")
    file(WRITE "${SCRATCH}/lamina/config.hpp" "#pragma once\n#define LAMINA_SOMETHING 1\n")
    file(APPEND "${SCRATCH}/lamina/lamina.hpp" "#include <lamina/config.hpp>\n")
    file(WRITE "${SCRATCH}/lamina/core/a.hpp" "${sound_core}")
    file(WRITE "${SCRATCH}/lamina/posix/p.hpp"
         "#pragma once\n#include <fcntl.h>\n#include <lamina/core/a.hpp>\ninline int f(int d) { return ::openat(d, \"x\", 0); }\n")
    file(WRITE "${SCRATCH}/lamina/stack/s.hpp"
         "#pragma once\n#include <lamina/core/a.hpp>\ntemplate <class F> void g(F& f) { f.close(); f->read(0); F::open(1); }\n")
endfunction()

function(judge situation expected)
    execute_process(COMMAND "${CMAKE_COMMAND}" -DTREE=${SCRATCH} -P "${CMAKE_CURRENT_LIST_DIR}/layering.cmake"
        RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
    string(REGEX REPLACE "[ \n]+" " " output "${output}")
    if(expected STREQUAL "passes")
        if(NOT status EQUAL 0)
            message(SEND_ERROR "${situation}: should pass\n${output}")
        endif()
    elseif(status EQUAL 0)
        message(SEND_ERROR "${situation}: passes, and should not")
    elseif(NOT output MATCHES "${expected}")
        message(SEND_ERROR "${situation}: fails without the words '${expected}':\n${output}")
    endif()
endfunction()

# A sound tree with `text` added to one header.
function(expect situation header text expected)
    write_sound_tree()
    file(APPEND "${SCRATCH}/lamina/${header}" "${text}")
    judge("${situation}" "${expected}")
endfunction()

write_sound_tree()
judge("a sound tree" passes)
expect("core that knows a backend" core/a.hpp "#include <lamina/posix/p.hpp>\n" "core may not know posix")
expect("a stack that knows posix" stack/s.hpp "#include <lamina/posix/p.hpp>\n" "stack may not know posix")
expect("posix that knows the stack" posix/p.hpp "#  include <lamina/stack/s.hpp>\n" "posix may not know stack")
expect("a system header in core" core/a.hpp "#include <sys/stat.h>\n" "includes <sys/stat.h>, which only posix/ may")
expect("a system call in the stack" stack/s.hpp "int h(int d) { return openat(d, \"x\", 0); }\n" "calls openat")
expect("a global call in the stack" stack/s.hpp "int h(int d) { return ::close(d); }\n" "calls close")
expect("a call after brackets and semicolons" stack/s.hpp "int h(int* d) { d[0] = 1; return syscall(d[1]); }\n" "calls syscall")
expect("a slow standard header" posix/p.hpp "#include <filesystem>\n" "includes <filesystem>, which is slow")
expect("fmt in core" core/a.hpp "#include <fmt/core.h>\n" "outside fmt.hpp")
expect("a macro" stack/s.hpp "#define LAMINA_X 1\n" "defines a macro")
expect("a quoted include" stack/s.hpp "#include \"../core/a.hpp\"\n" "write <lamina/...>")
expect("an include of nothing" stack/s.hpp "#include <lamina/core/b.hpp>\n" "does not exist")
expect("a header out of reach" core/b.hpp "#pragma once\n" "does not reach <lamina/core/b.hpp>")
expect("a header without #pragma once" core/b.hpp "\n" "lacks #pragma once")
expect("a room that nobody knows" attic/x.hpp "#pragma once\n" "stands in 'attic'")
expect("a name without a job" core/path_utils.hpp "#pragma once\n" "says nothing about its job")
expect("an attic" core/detail/x.hpp "#pragma once\n" "says nothing about its job")
string(REPEAT "//\n" 450 long)
expect("a long header" core/a.hpp "${long}" "450 is the limit")
file(REMOVE_RECURSE "${SCRATCH}")
