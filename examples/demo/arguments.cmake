# Arguments that make no sense: script/demo says so in one line, returns 2, and does so before it builds anything.
#   cmake -DDEMO=<script/demo> -P arguments.cmake
cmake_minimum_required(VERSION 3.22)

function(judge status lines words)
    execute_process(COMMAND "${DEMO}" ${ARGN} RESULT_VARIABLE returned OUTPUT_VARIABLE printed ERROR_VARIABLE printed)
    if(NOT returned EQUAL status)
        message(SEND_ERROR "demo ${ARGN}: returned ${returned}, not ${status}\n${printed}")
    endif()
    if(NOT printed MATCHES "${words}")
        message(SEND_ERROR "demo ${ARGN}: does not say '${words}'\n${printed}")
    endif()
    string(REGEX MATCHALL "\n" ends "${printed}")
    list(LENGTH ends count)
    if(lines EQUAL 1 AND NOT count EQUAL 1)
        message(SEND_ERROR "demo ${ARGN}: ${count} lines\n${printed}")
    endif()
endfunction()

judge(0 many "LAYER" --help)
judge(2 1 "unknown option --bogus" --bogus)
judge(2 1 "/no/such/layer does not exist" /no/such/layer)
judge(2 1 "neither a directory nor" /dev/null)
