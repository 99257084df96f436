# Proves that a misuse does not compile, and that it is the misuse that does not.
#   cmake -DSOURCE=<file> -DCOMPILER=<program> -DFLAGS=<list> -P compile_fail.cmake
# The file's first line is `// expect: <regular expression>`, and the misuse is there only without LAMINA_COMPILE_FAIL_CONTROL.
# The test passes if the file compiles with that macro defined, does not compile without it, and the compiler's words match.
cmake_minimum_required(VERSION 3.22)

set(ENV{LC_ALL} C)  # ASCII quotation marks in the compiler's words

file(READ "${SOURCE}" text)
if(NOT text MATCHES "^// expect: ([^\n]+)\n")
    message(FATAL_ERROR "${SOURCE} does not begin with '// expect: <regular expression>'")
endif()
set(expected "${CMAKE_MATCH_1}")

execute_process(COMMAND "${COMPILER}" ${FLAGS} -fsyntax-only -DLAMINA_COMPILE_FAIL_CONTROL "${SOURCE}"
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "the control does not compile, so the test proves nothing:\n${output}")
endif()

execute_process(COMMAND "${COMPILER}" ${FLAGS} -fsyntax-only "${SOURCE}"
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(status EQUAL 0)
    message(FATAL_ERROR "the misuse compiles")
endif()
# What the compiler quotes from the source is no message of its own: the file holds the expected words in its first line.
string(REPLACE "// expect: ${expected}" "" output "${output}")
if(NOT output MATCHES "${expected}")
    message(FATAL_ERROR "the misuse is refused without the words '${expected}':\n${output}")
endif()
