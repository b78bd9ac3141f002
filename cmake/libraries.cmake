# The external libraries.  Each is linked PRIVATE to the folders that may see it; tests/unit/test_includes.py holds the
# same rules for the #include lines.

find_package(PkgConfig REQUIRED)

pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(fyaml REQUIRED IMPORTED_TARGET libfyaml)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(icu REQUIRED IMPORTED_TARGET icu-i18n)
pkg_check_modules(xml2 REQUIRED IMPORTED_TARGET libxml-2.0)

# Libraries that come without a pkg-config file.
function(hf_find_library target library header)
    find_library(${target}_LIBRARY ${library} REQUIRED)
    find_path(${target}_INCLUDE_DIR ${header} REQUIRED)
    add_library(${target} INTERFACE IMPORTED)
    target_link_libraries(${target} INTERFACE "${${target}_LIBRARY}")
    target_include_directories(${target} SYSTEM INTERFACE "${${target}_INCLUDE_DIR}")
    mark_as_advanced(${target}_LIBRARY ${target}_INCLUDE_DIR)
endfunction()

hf_find_library(jq jq jq.h)
hf_find_library(pg_query pg_query pg_query.h)
