# cmake -DSOURCE=... -DOUT=... -P check_headers.cmake: header-only libraries that are missing are named together, with Debian's packages and the option that replaces
# them; each used to stop the configuration by itself, in CMake's words.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${OUT}")
function(expect code says)
    execute_process(COMMAND "${CMAKE_COMMAND}" "-DHILUM_HEADERS=${OUT}" -DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF -DCMAKE_FIND_USE_CMAKE_ENVIRONMENT_PATH=OFF
        -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF -P "${SOURCE}/packaging/cmake/HilumHeaders.cmake" RESULT_VARIABLE got OUTPUT_VARIABLE out ERROR_VARIABLE err)
    string(REGEX REPLACE "[ \r\n]+" " " said "${out}${err}") # CMake breaks long lines
    string(FIND "${said}" "${says}" place)
    if(NOT got EQUAL code OR place LESS 0)
        message(FATAL_ERROR "ended with ${got} where ${code} and \"${says}\" are expected: ${said}")
    endif()
endfunction()
set(folder "or name a folder that holds the headers with -DHILUM_HEADERS=FOLDER.")
expect(1 "Headers are missing: nlohmann/json.hpp, spdlog/spdlog.h, CLI/CLI.hpp; install Debian's nlohmann-json3-dev libspdlog-dev libcli11-dev, ${folder}")
file(WRITE "${OUT}/nlohmann/json.hpp" "")
file(WRITE "${OUT}/CLI/CLI.hpp" "")
expect(1 "Headers are missing: spdlog/spdlog.h; install Debian's libspdlog-dev, ${folder}")
file(WRITE "${OUT}/spdlog/spdlog.h" "")
expect(0 "")
