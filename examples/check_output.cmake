# Runs an example and compares what it prints with the comment that ends its source:
#     // Output:
#     //   first line
#   cmake -DPROGRAM=<executable> -DSOURCE=<its source> -P check_output.cmake
cmake_minimum_required(VERSION 3.22)

file(READ "${SOURCE}" text)
set(heading "\n// Output:\n")
string(FIND "${text}" "${heading}" at REVERSE)
if(at EQUAL -1)
    message(FATAL_ERROR "${SOURCE} does not end with '// Output:' and what it prints")
endif()
string(LENGTH "${heading}" length)
math(EXPR at "${at} + ${length} - 1")
string(SUBSTRING "${text}" ${at} -1 expected)
string(REGEX REPLACE "\n//( ? ? ?)" "\n" expected "${expected}")
string(SUBSTRING "${expected}" 1 -1 expected)

execute_process(COMMAND "${PROGRAM}" RESULT_VARIABLE status OUTPUT_VARIABLE printed ERROR_VARIABLE complaints)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "returned ${status}\n${printed}${complaints}")
endif()
if(NOT printed STREQUAL expected)
    message(FATAL_ERROR "printed\n${printed}and its source says\n${expected}")
endif()
