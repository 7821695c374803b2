// JPEG 2000 and JPEG-LS series on all cores against one thread with the same decoder. HILUM_SMOKE=1 makes small series. A program of its own: GDCM's CharLS, which
// the ITK reader of bench_ct_load brings, and DCMTK's have functions of the same names.
#include "core/imaging/dicom_codec.h"
#include "core/imaging/pixel_values.h"
#include "tests/bench/ct_series.h"

#include <benchmark/benchmark.h>
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <openjpeg.h>

#include <cstring>
#include <memory>

using namespace hilum::bench;

namespace {

OPJ_SIZE_T append(void* bytes, OPJ_SIZE_T count, void* user)
{
    auto& out = *static_cast<std::vector<Uint8>*>(user);
    out.insert(out.end(), static_cast<const Uint8*>(bytes), static_cast<const Uint8*>(bytes) + count);
    return count;
}

/// 16-bit signed values as a lossless JPEG 2000 codestream.
std::vector<Uint8> jpeg2000Of(const Sint16* values, int size)
{
    opj_image_cmptparm_t component{};
    component.dx = component.dy = 1;
    component.w = component.h = static_cast<OPJ_UINT32>(size);
    component.prec = 16;
    component.sgnd = 1;
    const std::unique_ptr<opj_image_t, void (*)(opj_image_t*)> image(opj_image_create(1, &component, OPJ_CLRSPC_GRAY), opj_image_destroy);
    image->x1 = image->y1 = static_cast<OPJ_UINT32>(size);
    std::copy_n(values, static_cast<std::size_t>(size) * static_cast<std::size_t>(size), image->comps[0].data);
    opj_cparameters_t parameters;
    opj_set_default_encoder_parameters(&parameters);
    const std::unique_ptr<opj_codec_t, void (*)(opj_codec_t*)> codec(opj_create_compress(OPJ_CODEC_J2K), opj_destroy_codec);
    const std::unique_ptr<opj_stream_t, void (*)(opj_stream_t*)> stream(opj_stream_default_create(OPJ_FALSE), opj_stream_destroy);
    std::vector<Uint8> out;
    opj_stream_set_user_data(stream.get(), &out, nullptr);
    opj_stream_set_write_function(stream.get(), append);
    if (!opj_setup_encoder(codec.get(), &parameters, image.get()) || !opj_start_compress(codec.get(), image.get(), stream.get()) || !opj_encode(codec.get(), stream.get())
        || !opj_end_compress(codec.get(), stream.get()))
        throw std::runtime_error("OpenJPEG cannot compress the slice");
    if (out.size() % 2)
        out.push_back(0);
    return out;
}

OFCondition writeCompressed(int k, int size, bool jpeg2000, const hilum::path& file)
{
    const hilum::path plain = file.string() + ".plain";
    slice(k, size).write(plain);
    DcmFileFormat format;
    OFCondition ok = format.loadFile(plain.c_str());
    if (ok.good())
        ok = format.loadAllDataIntoMemory(); // before the file goes: large elements are read when they are asked for
    std::filesystem::remove(plain);
    DcmDataset& data = *format.getDataset();
    const E_TransferSyntax syntax = jpeg2000 ? EXS_JPEG2000LosslessOnly : EXS_JPEGLSLossless;
    if (ok.good() && !jpeg2000)
        ok = data.chooseRepresentation(syntax, nullptr);
    if (ok.good() && jpeg2000) {
        const Uint16* values = nullptr;
        ok = data.findAndGetUint16Array(DCM_PixelData, values);
        if (ok.bad())
            return ok;
        std::vector<Uint8> stream = jpeg2000Of(reinterpret_cast<const Sint16*>(values), size);
        auto sequence = std::make_unique<DcmPixelSequence>(DCM_PixelSequenceTag);
        sequence->insert(new DcmPixelItem(DCM_PixelItemTag));
        DcmOffsetList offsets;
        sequence->storeCompressedFrame(offsets, stream.data(), static_cast<Uint32>(stream.size()), 0);
        auto pixels = std::make_unique<DcmPixelData>(DCM_PixelData);
        pixels->putOriginalRepresentation(syntax, nullptr, sequence.release());
        ok = data.insert(pixels.release(), OFTrue);
    }
    return ok.good() ? format.saveFile(file.c_str(), syntax) : ok;
}

void compressed(benchmark::State& state)
{
    const bool jpeg2000 = state.range(0) == 0;
    const int slices = smoke() ? 4 : 40, size = smoke() ? 64 : 512, rounds = smoke() ? 1 : 5;
    const auto folder = hilum::TemporaryFolder::make("hilum-bench");
    if (!folder)
        return state.SkipWithError(folder.error().sentence().c_str());
    for (int k = 0; k < slices; ++k)
        if (const OFCondition ok = writeCompressed(k, size, jpeg2000, folder->where() / hilum::format("{:03}.dcm", k)); ok.bad())
            return state.SkipWithError(ok.text());
    std::vector<double> one, all;
    for (auto _ : state)
        for (int n = 0; n < rounds; ++n) {
            std::string digest;
            all.push_back(readWithHilum(folder->where(), digest));
            const auto found = hilum::imaging::scan({folder->where()});
            if (!found)
                return state.SkipWithError(found.error().sentence().c_str());
            // the same decoder, file after file in this thread
            const auto start = Clock::now();
            std::vector<std::byte> stored(2u * static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
            std::vector<std::int16_t> voxels(static_cast<std::size_t>(slices) * stored.size() / 2);
            for (int k = 0; k < slices; ++k) {
                const auto header = hilum::imaging::readDicomHeader(found->items.front().files[static_cast<std::size_t>(k)]);
                if (!header)
                    return state.SkipWithError(header.error().sentence().c_str());
                auto reader = hilum::imaging::DicomFrameReader::open(*header);
                if (!reader)
                    return state.SkipWithError(reader.error().sentence().c_str());
                if (auto ok = reader->decode(0, stored); !ok)
                    return state.SkipWithError(ok.error().sentence().c_str());
                hilum::imaging::toModality<std::int16_t>(*header, header->frames.front(), stored, std::span(voxels).subspan(static_cast<std::size_t>(k) * stored.size() / 2, stored.size() / 2));
            }
            one.push_back(seconds(start));
            if (digestOf(voxels.data(), 2 * voxels.size()) != digest)
                return state.SkipWithError("one thread and all of them disagree about the voxels");
        }
    state.SetLabel(jpeg2000 ? "JPEG 2000" : "JPEG-LS");
    state.counters["one_thread_s"] = median(one);
    state.counters["all_cores_s"] = median(all);
    state.counters["times_faster"] = median(one) / median(all);
}

BENCHMARK(compressed)->Arg(0)->Arg(1)->Iterations(1)->Unit(benchmark::kSecond);

} // namespace

int main(int argc, char** argv)
{
    DJLSEncoderRegistration::registerCodecs();
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    DJLSEncoderRegistration::cleanup();
}
