# Tests, by label: unit (tables over pure functions), flow (real code, fakes, a hand-turned clock),
# scenario (the real daemon in a VPC of network namespaces; needs root, else skipped), quality.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
set(TESTS_DIR ${CMAKE_CURRENT_LIST_DIR})
set(SYSTEM_PYTHON /usr/bin/python3) # Debian's own: its packages are not on others' paths

# Rows of a table leave out what is zero. A library, so that it comes behind -Wextra.
add_library(vpce_table_flags INTERFACE)
target_link_libraries(vpce_table_flags INTERFACE vpce_flags)
target_compile_options(vpce_table_flags INTERFACE -Wno-missing-field-initializers)

add_library(vpce_sample STATIC ${TESTS_DIR}/unit/sample.c)
target_link_libraries(vpce_sample PUBLIC vpce_pure)
target_compile_definitions(vpce_sample PRIVATE GOLDEN_DIR="${TESTS_DIR}/golden")

add_library(vpce_http_world STATIC ${TESTS_DIR}/unit/http_world.c)
target_link_libraries(vpce_http_world PUBLIC vpce_aws PkgConfig::CMOCKA)

add_library(vpce_tls_world STATIC ${TESTS_DIR}/unit/tls_world.c ${TESTS_DIR}/unit/ca_file.c)
target_link_libraries(vpce_tls_world PUBLIC vpce_probes PkgConfig::CMOCKA)
add_library(vpce_store_world STATIC ${TESTS_DIR}/unit/store_world.c)
target_link_libraries(vpce_store_world PUBLIC vpce_probes PkgConfig::CMOCKA)
add_library(vpce_tls_server STATIC ${TESTS_DIR}/unit/tls_server.c ${TESTS_DIR}/unit/ca_file.c)
target_link_libraries(vpce_tls_server PUBLIC vpce_aws PkgConfig::CMOCKA)

add_library(vpce_scarce_memory STATIC ${TESTS_DIR}/unit/scarce_memory.c)
target_link_libraries(vpce_scarce_memory PUBLIC vpce_flags)
target_link_options(vpce_scarce_memory INTERFACE LINKER:--wrap=malloc,--wrap=realloc)

file(GLOB unit_tests CONFIGURE_DEPENDS ${TESTS_DIR}/unit/test_*.c)
foreach(source ${unit_tests})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name}
    PRIVATE vpce_prober vpce_probes vpce_conf vpce_aws vpce_json vpce_table_flags PkgConfig::CMOCKA)
  add_test(NAME unit.${name} COMMAND ${name})
  set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 120)
endforeach()
foreach(name test_tls test_tls_site test_tls_want)
  target_link_libraries(${name} PRIVATE vpce_tls_world)
endforeach()
foreach(name test_tls_store test_tls_store_forms)
  target_link_libraries(${name} PRIVATE vpce_store_world)
endforeach()
foreach(name test_tls_memory test_tls_want)
  target_link_libraries(${name} PRIVATE vpce_scarce_memory)
endforeach()
foreach(name test_http test_http_life test_http_tls)
  target_link_libraries(${name} PRIVATE vpce_http_world)
endforeach()
target_link_libraries(test_http_tls PRIVATE vpce_tls_server)
target_link_libraries(test_autoscaling_forms PRIVATE vpce_autoscaling_pure)
target_link_libraries(test_loop_memory PRIVATE vpce_loop)
target_link_options(test_loop_memory PRIVATE LINKER:--wrap=malloc) # it fails there
target_link_options(test_text_stream PRIVATE LINKER:--wrap=realloc) # it fails there
target_link_libraries(test_status_server PRIVATE vpce_status_server)
target_link_options(test_status_server PRIVATE LINKER:--wrap=evconnlistener_enable) # it fails there
target_link_libraries(test_enums PRIVATE vpce_autoscaling_pure)
target_link_libraries(test_golden PRIVATE vpce_sample vpce_cli vpce_status_server)
target_link_libraries(test_report_html PRIVATE vpce_sample)
target_link_libraries(test_report_shapes PRIVATE vpce_sample vpce_cli PkgConfig::EXPAT)
target_link_libraries(test_console PRIVATE vpce_cli)
target_link_libraries(test_history PRIVATE vpce_cli)
target_link_libraries(test_lifecycle PRIVATE vpce_autoscaling_pure)
target_link_libraries(test_refusal PRIVATE vpce_daemon)
target_link_libraries(test_start_pages PRIVATE vpce_daemon)
target_link_libraries(test_fdstore PRIVATE vpce_state_store)
target_link_libraries(test_journal_link PRIVATE vpce_systemd)

