# One static library per folder of src/, one test executable per folder of tests/.

function(waybill_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
    -Woverloaded-virtual -Wold-style-cast -Wextra-semi -Werror
    -Wno-gnu-statement-expression-from-macro-expansion)
endfunction()

# waybill_room(NAME DEPENDENCY...): the library waybill_NAME from src/NAME. main.cpp belongs to the
# executable.
function(waybill_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "main\\.cpp$")
  if(NOT sources)
    add_library(waybill_${name} INTERFACE)
    target_include_directories(waybill_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(waybill_${name} INTERFACE ${ARGN})
    return()
  endif()
  add_library(waybill_${name} STATIC ${sources})
  target_include_directories(waybill_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(waybill_${name} PUBLIC ${ARGN})
  waybill_warnings(waybill_${name})
  if(EXISTS ${CMAKE_SOURCE_DIR}/src/${name}/pch.h)
    target_precompile_headers(waybill_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src/${name}/pch.h)
    # Lets ccache take the header for the same one when it is compiled again.
    target_compile_options(waybill_${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

# waybill_test(NAME): the executable test_NAME from tests/NAME/*.cpp, linked with the room.
function(waybill_test name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE ${ARGN} GTest::gtest_main GTest::gmock)
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(test_${name} PRIVATE WAYBILL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  waybill_warnings(test_${name})
  set_target_properties(test_${name} PROPERTIES BUILD_RPATH "${WAYBILL_DEPS}/duckdb/lib")
  add_test(NAME ${name} COMMAND test_${name})
endfunction()

# waybill_bench(NAME LIBRARY...): the executable bench_NAME from bench/NAME.cpp.
function(waybill_bench name)
  if(NOT EXISTS ${CMAKE_SOURCE_DIR}/bench/${name}.cpp)
    return()
  endif()
  add_executable(bench_${name} ${CMAKE_SOURCE_DIR}/bench/${name}.cpp)
  target_link_libraries(bench_${name} PRIVATE ${ARGN} benchmark::benchmark)
  waybill_warnings(bench_${name})
  set_target_properties(bench_${name} PROPERTIES BUILD_RPATH "${WAYBILL_DEPS}/duckdb/lib")
endfunction()
