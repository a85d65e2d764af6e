# Compiler and linker flags, by purpose. Presets choose; nothing here depends on the build type's name.

add_library(steward_flags INTERFACE)
target_include_directories(steward_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(steward_flags INTERFACE _GNU_SOURCE)
target_compile_options(steward_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wformat=2 -Wvla -Wimplicit-fallthrough -fno-common -fvisibility=hidden)
if(STEWARD_MAP_PATHS)
  target_compile_options(steward_flags INTERFACE -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
endif()
if(STEWARD_WERROR)
  target_compile_options(steward_flags INTERFACE -Werror)
endif()

if(STEWARD_SANITIZE)
  target_compile_options(steward_flags INTERFACE
    -fsanitize=${STEWARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(steward_flags INTERFACE -fsanitize=${STEWARD_SANITIZE})
endif()

# The fuzzer sees which branches of the core an input takes.
if(STEWARD_FUZZ)
  target_compile_options(steward_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(steward_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(STEWARD_HARDEN)
  target_compile_options(steward_flags INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    target_compile_options(steward_flags INTERFACE -fcf-protection)
  endif()
  target_link_options(steward_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()
