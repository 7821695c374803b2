# cmake -DSOURCE=... -DOUT=... -DGENERATOR=... -P check_torch.cmake: the version of a system's LibTorch is read where 2.6 has it and where later ones have it; 2.6 stopped the configuration.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${OUT}")
function(expect name header version)
    set(prefix "${OUT}/${name}")
    foreach(file IN ITEMS lib/libtorch.so lib/libtorch_cpu.so lib/libc10.so include/ATen/core/Tensor.h include/torch/csrc/api/include/torch/torch.h include/torch/script.h)
        file(WRITE "${prefix}/${file}" "")
    endforeach()
    string(REPLACE "." ";" numbers "${version}")
    list(GET numbers 0 major)
    list(GET numbers 1 minor)
    list(GET numbers 2 patch)
    file(WRITE "${prefix}/include/${header}" "/// \\file\n#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n"
        "#define TORCH_VERSION_PATCH ${patch}\n#define TORCH_VERSION \"${version}\"\n")
    file(WRITE "${prefix}/CMakeLists.txt" "cmake_minimum_required(VERSION 3.25)\nproject(Torch LANGUAGES NONE)\nset(CMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH OFF)\n"
        "set(CMAKE_FIND_USE_CMAKE_SYSTEM_PATH OFF)\nset(CMAKE_DISABLE_FIND_PACKAGE_OpenMP ON)\ninclude(\"${SOURCE}/packaging/cmake/HilumTorch.cmake\")\n"
        "message(STATUS \"found <\${HILUM_TORCH_VERSION}>\")\n")
    execute_process(COMMAND "${CMAKE_COMMAND}" -E env --unset=HILUM_LIBTORCH "${CMAKE_COMMAND}" -S "${prefix}" -B "${prefix}/build" -G "${GENERATOR}"
        "-DCMAKE_PREFIX_PATH=${prefix}" -DCMAKE_FIND_LIBRARY_PREFIXES=lib -DCMAKE_FIND_LIBRARY_SUFFIXES=.so RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
    string(FIND "${out}" "found <${version}>" place)
    if(NOT code EQUAL 0 OR place LESS 0)
        message(FATAL_ERROR "LibTorch ${version} with ${header} is not recognised: ${out}${err}")
    endif()
endfunction()
expect(new torch/headeronly/version.h 2.14.1)
expect(old torch/csrc/api/include/torch/version.h 2.6.0)
