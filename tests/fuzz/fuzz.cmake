# Fuzzers (libFuzzer): one for each file here, with its corpus in corpus/NAME. What a run finds beside
# it goes to the build's own corpus. tests/fuzz/run is the long run.
if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "VPCE_FUZZ needs clang: cmake --preset fuzz")
endif()
set(FUZZ_DIR ${CMAKE_CURRENT_LIST_DIR})
set(FUZZ_SECONDS 10)

add_library(vpce_sample STATIC ${CMAKE_SOURCE_DIR}/tests/unit/sample.c)
target_link_libraries(vpce_sample PUBLIC vpce_pure)
target_include_directories(vpce_sample PUBLIC ${CMAKE_SOURCE_DIR}/tests/unit)
target_compile_definitions(vpce_sample PRIVATE GOLDEN_DIR="")

add_library(vpce_fuzz STATIC ${FUZZ_DIR}/common/fuzz.c ${FUZZ_DIR}/common/text_checks.c)
target_include_directories(vpce_fuzz PUBLIC ${FUZZ_DIR}/common)
target_link_libraries(vpce_fuzz PUBLIC vpce_log vpce_pure PkgConfig::JANSSON)

add_custom_target(fuzz)
file(GLOB fuzzers CONFIGURE_DEPENDS ${FUZZ_DIR}/*.c)
foreach(source ${fuzzers})
  get_filename_component(name ${source} NAME_WE)
  set(found ${CMAKE_BINARY_DIR}/corpus/${name})
  file(MAKE_DIRECTORY ${found})
  add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(fuzz_${name}
    PRIVATE vpce_daemon vpce_cli vpce_sample vpce_fuzz)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz fuzz_${name})
  add_test(NAME fuzz.${name}
    COMMAND fuzz_${name} -max_total_time=${FUZZ_SECONDS} -rss_limit_mb=512 -timeout=5
      -error_exitcode=1 -print_final_stats=1 -print_funcs=0 -close_fd_mask=1
      -artifact_prefix=${CMAKE_BINARY_DIR}/${name}- ${found} ${FUZZ_DIR}/corpus/${name})
  # 77 is what libFuzzer would end with after a crash, had it not been told otherwise
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz SKIP_RETURN_CODE 77 TIMEOUT 180)
endforeach()
