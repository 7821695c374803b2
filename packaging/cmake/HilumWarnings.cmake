# Warnings and sanitizers as interface targets, linked privately by our own code only.
add_library(hilum_warnings INTERFACE)
add_library(Hilum::warnings ALIAS hilum_warnings)
target_compile_options(hilum_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers)
if(HILUM_WERROR)
    target_compile_options(hilum_warnings INTERFACE -Werror)
endif()
if(HILUM_SANITIZE)
    add_compile_options(-fsanitize=${HILUM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1) # a finding ends the test
    add_link_options(-fsanitize=${HILUM_SANITIZE})
endif()
