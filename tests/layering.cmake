# Checks the shape of the library over the text of its headers:
#   cmake -DTREE=<directory that holds lamina/> -P layering.cmake
# It fails, and names every offence, when
#   - a room includes a room that it may not know;
#   - anything but posix/ includes a system header or makes a raw system call, or fmt is included outside fmt.hpp;
#   - a standard header is used that would make every user's build slow;
#   - a macro is defined outside config.hpp and version.hpp (but for the one that libfuse wants), or `#pragma once` is missing;
#   - a header is longer than 450 lines, or named for no job at all;
#   - lamina.hpp does not reach a header.
cmake_minimum_required(VERSION 3.22)

# A room may include itself and these.
set(may_include_core "")
set(may_include_backend core)
set(may_include_posix core backend)
set(may_include_archive core backend)
set(may_include_verity core backend)
set(may_include_mount core backend)
set(may_include_volume core backend)
set(may_include_fuse core backend)
set(may_include_whiteout core backend)
set(may_include_stack core backend whiteout)
set(may_include_oci core backend whiteout)
set(may_include_store core backend posix whiteout stack oci)
# The headers beside the rooms; "*" is every room.
set(may_include_config.hpp "")
set(may_include_version.hpp "")
set(may_include_fmt.hpp core)
set(may_include_fwd.hpp "*")
set(may_include_lamina.hpp "*")

set(slow_headers chrono filesystem fstream functional future iomanip iostream istream locale ostream random ranges regex
    sstream thread)
set(system_calls
    openat openat2 fstat fstatat lstat statx syscall mknodat mkdirat linkat symlinkat unlinkat renameat renameat2 readlinkat
    faccessat fchownat fchmodat fchmod fchown utimensat futimens getdents64 fdopendir readdir opendir pread pwrite preadv
    pwritev copy_file_range sendfile ftruncate fallocate fsync fdatasync syncfs fgetxattr fsetxattr flistxattr fremovexattr
    lgetxattr lsetxattr llistxattr lremovexattr name_to_handle_at open_by_handle_at mmap munmap madvise ioctl fcntl dup2
    dup3 umask getuid geteuid getgid getegid fstatfs statvfs fstatvfs flock)
string(REPLACE ";" "|" system_calls "${system_calls}")
# Names that members of this library have too: these are raw only when they are called from the global namespace.
set(global_calls "open|close|read|write|stat|link|unlink|rename|mkdir|rmdir|mknod|symlink|readlink|chmod|chown|truncate")

get_filename_component(TREE "${TREE}" ABSOLUTE)
set(offences "")
macro(offence)
    string(APPEND offences "  ${header}: " ${ARGN} "\n")
endmacro()

file(GLOB_RECURSE headers RELATIVE "${TREE}" "${TREE}/lamina/*")
if(NOT headers)
    message(FATAL_ERROR "no headers below ${TREE}/lamina")
endif()

