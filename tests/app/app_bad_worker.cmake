# cmake -DHILUM=... -DWORKER=fake_worker -DXVFB=... -DDATA=... -DHERE=... -DOUT=... -P app_bad_worker.cmake: what the window says of workers that misbehave.
file(REMOVE_RECURSE "${OUT}")
foreach(variable DISPLAY WAYLAND_DISPLAY)
    unset(ENV{${variable}})
endforeach()
set(ENV{HILUM_HOME} "${OUT}/home")
set(ENV{HILUM_WORKER} "${WORKER}")
execute_process(COMMAND "${XVFB}" -a -s "-screen 0 1600x1000x24" "${HILUM}" --test "${HERE}/bad_worker.jsonl" --out "${OUT}" --set "DATA=${DATA}"
    RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
message("${out}${err}")
if(NOT code EQUAL 0)
    message(FATAL_ERROR "a sentence about a worker is missing (${code}); the last picture is in ${OUT}")
endif()
