# hf_library(name [SUBFOLDERS dir...] [DEPENDS hf_library...] [PRIVATE external-library...])
#
# The current folder as one static library of all its *.c files (and those of SUBFOLDERS), without listing them.  A
# folder that has none yet becomes an INTERFACE library, so that those above it can link to it already.  DEPENDS is
# public: whoever links to a folder gets those below it.  The folder's sql/*.sql are embedded, see hf_embed_sql().
function(hf_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SUBFOLDERS;DEPENDS;PRIVATE")

    set(patterns "*.c")
    foreach(folder IN LISTS arg_SUBFOLDERS)
        list(APPEND patterns "${folder}/*.c")
    endforeach()
    file(GLOB sources CONFIGURE_DEPENDS ${patterns})
    hf_embed_sql(sql_sources)

    if(sources OR sql_sources)
        add_library(${name} STATIC ${sources} ${sql_sources})
        target_link_libraries(${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE})
    else()
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE ${arg_DEPENDS})
    endif()
endfunction()

# hf_embed_sql(ret_sources)
#
# Every <folder>/sql/<file>.sql becomes `extern const char hf_sql_<file>[]`, declared in "<folder>/sql.h" (generated,
# the folder as in an #include line).  The files' names must be C identifiers and unique in the program.
function(hf_embed_sql ret_sources)
    file(GLOB files CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/sql/*.sql")
    set(sources "")
    if(files)
        set(folder "${CMAKE_CURRENT_SOURCE_DIR}")
        cmake_path(RELATIVE_PATH folder BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
        string(REGEX REPLACE "^src/" "" folder "${folder}")
        set(output "${PROJECT_BINARY_DIR}/generated/${folder}")
        string(MAKE_C_IDENTIFIER "HF_GENERATED_${folder}_SQL_H" guard)
        string(TOUPPER "${guard}" guard)

        set(declarations "")
        foreach(file IN LISTS files)
            cmake_path(GET file STEM stem)
            if(NOT stem MATCHES "^[a-z][a-z0-9_]*$")
                message(FATAL_ERROR "\"${file}\": the name must be lower case letters, digits and underscores")
            endif()
            string(APPEND declarations "extern const char hf_sql_${stem}[];\n")
            set(source "${output}/sql_${stem}.c")
            add_custom_command(
                OUTPUT "${source}"
                COMMAND "${CMAKE_COMMAND}" -D "INPUT=${file}" -D "OUTPUT=${source}" -D "NAME=hf_sql_${stem}"
                        -D "HEADER=${folder}/sql.h" -P "${PROJECT_SOURCE_DIR}/cmake/embed_sql.cmake"
                DEPENDS "${file}" "${PROJECT_SOURCE_DIR}/cmake/embed_sql.cmake"
                COMMENT "Embedding ${folder}/sql/${stem}.sql"
                VERBATIM)
            list(APPEND sources "${source}")
        endforeach()
        file(CONFIGURE OUTPUT "${output}/sql.h" @ONLY
             CONTENT "/* Generated from ${folder}/sql. */\n#ifndef @guard@\n#define @guard@\n\n@declarations@\n#endif\n")
    endif()
    set(${ret_sources} ${sources} PARENT_SCOPE)
endfunction()
