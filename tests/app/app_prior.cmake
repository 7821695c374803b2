# cmake -DHILUM=... -DSTUDIES=prior_studies -DXVFB=... -DHERE=... -DOUT=... -P app_prior.cmake: the prior beside an image, and stepping from case to case, in the real window.
include("${CMAKE_CURRENT_LIST_DIR}/programs.cmake")
begin()
execute_process(COMMAND "${STUDIES}" "${OUT}/data" RESULT_VARIABLE code ERROR_VARIABLE err)
if(NOT code EQUAL 0)
    message(FATAL_ERROR "the studies were not made (${code}): ${err}")
endif()
play(prior "${OUT}" "the window's script failed" "DATA=${OUT}/data")
