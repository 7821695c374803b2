# HILUM_GIT: what git says of this tree; "unknown" outside a repository.
find_package(Git QUIET)
set(HILUM_GIT unknown)
if(GIT_FOUND)
    execute_process(COMMAND ${GIT_EXECUTABLE} -c safe.directory=* describe --always --dirty WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
        OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(described)
        set(HILUM_GIT ${described})
    endif()
endif()
configure_file(core/base/version.h.in generated/core/base/version.h @ONLY)
