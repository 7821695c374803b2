# What the scripts of whole programs share (cmake -P); HILUM, WORKER, XVFB, HERE and OUT come from the command line.

# Empties OUT and gives the test a home of its own in it. Windows open on a virtual display alone.
function(begin)
    file(REMOVE_RECURSE "${OUT}")
    file(MAKE_DIRECTORY "${OUT}")
    foreach(variable DISPLAY WAYLAND_DISPLAY)
        unset(ENV{${variable}})
    endforeach()
    set(ENV{HILUM_HOME} "${OUT}/home")
endfunction()

# program(HILUM|WORKER argument... [CODE number] [SAYS expression]): runs it, holds exit code and words against what is expected (0, anything), and leaves its output in `stdout`.
function(program which)
    cmake_parse_arguments(PARSE_ARGV 1 A "" "CODE;SAYS" "")
    execute_process(COMMAND "${${which}}" ${A_UNPARSED_ARGUMENTS} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
    if(NOT A_CODE)
        set(A_CODE 0)
    endif()
    if(NOT code STREQUAL A_CODE OR (A_SAYS AND NOT "${out}${err}" MATCHES "${A_SAYS}"))
        message(FATAL_ERROR "${which} ${A_UNPARSED_ARGUMENTS}\nended with ${code}, ${A_CODE} was expected, with \"${A_SAYS}\":\n${out}${err}")
    endif()
    set(stdout "${out}" PARENT_SCOPE)
endfunction()

# play(SCRIPT FOLDER FAULT [name=value...]): HERE/SCRIPT.jsonl in the real window, with pictures in FOLDER; FAULT is what failed when it does.
function(play script folder fault)
    set(values)
    foreach(value IN LISTS ARGN)
        list(APPEND values --set "${value}")
    endforeach()
    execute_process(COMMAND "${XVFB}" -a -s "-screen 0 1600x1000x24" "${HILUM}" --test "${HERE}/${script}.jsonl" --out "${folder}" ${values}
        RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
    message("${out}${err}")
    if(NOT code EQUAL 0)
        message(FATAL_ERROR "${fault} (${code}); the last picture is in ${folder}")
    endif()
endfunction()
