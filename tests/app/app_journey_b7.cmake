# cmake -DHILUM=... -DWORKER=... -DXVFB=... -DDATA=... -DHERE=... -DOUT=... -P app_journey_b7.cmake: step B7 of acceptance journey B in the real window, with a worker whose
# answers can be computed by hand (plugins/panels/lab/tests/lab_worker.cpp). app_journey_b plays the same script with the real one.
include("${CMAKE_CURRENT_LIST_DIR}/programs.cmake")
begin()
set(ENV{HILUM_WORKER} "${WORKER}")
play(journey_b7 "${OUT}" "step B7 failed" "DATA=${DATA}" "GMML_FILL=filled with mean grey")