target_compile_definitions(test_sigv4 PRIVATE SIGV4_VECTORS="${CMAKE_SOURCE_DIR}/../shared/sigv4-vectors")

# small programs around a part of the library, for tests in Python
foreach(name credentials_dump imds_dump sigv4_sign)
  add_executable(${name} ${TESTS_DIR}/tools/${name}.c)
  target_link_libraries(${name} PRIVATE vpce_aws vpce_table_flags)
endforeach()

add_executable(autoscaling_call ${TESTS_DIR}/tools/autoscaling_call.c)
target_link_libraries(autoscaling_call PRIVATE vpce_autoscaling vpce_table_flags)
# preloaded by tests/scenarios/clock.py; uninstrumented, for it stands before any sanitizer
add_library(wall_clock MODULE ${TESTS_DIR}/tools/wall_clock.c)
target_compile_definitions(wall_clock PRIVATE _GNU_SOURCE)
target_compile_options(wall_clock PRIVATE -Wall -Wextra $<$<BOOL:${VPCE_WERROR}>:-Werror>)
# what tests/bench/tls runs; nothing of it is asserted
add_executable(bench_reference ${TESTS_DIR}/bench/reference.c)
target_link_libraries(bench_reference PRIVATE vpce_flags PkgConfig::OPENSSL)
add_executable(bench_probe_cpu ${TESTS_DIR}/bench/probe_cpu.c)
target_link_libraries(bench_probe_cpu PRIVATE vpce_probes)

# the probing code itself, with what touches the network replaced
add_library(vpce_flow STATIC
  ${TESTS_DIR}/flow/harness.c ${TESTS_DIR}/flow/fake_loop.c ${TESTS_DIR}/flow/fake_dns.c
  ${TESTS_DIR}/flow/fake_tcp.c ${TESTS_DIR}/flow/fake_tls.c
  probes/probe.c probes/addr_probe.c probes/ahead.c probes/slots.c daemon/client_files.c daemon/egress.c
  daemon/outlook.c daemon/prober.c daemon/prober_env.c)
target_link_libraries(vpce_flow PUBLIC vpce_conf vpce_pure vpce_log PkgConfig::CMOCKA)
file(GLOB flow_tests CONFIGURE_DEPENDS ${TESTS_DIR}/flow/test_flow_*.c)
foreach(source ${flow_tests})
  get_filename_component(name ${source} NAME_WE)
  string(REPLACE test_flow_ flow. test_name ${name})
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE vpce_flow vpce_table_flags)
  add_test(NAME ${test_name} COMMAND ${name})
  set_tests_properties(${test_name} PROPERTIES LABELS flow TIMEOUT 120)
endforeach()

target_sources(test_flow_group PRIVATE ${TESTS_DIR}/flow/fake_autoscaling.c daemon/aws/group.c
  daemon/aws/group_journal.c)
target_link_libraries(test_flow_group PRIVATE vpce_autoscaling_pure vpce_aws_pure)

add_test(NAME names.botocore
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/names_botocore.py $<TARGET_FILE:vpce-probe>)
set_tests_properties(names.botocore PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 300)

add_test(NAME unit.sigv4_botocore
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/sigv4_botocore.py $<TARGET_FILE:sigv4_sign>)
set_tests_properties(unit.sigv4_botocore PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 300)

add_test(NAME unit.cli_explain
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/cli_explain.py $<TARGET_FILE:vpce-probe>)
add_test(NAME unit.cli_usage
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/cli_usage.py $<TARGET_FILE:vpce-probe>)
set_tests_properties(unit.cli_usage PROPERTIES LABELS unit TIMEOUT 300)
add_test(NAME names.aws_cli
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/cli_explain.py $<TARGET_FILE:vpce-probe> --aws)
set_tests_properties(unit.cli_explain PROPERTIES LABELS unit TIMEOUT 120)
set_tests_properties(names.aws_cli PROPERTIES LABELS quality SKIP_RETURN_CODE 77 TIMEOUT 600)

