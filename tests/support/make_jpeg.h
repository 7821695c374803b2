#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <jpeglib.h>

namespace hilum::tests {

/// A baseline JPEG stream of finest quality: value(column, row, component). Three components are stored as they are, without a colour transform.
/// `exif` becomes an APP1 segment.
inline std::string makeJpeg(int width, int height, int components, const std::function<int(int, int, int)>& value, const std::string& exif = {})
{
    jpeg_compress_struct codec{};
    jpeg_error_mgr errors{};
    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&codec, &bytes, &size);
    codec.image_width = static_cast<JDIMENSION>(width);
    codec.image_height = static_cast<JDIMENSION>(height);
    codec.input_components = components;
    codec.in_color_space = components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&codec);
    jpeg_set_colorspace(&codec, codec.in_color_space);
    jpeg_set_quality(&codec, 100, TRUE);
    jpeg_start_compress(&codec, TRUE);
    if (!exif.empty())
        jpeg_write_marker(&codec, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()), static_cast<unsigned>(exif.size()));
    for (int y = 0; y < height; ++y) {
        std::vector<JSAMPLE> row;
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < components; ++c)
                row.push_back(static_cast<JSAMPLE>(value(x, y, c)));
        JSAMPROW line = row.data();
        jpeg_write_scanlines(&codec, &line, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    std::string out(reinterpret_cast<const char*>(bytes), size);
    std::free(bytes); // NOLINT(cppcoreguidelines-no-malloc): libjpeg allocates it
    return out;
}

} // namespace hilum::tests
