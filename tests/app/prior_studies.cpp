// prior_studies DIR: a patient with two chest CTs in one frame of reference, a year apart, and another one with a single film. Voxels hold ten times their slice's
// number, those of the earlier CT 500 more.
#include "core/base/format.h"
#include "tests/support/make_dicom.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

namespace {

struct Series {
    std::string folder, modality, sopClass, date, description, patient, name, study, frame;
    int slices = 1, offset = 0;
};

void writeSeries(const std::filesystem::path& root, const Series& series)
{
    const std::filesystem::path folder = root / series.folder;
    std::filesystem::create_directories(folder);
    for (int n = 0; n < series.slices; ++n) {
        hilum::tests::SliceSpec slice;
        slice.number = n + 1;
        slice.position = series.frame.empty() ? std::string() : hilum::format("0\\0\\{}", 5 * n);
        slice.series = series.study + ".1";
        slice.rows = 64;
        slice.columns = 80;
        slice.modality = series.modality;
        slice.sopClass = series.sopClass;
        slice.values.assign(static_cast<std::size_t>(slice.rows * slice.columns), static_cast<std::int16_t>(series.offset + 10 * n));
        hilum::tests::DicomFile file = hilum::tests::dicomSlice(slice);
        file.text(0x00080020, "DA", series.date).text(0x0008103E, "LO", series.description).text(0x00180015, "CS", "CHEST");
        file.text(0x00100010, "PN", series.name).text(0x00100020, "LO", series.patient).text(0x0020000D, "UI", series.study);
        if (!series.frame.empty())
            file.text(0x00200052, "UI", series.frame);
        file.write(folder / hilum::format("{:02}.dcm", n));
    }
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::fputs("prior_studies DIR\n", stderr);
        return 2;
    }
    const std::string ct = "1.2.840.10008.5.1.4.1.1.2", dx = "1.2.840.10008.5.1.4.1.1.1.1";
    try {
        writeSeries(argv[1], {.folder = "now", .modality = "CT", .sopClass = ct, .date = "20240131", .description = "Chest now", .patient = "P7", .name = "Doe^Jane", .study = "1.5.1", .frame = "1.7.7",
                        .slices = 12, .offset = 0});
        writeSeries(argv[1], {.folder = "before", .modality = "CT", .sopClass = ct, .date = "20230105", .description = "Chest before", .patient = "P7", .name = "Doe^Jane", .study = "1.5.2",
                        .frame = "1.7.7", .slices = 12, .offset = 500});
        writeSeries(argv[1], {.folder = "film", .modality = "DX", .sopClass = dx, .date = "20240210", .description = "Film", .patient = "P8", .name = "Roe^John", .study = "1.5.3", .frame = {},
                        .slices = 1, .offset = 0});
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "prior_studies: %s\n", problem.what());
        return 1;
    }
    return 0;
}