foreach(header IN LISTS headers)
    file(READ "${TREE}/${header}" text)
    string(REGEX REPLACE "[^\n]" "" line_ends "${text}")
    string(LENGTH "${line_ends}" lines)
    string(REGEX REPLACE "//[^\n]*" "" code "${text}")
    # CMake lists split at semicolons, and do not where brackets are open.
    string(REGEX REPLACE "[][;]" " " code "${code}")
    string(REGEX REPLACE "^lamina/([^/]+).*" "\\1" room "${header}")

    if(lines GREATER 450)
        offence("${lines} lines, 450 is the limit")
    endif()
    if(header MATCHES "(utils?|helpers?|common|misc|manager|impl2)" OR header MATCHES "/detail/")
        offence("a name that says nothing about its job")
    endif()
    if(NOT header MATCHES "\\.hpp$")
        offence("not a header")
    endif()
    if(NOT code MATCHES "#pragma once")
        offence("lacks #pragma once")
    endif()
    if(header STREQUAL "lamina/fuse/libfuse.hpp")
        # How libfuse is told which of its interfaces is meant.
        string(REPLACE "#define FUSE_USE_VERSION" "" code "${code}")
    endif()
    if(code MATCHES "#[ \t]*define" AND NOT room MATCHES "^(config|version)\\.hpp$")
        offence("defines a macro outside config.hpp")
    endif()
    if(NOT DEFINED may_include_${room})
        offence("stands in '${room}', which tests/layering.cmake does not know")
        continue()
    endif()

    if(NOT room STREQUAL "posix")
        string(REGEX MATCHALL "(^|[^A-Za-z0-9_])(${system_calls})[ \t]*\\(" calls "${code}")
        string(REGEX MATCHALL "(^|[^A-Za-z0-9_>])::(${global_calls})[ \t]*\\(" global "${code}")
        foreach(call IN LISTS calls global)
            string(REGEX REPLACE "[^A-Za-z0-9_]" "" call "${call}")
            offence("calls ${call}, which only posix/ may")
        endforeach()
    endif()

    set(includes_of_${header} "")
    string(REGEX MATCHALL "#[ \t]*include[ \t]*[<\"][^>\"\n]+" includes "${code}")
    foreach(line IN LISTS includes)
        string(REGEX REPLACE ".*[<\"]" "" included "${line}")
        if(line MATCHES "\"")
            offence("includes \"${included}\": write <lamina/...>")
        elseif(included MATCHES "^lamina/")
            list(APPEND includes_of_${header} "${included}")
            if(NOT EXISTS "${TREE}/${included}")
                offence("includes <${included}>, which does not exist")
            endif()
            string(REGEX REPLACE "^lamina/([^/]+).*" "\\1" other "${included}")
            if(other STREQUAL room OR other MATCHES "^(config|version)\\.hpp$" OR may_include_${room} STREQUAL "*")
                # A room knows itself, and everybody knows these two.
            elseif(NOT other IN_LIST may_include_${room})
                offence("${room} may not know ${other} (<${included}>)")
            endif()
        elseif(included MATCHES "^fmt/")
            if(NOT room STREQUAL "fmt.hpp")
                offence("includes <${included}> outside fmt.hpp")
            endif()
        elseif(included MATCHES "^(fuse3/)?fuse[a-z_]*[.]h$")
            if(NOT header STREQUAL "lamina/fuse/libfuse.hpp")
                offence("includes <${included}>, which only fuse/libfuse.hpp may")
            elseif(included MATCHES "^fuse3/")
                # pkg-config names the directory that holds it; fuse3/ may be found in another libfuse.
                offence("includes <${included}>: write <fuse_lowlevel.h>")
            endif()
        elseif(included MATCHES "[./]")
            if(room STREQUAL "verity" AND included MATCHES "^openssl/")
                # What this room is for.
            elseif(NOT room MATCHES "^(posix|fuse)$")
                offence("includes <${included}>, which only posix/ may")
            endif()
        elseif(included IN_LIST slow_headers)
            offence("includes <${included}>, which is slow to compile")
        endif()
    endforeach()
endforeach()

# What the umbrella reaches. fmt.hpp, the fuse room and the verity room need a library that not everybody has.
set(header lamina/lamina.hpp)
set(reached "${header}")
set(to_visit "${header}")
while(to_visit)
    list(POP_FRONT to_visit next)
    foreach(included IN LISTS includes_of_${next})
        if(NOT included IN_LIST reached)
            list(APPEND reached "${included}")
            list(APPEND to_visit "${included}")
        endif()
    endforeach()
endwhile()
foreach(each IN LISTS headers)
    if(NOT each IN_LIST reached AND NOT each MATCHES "^lamina/(fmt\\.hpp$|fuse/|verity/)")
        offence("does not reach <${each}>")
    endif()
endforeach()

list(LENGTH headers count)
if(offences)
    message(FATAL_ERROR "the shape of the library is broken:\n${offences}")
endif()
message(STATUS "${count} headers keep to the shape of the library")