add_test(NAME unit.catalog
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/catalog.py ${CMAKE_SOURCE_DIR})
set_tests_properties(unit.catalog PROPERTIES LABELS unit)

add_test(NAME quality.hardening
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/hardening.py $<CONFIG> $<TARGET_FILE:vpce-probed>
    $<TARGET_FILE:vpce-probe>)
set_tests_properties(quality.hardening PROPERTIES LABELS quality SKIP_RETURN_CODE 77)

add_test(NAME unit.man
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/man.py ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR})
set_tests_properties(unit.man PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 120)

add_test(NAME unit.completion
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/completion.py $<TARGET_FILE:vpce-probe> ${CMAKE_SOURCE_DIR})
set_tests_properties(unit.completion PROPERTIES LABELS unit TIMEOUT 120)

add_test(NAME unit.imds
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/imds_faults.py $<TARGET_FILE:imds_dump>)
set_tests_properties(unit.imds PROPERTIES LABELS unit TIMEOUT 300)

add_test(NAME unit.credentials
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/credentials.py $<TARGET_FILE:credentials_dump>)
set_tests_properties(unit.credentials PROPERTIES LABELS unit TIMEOUT 300)

add_test(NAME unit.autoscaling_mock
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/autoscaling_mock_test.py)
set_tests_properties(unit.autoscaling_mock PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 300)

add_test(NAME unit.autoscaling
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/autoscaling_faults.py $<TARGET_FILE:autoscaling_call>)
set_tests_properties(unit.autoscaling PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 300)

add_test(NAME unit.alerts COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/alerts.py ${CMAKE_SOURCE_DIR})
set_tests_properties(unit.alerts PROPERTIES LABELS unit SKIP_RETURN_CODE 77 TIMEOUT 60)

add_test(NAME unit.html
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/html_pages.py ${TESTS_DIR}/golden/report.html
    ${TESTS_DIR}/golden/report-hostile.html)
set_tests_properties(unit.html PROPERTIES LABELS unit)

add_test(NAME unit.cli_report
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/cli_report.py $<TARGET_FILE:vpce-probe>)
set_tests_properties(unit.cli_report PROPERTIES LABELS unit TIMEOUT 120)

