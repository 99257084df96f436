# lamina_find_libfuse(<name> <prefix>) finds libfuse 3.14 or newer with pkg-config: the one that is installed below
# <prefix>, or the system's where that is empty or OFF. It gives the target PkgConfig::<name> and <name>_VERSION; where there
# is none, neither. A prefix without libfuse is an error. Part of the installed package: who uses lamina::fuse looks for
# libfuse in the same way.
macro(lamina_find_libfuse name prefix)
    find_package(PkgConfig QUIET)
    if(PKG_CONFIG_FOUND)
        set(lamina_pkg_config_path "$ENV{PKG_CONFIG_PATH}")
        if(NOT "${prefix}" MATCHES "^(|OFF)$")
            set(lamina_libfuse_directories "${prefix}/lib/pkgconfig" "${prefix}/lib64/pkgconfig"
                "${prefix}/lib/${CMAKE_LIBRARY_ARCHITECTURE}/pkgconfig")
            find_file(lamina_libfuse_pc fuse3.pc PATHS ${lamina_libfuse_directories} NO_DEFAULT_PATH NO_CACHE)
            if(NOT lamina_libfuse_pc)
                message(FATAL_ERROR "there is no libfuse in ${prefix}: no fuse3.pc in ${lamina_libfuse_directories}")
            endif()
            get_filename_component(lamina_libfuse_directories "${lamina_libfuse_pc}" DIRECTORY)
            set(ENV{PKG_CONFIG_PATH} "${lamina_libfuse_directories}:${lamina_pkg_config_path}")
            unset(lamina_libfuse_pc)
        endif()
        # Or what an earlier run found in another prefix would be taken for this one's.
        unset(__pkg_config_checked_${name} CACHE)
        unset(pkgcfg_lib_${name}_fuse3 CACHE)
        pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL "fuse3>=3.14")
        set(ENV{PKG_CONFIG_PATH} "${lamina_pkg_config_path}")
    endif()
endmacro()
