# An archive that is none: one line that says where it is damaged, and 2.
#   cmake -DDEMO=<program> -DSCRATCH=<directory> -P damaged_archive.cmake
cmake_minimum_required(VERSION 3.22)

file(WRITE "${SCRATCH}/layer.tar" "this is no archive")
execute_process(COMMAND "${DEMO}" "${SCRATCH}/work" "${SCRATCH}/layer.tar"
    RESULT_VARIABLE returned OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
if(NOT returned EQUAL 2 OR NOT printed MATCHES "^demo: [^\n]*layer.tar: tar: at byte 0: [^\n]*\n$")
    message(FATAL_ERROR "returned ${returned} and printed\n${printed}")
endif()
