# The language, the warnings, hardening and sanitizers, for every target.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# _GNU_SOURCE is set here because poison.h, which is included before every source, includes libc's headers.
add_compile_definitions(_GNU_SOURCE)
add_compile_options(
    -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wno-trigraphs -fPIE -fno-common -fno-omit-frame-pointer -pthread
    "SHELL:-include ${PROJECT_SOURCE_DIR}/src/base/poison.h")
add_link_options(-pie -pthread -Wl,--as-needed)
include_directories("${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")

if(HF_WERROR)
    add_compile_options(-Werror)
endif()

if(HF_FAULT_POINTS)
    add_compile_definitions(HF_FAULT_POINTS)
endif()

if(HF_HARDEN)
    add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(HF_SANITIZE)
    add_compile_options(-fsanitize=${HF_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${HF_SANITIZE})
endif()
