# cmake -DHILUM=... -DWORKER=fake_worker -DXVFB=... -DDATA=... -DHERE=... -DOUT=... -P app_bad_worker.cmake: what the window says of workers that misbehave.
include("${CMAKE_CURRENT_LIST_DIR}/programs.cmake")
begin()
set(ENV{HILUM_WORKER} "${WORKER}")
play(bad_worker "${OUT}" "a sentence about a worker is missing" "DATA=${DATA}")
