# Every outside library, with its lowest version. Named targets only: find_package(ITK) alone pulls in all of VTK otherwise.
set(HILUM_FEATURES)

include(HilumHeaders) # HILUM_JSON_INCLUDE, HILUM_SPDLOG_INCLUDE, HILUM_CLI11_INCLUDE
add_library(hilum_headers INTERFACE)
add_library(Hilum::headers ALIAS hilum_headers)
target_include_directories(hilum_headers SYSTEM INTERFACE ${HILUM_JSON_INCLUDE} ${HILUM_SPDLOG_INCLUDE} ${HILUM_CLI11_INCLUDE})
target_compile_definitions(hilum_headers INTERFACE SPDLOG_USE_STD_FORMAT)
find_package(Threads REQUIRED)

# CLI11 in two parts, declarations and one compiled file: header-only it is compiled again in each of forty files. The edition in a single file
# has no parts and stays header-only.
file(GLOB cli11_parts RELATIVE "${HILUM_CLI11_INCLUDE}" "${HILUM_CLI11_INCLUDE}/CLI/impl/*_inl.hpp")
if(cli11_parts)
    list(TRANSFORM cli11_parts REPLACE "^(.*)$" "#include <\\1>")
    list(JOIN cli11_parts "\n" cli11_includes)
    file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/cli11.cpp" CONTENT "#include <CLI/CLI.hpp>\n@cli11_includes@\n" @ONLY)
    add_library(hilum_cli11 STATIC "${PROJECT_BINARY_DIR}/generated/cli11.cpp")
    target_link_libraries(hilum_cli11 PUBLIC Hilum::headers)
    target_compile_definitions(hilum_cli11 PUBLIC CLI11_COMPILE)
    set_target_properties(hilum_cli11 PROPERTIES POSITION_INDEPENDENT_CODE ON)
else()
    add_library(hilum_cli11 INTERFACE)
    target_link_libraries(hilum_cli11 INTERFACE Hilum::headers)
endif()
add_library(Hilum::cli11 ALIAS hilum_cli11)

if(HILUM_BUILD_IMAGING)
    find_package(ITK 5.4 REQUIRED COMPONENTS ITKCommon ITKIOImageBase ITKIONIFTI ITKIONRRD ITKIOMeta ITKIOPNG
        ITKIOGDCM ITKGDCM ITKImageGrid ITKImageFunction ITKSmoothing ITKThresholding ITKConnectedComponents ITKBinaryMathematicalMorphology)
    find_package(DCMTK 3.7 REQUIRED)
    find_package(JPEG REQUIRED) # pictures of more than 8 bits need libjpeg-turbo 3
    find_package(PNG REQUIRED)
    find_package(TIFF REQUIRED) # memory limits on opening need 4.7
    find_package(OpenJPEG 2.5 REQUIRED) # JPEG 2000, in strict mode
    find_package(ZLIB REQUIRED)
    # studies in ZIP files; libzip's own CMake files ask for its command line tools
    find_path(HILUM_ZIP_INCLUDE zip.h REQUIRED)
    find_library(HILUM_ZIP_LIBRARY zip REQUIRED)
    add_library(hilum_zip INTERFACE)
    add_library(Hilum::zip ALIAS hilum_zip)
    target_include_directories(hilum_zip SYSTEM INTERFACE ${HILUM_ZIP_INCLUDE})
    target_link_libraries(hilum_zip INTERFACE ${HILUM_ZIP_LIBRARY})
    # SQLiteCpp's CMake files ask for SQLite3
    find_package(SQLite3 REQUIRED)
    find_package(SQLiteCpp REQUIRED)
    find_package(Qt6 6.6 REQUIRED COMPONENTS Core Network)
    list(APPEND HILUM_FEATURES "imaging (ITK ${ITK_VERSION}, DCMTK ${DCMTK_VERSION})")
endif()
if(HILUM_BUILD_GUI)
    find_package(Qt6 6.6 REQUIRED COMPONENTS Core Gui Widgets OpenGLWidgets PrintSupport Test)
    find_package(VTK 9.4 REQUIRED COMPONENTS CommonCore CommonDataModel CommonExecutionModel CommonTransforms FiltersCore FiltersGeneral
        FiltersSources GUISupportQt ImagingCore ImagingColor InteractionStyle InteractionWidgets RenderingCore RenderingOpenGL2
        RenderingVolumeOpenGL2 RenderingVolume RenderingFreeType RenderingAnnotation RenderingImage)
    find_package(qtadvanceddocking-qt6 REQUIRED)
    find_path(HILUM_QWT_INCLUDE qwt_plot.h PATH_SUFFIXES qwt qwt-qt6 qt6/qwt REQUIRED)
    find_library(HILUM_QWT_LIBRARY NAMES qwt-qt6 qwt REQUIRED)
    add_library(hilum_qwt INTERFACE)
    add_library(Hilum::qwt ALIAS hilum_qwt)
    target_include_directories(hilum_qwt SYSTEM INTERFACE ${HILUM_QWT_INCLUDE})
    target_link_libraries(hilum_qwt INTERFACE ${HILUM_QWT_LIBRARY} Qt6::Widgets)
    list(APPEND HILUM_FEATURES "window (Qt ${Qt6_VERSION}, VTK ${VTK_VERSION})")
endif()
if(HILUM_BUILD_TESTS)
    if(HILUM_BUILD_IMAGING OR HILUM_BUILD_GUI)
        find_package(Qt6 6.6 REQUIRED COMPONENTS Test)
    else()
        find_package(Qt6 6.6 QUIET COMPONENTS Core Test)
    endif()
    find_package(benchmark QUIET)
endif()
if(HILUM_BUILD_LEARNING)
    include(HilumTorch)
    list(APPEND HILUM_FEATURES "learning (LibTorch ${HILUM_TORCH_VERSION}, ${HILUM_TORCH_KIND})")
endif()
