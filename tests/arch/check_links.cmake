# cmake -DHERE=tests/arch -DLAYERS=HilumLayers.cmake -DOUT=... -DGENERATOR=... -P check_links.cmake: the configuration names every planted arrow, however it was written. Only USES was looked at.
cmake_minimum_required(VERSION 3.25)
function(configure wrong)
    file(REMOVE_RECURSE "${OUT}/${wrong}")
    execute_process(COMMAND "${CMAKE_COMMAND}" -S "${HERE}/planted_links" -B "${OUT}/${wrong}" -G "${GENERATOR}" "-DLAYERS=${LAYERS}" -DWRONG=${wrong}
        RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
    string(REGEX REPLACE "[ \r\n]+" " " said "${out}${err}") # CMake breaks long lines
    set(code "${code}" PARENT_SCOPE)
    set(said "${said}" PARENT_SCOPE)
endfunction()
configure(OFF)
if(NOT code EQUAL 0)
    message(FATAL_ERROR "allowed arrows are refused: ${said}")
endif()
configure(ON)
if(code EQUAL 0)
    message(FATAL_ERROR "forbidden arrows are accepted: ${said}")
endif()
foreach(sentence
    "hilum_view links Hilum::imaging: layer view may use base, stats, but not imaging."
    "hilum_learning links Hilum::imaging: layer learning may use base, stats, but not imaging."
    "hilum_imaging links hilum_learning: layer imaging may use base, but not learning."
    "hilum_panel_a_parts links Hilum::learning: layer panels may use base, stats, imaging, project, view, services, widgets, but not learning."
    "hilum_panel_b_parts links hilum_panel_a_parts: plug-ins do not know each other."
    "hilum links Hilum::learning: layer workstation may use"
    "hilum-worker links Hilum::view: layer worker may use base, stats, learning, methods, but not view.")
    string(FIND "${said}" "${sentence}" place)
    if(place LESS 0)
        message(SEND_ERROR "\"${sentence}\" is not said: ${said}")
    endif()
endforeach()
if(said MATCHES "tst_planted links")
    message(SEND_ERROR "a test may link what it tests: ${said}")
endif()
