# cmake -DHILUM=... -DWORKER=... -DXVFB=... -DDATA=... -DHERE=... -DOUT=... -P app_journey_b7.cmake: step B7 of acceptance journey B in the real window, with a worker whose
# answers can be computed by hand (plugins/panels/lab/tests/lab_worker.cpp). app_journey_b plays the same script with the real one.
file(REMOVE_RECURSE "${OUT}")
file(MAKE_DIRECTORY "${OUT}")
foreach(variable DISPLAY WAYLAND_DISPLAY)
    unset(ENV{${variable}})
endforeach()
set(ENV{HILUM_HOME} "${OUT}/home")
set(ENV{HILUM_WORKER} "${WORKER}")
execute_process(COMMAND "${XVFB}" -a -s "-screen 0 1600x1000x24" "${HILUM}" --test "${HERE}/journey_b7.jsonl" --out "${OUT}" --set "DATA=${DATA}" --set "GMML_FILL=filled with mean grey"
    RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
message("${out}${err}")
if(NOT code EQUAL 0)
    message(FATAL_ERROR "step B7 failed with ${code}; its last picture is in ${OUT}")
endif()