# the shipped configuration, as it is and with every line of it in force
add_test(NAME unit.shipped_conf
  COMMAND sh -ec "$<TARGET_FILE:vpce-probed> --config ${CMAKE_SOURCE_DIR}/conf/vpce-probe.conf --check-config
sed 's/^#\\([A-Z[]\\)/\\1/' ${CMAKE_SOURCE_DIR}/conf/vpce-probe.conf >shipped.conf
$<TARGET_FILE:vpce-probed> --config shipped.conf --check-config")
set_tests_properties(unit.shipped_conf PROPERTIES LABELS unit)

add_test(NAME quality.floors
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/floors.py ${CMAKE_SOURCE_DIR})
set_tests_properties(quality.floors PROPERTIES LABELS quality TIMEOUT 300)

# a few of them, quick ones (all, and the daemon: tests/valgrind)
if(NOT VPCE_SANITIZE)
  add_test(NAME quality.valgrind COMMAND ${TESTS_DIR}/valgrind --bin ${CMAKE_BINARY_DIR}
    test_conf test_dns_files test_flow_outlook test_http test_report_json)
  set_tests_properties(quality.valgrind PROPERTIES LABELS quality SKIP_RETURN_CODE 77 TIMEOUT 300)
endif()

add_test(NAME quality.layers COMMAND ${TESTS_DIR}/check_layers.sh)
add_test(NAME quality.format COMMAND ${TESTS_DIR}/check_format.sh)
set_tests_properties(quality.layers quality.format PROPERTIES LABELS quality SKIP_RETURN_CODE 77)

add_test(NAME scenario.vpc
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/run.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.vpc PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 900)

add_test(NAME unit.scenario_coverage
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/coverage.py)
set_tests_properties(unit.scenario_coverage PROPERTIES LABELS unit)

add_test(NAME scenario.live
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/live.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.live PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)
add_test(NAME scenario.prometheus
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/prometheus.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.prometheus PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)
add_test(NAME scenario.page
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/page.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.page PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)
# ten faults more, other ones each day; the seed is printed
add_test(NAME scenario.random
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/random --bin ${CMAKE_BINARY_DIR} 10)
set_tests_properties(scenario.random PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 600)

add_test(NAME scenario.interface
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/interface.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.interface PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)

# servers that lie and stall, users who flood; tests/scenarios/hostile.py --long takes longer
foreach(name hostile flood)
  add_test(NAME scenario.${name}
    COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/${name}.py --bin ${CMAKE_BINARY_DIR})
  set_tests_properties(scenario.${name} PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)
endforeach()

# for a minute; tests/scenarios/soak.py --seconds 900 for longer; the seed is printed
add_test(NAME scenario.soak
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/soak.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.soak PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 400)
# descriptors, ports, interface, resolv.conf and CPU of the machine
add_test(NAME scenario.machine
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/machine.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.machine PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)

# the wall clock is set, and the host sleeps
add_test(NAME scenario.clock
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/clock.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.clock PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)

add_test(NAME scenario.imds
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/imds.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.imds PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)

add_test(NAME scenario.launch
  COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/launch.py --bin ${CMAKE_BINARY_DIR})
set_tests_properties(scenario.launch PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 600)

# sanitizers stay out of a service with a dynamic user; the release build is what systemd runs
if(NOT VPCE_SANITIZE)
  add_test(NAME scenario.journal
    COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/journal.py --bin ${CMAKE_BINARY_DIR})
  set_tests_properties(scenario.journal PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 120)
  add_test(NAME scenario.unit
    COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/unit.py --bin ${CMAKE_BINARY_DIR})
  set_tests_properties(scenario.unit PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)
  add_test(NAME scenario.journald
    COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/journald.py --bin ${CMAKE_BINARY_DIR})
  set_tests_properties(scenario.journald PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 240)
  add_test(NAME scenario.console
    COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/console.py --bin ${CMAKE_BINARY_DIR})
  set_tests_properties(scenario.console PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 240)
  add_test(NAME scenario.launch_systemd
    COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/launch_systemd.py --bin ${CMAKE_BINARY_DIR})
  set_tests_properties(scenario.launch_systemd
    PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)
  add_test(NAME scenario.history
    COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/history.py --bin ${CMAKE_BINARY_DIR})
  set_tests_properties(scenario.history PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 240)
  foreach(kind deb rpm lintian)
    add_test(NAME scenario.${kind}
      COMMAND ${SYSTEM_PYTHON} ${TESTS_DIR}/scenarios/package.py --bin ${CMAKE_BINARY_DIR} ${kind})
    set_tests_properties(scenario.${kind} PROPERTIES LABELS scenario SKIP_RETURN_CODE 77 TIMEOUT 300)
  endforeach()
endif()

# every call that can fail does, once: a sample, as many as there is time for (all: tests/torture/run)
add_executable(torture ${TESTS_DIR}/torture/torture.c ${TESTS_DIR}/torture/life.c ${TESTS_DIR}/torture/fail.c
  ${TESTS_DIR}/torture/fail_calls.c ${TESTS_DIR}/torture/servers.c)
target_link_libraries(torture PRIVATE vpce_daemon vpce_table_flags ${CMAKE_DL_LIBS})
if(VPCE_SANITIZE) # it stands between the sanitizer and everybody
  set_source_files_properties(${TESTS_DIR}/torture/fail.c ${TESTS_DIR}/torture/fail_calls.c PROPERTIES
    COMPILE_OPTIONS -fno-sanitize=all COMPILE_DEFINITIONS FAIL_OVER_ASAN)
endif()
target_compile_options(torture PRIVATE -U_FORTIFY_SOURCE)
add_test(NAME torture.sample COMMAND torture --seconds 35)
set_tests_properties(torture.sample PROPERTIES LABELS torture SKIP_RETURN_CODE 77 TIMEOUT 600)

# the longest begin first
foreach(name history interface live)
  if(TEST scenario.${name})
    set_tests_properties(scenario.${name} PROPERTIES COST 60)
  endif()
endforeach()
# these take what the machine has
foreach(name scenario.vpc scenario.random scenario.flood torture.sample)
  if(TEST ${name})
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endforeach()
