# cmake -DHILUM=... -DWORKER=... -DXVFB=... -DDATA=... -DHERE=... -DOUT=... -P app_journey_b.cmake: acceptance journey B in the real window, mouse and keys only,
# in two sittings on one library (the second start is a step of the journey). DATA: fixtures of `hilum demo-data --seed 1`.
include("${CMAKE_CURRENT_LIST_DIR}/programs.cmake")
begin()

# A step of 4 images is over in a blink: as many of them are accumulated as make it last about a second on this computer
execute_process(COMMAND "${WORKER}" bench --method hdxray-mae --preset tiny --batch 4 --steps 3 --no-products --json RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
if(NOT code EQUAL 0)
    message(FATAL_ERROR "hilum-worker bench ended with ${code}: ${err}")
endif()
string(JSON rate GET "${out}" images_per_s)
string(REGEX REPLACE "\\..*" "" rate "${rate}")
math(EXPR accumulation "${rate} / 4")
if(accumulation LESS 2)
    set(accumulation 2)
endif()
message("${rate} images/s: accumulation ${accumulation}")

# of the mask that the rectangle of the public code and seed 7 draw on 16 x 16 patches, row by row, 1 = hidden
set(mask_hash 90f3d46b38e6b1dd866452511842dcba4362acd097aa5e0ead126b733eddb1aa)
foreach(sitting 1 2 7)
    if(sitting EQUAL 7) # on a library of its own; it needs methods for volumes
        set(ENV{HILUM_HOME} "${OUT}/home-7")
        execute_process(COMMAND "${HILUM}" methods --json RESULT_VARIABLE code OUTPUT_VARIABLE methods ERROR_VARIABLE err)
        if(NOT code EQUAL 0)
            message(FATAL_ERROR "hilum methods ended with ${code}: ${err}")
        endif()
        if(NOT (methods MATCHES "\"voco\"" AND methods MATCHES "\"dae\""))
            message("B7 is not played: this worker carries no voco and dae; app_journey_b7 plays it with a stand-in")
            continue()
        endif()
    endif()
    play(journey_b${sitting} "${OUT}/sitting-${sitting}" "journey B failed in sitting ${sitting}" "DATA=${DATA}" "MASK_HASH=${mask_hash}" "ACCUMULATION=${accumulation}"
        "GMML_FILL=filled with noise")
endforeach()
