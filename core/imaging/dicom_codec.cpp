#include "core/imaging/dicom_codec.h"

#include "core/base/numbers.h"
#include "core/imaging/codestream.h"
#include "core/imaging/dicom_deflated.h"
#include "core/imaging/dicom_item.h"
#include "core/imaging/dicom_nesting.h"
#include "core/imaging/jpeg2000.h"
#include "core/imaging/jpeg_warnings.h"
#include "core/imaging/library_logs.h"
#include "core/imaging/pixel_values.h"
#include "core/imaging/rle.h"
#include "core/imaging/zip_archive.h"

#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

namespace hilum::imaging {

namespace {

void registerDecoders()
{
    static std::once_flag once;
    std::call_once(once, [] {
        // stored values are wanted as they are: no colour transform, samples interleaved
        DJDecoderRegistration::registerCodecs(EDC_never, EUC_never, EPC_colorByPixel);
        DJLSDecoderRegistration::registerCodecs(EJLSUC_never, EJLSPC_colorByPixel);
    });
}

constexpr std::string_view Rle = "1.2.840.10008.1.2.5", EncapsulatedPlain = "1.2.840.10008.1.2.1.98";

bool isJpeg2000(const std::string& syntax) { return syntax == "1.2.840.10008.1.2.4.90" || syntax == "1.2.840.10008.1.2.4.91"; }

} // namespace

struct DicomFrameReader::State {
    const DicomHeader* header = nullptr;
    int fd = -1;
    DcmFileFormat format;
    DcmPixelData* pixels = nullptr;
    std::vector<std::byte> inflated; // native pixels of a deflated file
    std::vector<std::vector<std::span<const std::byte>>> fragments; // [frame]
    std::vector<Uint32> firstFragment;                              // [frame], as DCMTK counts: 0 is the offset table
    std::vector<std::vector<std::uint8_t>> embedded;                // [overlay] bits of the last frame
    bool masked = false;

    ~State()
    {
        if (fd >= 0)
            ::close(fd);
    }
    Status openEncoded();
    Status indexFragments();
    Status nativeBytes(std::int64_t offset, std::span<std::byte> out);
    Status decodeNative(std::int64_t frame, std::span<std::byte> out);
    Status decodeBits(std::int64_t frame, std::span<std::byte> out);
    Status decodeDcmtk(std::int64_t frame, std::span<std::byte> out);
    Status decodeJpeg2000(std::int64_t frame, std::span<std::byte> out);
    Status decodeOwn(std::int64_t frame, std::span<std::byte> out);
    void keepEmbedded(std::span<const std::byte> stored);
    bool startsFrame(std::span<const std::byte> fragment) const;
    std::span<const std::byte> joined(std::int64_t frame, std::vector<std::byte>& room) const;
    Status checkStream(std::int64_t frame, std::span<const std::byte> stream) const;
};

DicomFrameReader::DicomFrameReader(std::unique_ptr<State> state) : m_state(std::move(state)) {}
DicomFrameReader::DicomFrameReader(DicomFrameReader&&) noexcept = default;
DicomFrameReader::~DicomFrameReader() = default;
bool DicomFrameReader::maskedBits() const { return m_state->masked; }
const std::vector<std::vector<std::uint8_t>>& DicomFrameReader::embeddedOverlays() const { return m_state->embedded; }

Result<DicomFrameReader> DicomFrameReader::open(const DicomHeader& h)
{
    routeLibraryLogs();
    registerDecoders();
    const std::string name = h.file.string();
    if (h.pixels == PixelKind::None || h.rows <= 0 || h.columns <= 0)
        return refuse(ErrorCode::BadData, "no_pixels", "{} has no pixels", name);
    if (const std::string why = whyNotDecodable(h.transferSyntax); !why.empty())
        return refuse(ErrorCode::Unsupported, "unsupported_syntax", "{}: {}", name, why);
    const int a = h.bitsAllocated;
    if (!(a == 1 || a == 8 || a == 16 || a == 32 || (a == 64 && h.pixels == PixelKind::Double)) || h.samples < 1 || h.samples > 4 || h.bitsStored < 1 || h.bitsStored > a)
        return refuse(ErrorCode::Unsupported, "unsupported_pixels", "{}: {} samples of {} bits in {} are not supported", name, h.samples, h.bitsStored, a);
    auto state = std::make_unique<State>();
    state->header = &h;
    if (h.encapsulated || h.deflated) {
        HILUM_TRY_STATUS(state->openEncoded());
    } else {
        state->fd = ::open(realFile(h.file).c_str(), O_RDONLY | O_CLOEXEC);
        if (state->fd < 0)
            return std::unexpected(systemError("open", name, errno));
    }
    return DicomFrameReader(std::move(state));
}

Status DicomFrameReader::State::openEncoded()
{
    const DicomHeader& h = *header;
    const MuteDicomLog mute;
    if (h.deflated) {
        HILUM_TRY(inflated, inflatePixels(h));
        return {};
    }
    HILUM_TRY_STATUS(checkNesting(h.file));
    if (const OFCondition ok = format.loadFile(realFile(h.file).c_str()); ok.bad())
        return refuse(ErrorCode::BadData, "truncated", "{}: the compressed pixel data are incomplete or damaged ({} bytes in the file; {})", h.file.string(),
                      grouped(h.fileSize), ok.text());
    DcmElement* element = nullptr;
    if (format.getDataset()->findAndGetElement(DCM_PixelData, element).bad() || !element)
        return refuse(ErrorCode::BadData, "no_pixels", "{} has no pixel data", h.file.string());
    pixels = dynamic_cast<DcmPixelData*>(element);
    if (!pixels)
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: the pixel data element is damaged", h.file.string());
    return indexFragments();
}

/// Does a fragment begin as a frame of this transfer syntax does?
bool DicomFrameReader::State::startsFrame(std::span<const std::byte> fragment) const
{
    const auto byte = [&](std::size_t k) { return fragment.size() > k ? std::to_integer<unsigned>(fragment[k]) : 0x100; };
    const std::string& syntax = header->transferSyntax;
    if (isJpeg2000(syntax))
        return (byte(0) == 0xFF && byte(1) == 0x4F && byte(2) == 0xFF && byte(3) == 0x51) || (byte(4) == 'j' && byte(5) == 'P');
    if (syntax == Rle) // number of segments, then the first one's place behind the header
        return byte(0) >= 1 && byte(0) <= 15 && byte(1) == 0 && byte(2) == 0 && byte(3) == 0 && byte(4) == 64 && byte(5) == 0 && byte(6) == 0 && byte(7) == 0;
    return byte(0) == 0xFF && byte(1) == 0xD8;
}

/// Which fragments belong to which frame: one each, all to the only frame, or a new frame at each start of a codestream. Offset tables are not
/// asked: they are optional, and some are wrong.
Status DicomFrameReader::State::indexFragments()
{
    const DicomHeader& h = *header;
    DcmPixelSequence* sequence = nullptr;
    if (pixels->getEncapsulatedRepresentation(format.getDataset()->getOriginalXfer(), nullptr, sequence).bad() || !sequence)
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: the pixel data hold no fragments", h.file.string());
    const std::size_t count = sequence->card() > 0 ? sequence->card() - 1 : 0; // without the offset table
    fragments.resize(h.frames.size());
    firstFragment.assign(h.frames.size(), 0);
    std::ptrdiff_t frame = -1;
    std::size_t inFrame = 0; // bytes of the frame so far
    Uint32 number = 0;
    // walking from item to item: access by number is linear in DCMTK's list
    for (DcmObject* object = sequence->nextInContainer(nullptr); object; object = sequence->nextInContainer(object), ++number) {
        if (number == 0)
            continue; // the offset table
        auto* item = static_cast<DcmPixelItem*>(object);
        Uint8* bytes = nullptr;
        const Uint32 length = item->getLength();
        if (length > 0 && (item->getUint8Array(bytes).bad() || !bytes))
            return refuse(ErrorCode::BadData, "bad_pixels", "{}: fragment {} of the pixel data cannot be read", h.file.string(), number);
        const std::span<const std::byte> fragment(reinterpret_cast<const std::byte*>(bytes), length);
        const bool plainFull = h.transferSyntax == EncapsulatedPlain && static_cast<std::int64_t>(inFrame) >= (h.rows * h.columns * h.samples * h.bitsAllocated + 7) / 8;
        const bool starts = h.transferSyntax == EncapsulatedPlain ? plainFull : startsFrame(fragment);
        if (count == h.frames.size() || (h.frames.size() > 1 && starts) || frame < 0) {
            ++frame;
            inFrame = 0;
            if (frame < static_cast<std::ptrdiff_t>(firstFragment.size()))
                firstFragment[static_cast<std::size_t>(frame)] = number;
        }
        inFrame += length;
        if (frame < static_cast<std::ptrdiff_t>(fragments.size()))
            fragments[static_cast<std::size_t>(frame)].push_back(fragment);
    }
    if (frame + 1 < static_cast<std::ptrdiff_t>(h.frames.size()))
        return refuse(ErrorCode::BadData, "truncated", "{}: pixel data hold {} of {} frames", h.file.string(), frame + 1, h.frames.size());
    // what the header claims is held against the data before anybody takes memory for it
    std::vector<std::byte> room;
    const auto stream = joined(0, room);
    HILUM_TRY_STATUS(checkStream(0, stream));
    constexpr std::size_t RleAtBest = 64; // 128 equal bytes become two
    if (h.transferSyntax == Rle && static_cast<std::uint64_t>(h.storedFrameBytes()) / (h.bitsAllocated == 1 ? 8 : 1) > RleAtBest * stream.size())
        return refuse(ErrorCode::BadData, "truncated", "{}: {} bytes of RLE data cannot hold a frame of {} bytes", h.file.string(), grouped(static_cast<std::int64_t>(stream.size())), grouped(h.storedFrameBytes()));
    return {};
}

/// Is the codestream of a frame a picture of the header's kind? Each frame is asked before it is decoded: decoders believe the stream, and what they make of another
/// picture would be taken for pixels of this one.
Status DicomFrameReader::State::checkStream(std::int64_t frame, std::span<const std::byte> stream) const
{
    const DicomHeader& h = *header;
    if (h.transferSyntax == Rle || h.transferSyntax == EncapsulatedPlain)
        return {};
    const auto told = codestreamSize(stream);
    if (!told && isJpeg2000(h.transferSyntax)) // its decoder is told what to expect
        return {};
    if (!told)
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: the {} bytes of frame {} hold no JPEG frame header", h.file.string(), grouped(static_cast<std::int64_t>(stream.size())), frame + 1);
    if (told->columns != h.columns || (told->rows != 0 && told->rows != h.rows) || told->components != h.samples)
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: the compressed picture of frame {} has {} x {} pixels of {} samples, the header says {} x {} of {}", h.file.string(), frame + 1,
                      told->columns, told->rows, told->components, h.columns, h.rows, h.samples);
    // JPEG 2000 values are put into the stored width one by one; the other decoders write one byte or two
    const bool fits = isJpeg2000(h.transferSyntax) ? told->bits <= h.bitsAllocated : (told->bits > 8 ? 2 : 1) == h.storedBytesPerSample();
    if (!fits)
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: the compressed picture of frame {} has samples of {} bits, the header's Bits Allocated is {}", h.file.string(), frame + 1, told->bits,
                      h.bitsAllocated);
    return {};
}

/// The codestream of a frame; `room` holds it when it lies in several fragments.
std::span<const std::byte> DicomFrameReader::State::joined(std::int64_t frame, std::vector<std::byte>& room) const
{
    const auto& parts = fragments[static_cast<std::size_t>(frame)];
    if (parts.size() == 1)
        return parts.front();
    for (const auto& part : parts)
        room.insert(room.end(), part.begin(), part.end());
    return room;
}

Status DicomFrameReader::State::nativeBytes(std::int64_t offset, std::span<std::byte> out)
{
    const DicomHeader& h = *header;
    const auto have = h.deflated ? static_cast<std::int64_t>(inflated.size()) : std::min(h.pixelLength, h.fileSize - h.pixelOffset);
    const auto need = static_cast<std::int64_t>(out.size());
    if (offset + need > have) {
        const std::int64_t bitsNeeded = h.rows * h.columns * h.samples * h.bitsAllocated * h.frameCount();
        return refuse(ErrorCode::BadData, "truncated", "{}: pixel data end after {} of {} bytes", h.file.string(), grouped(std::max<std::int64_t>(have, 0)),
                      grouped(std::max(h.pixelLength, (bitsNeeded + 7) / 8)));
    }
    if (h.deflated) {
        std::memcpy(out.data(), inflated.data() + offset, out.size());
        return {};
    }
    for (std::size_t done = 0; done < out.size();) {
        const ssize_t n = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(h.pixelOffset + offset + static_cast<std::int64_t>(done)));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return std::unexpected(systemError("read", h.file.string(), errno));
        if (n == 0)
            return refuse(ErrorCode::BadData, "truncated", "{}: the file ends within the pixel data", h.file.string());
        done += static_cast<std::size_t>(n);
    }
    return {};
}

Status DicomFrameReader::State::decodeBits(std::int64_t frame, std::span<std::byte> out)
{
    const auto count = static_cast<std::int64_t>(out.size()); // frames are packed without gaps: they may begin within a byte
    const std::int64_t firstBit = frame * count, firstByte = firstBit / 8, lastByte = (firstBit + count + 7) / 8;
    std::vector<std::byte> packed(static_cast<std::size_t>(lastByte - firstByte));
    HILUM_TRY_STATUS(nativeBytes(firstByte, packed));
    if (header->bigEndian && header->pixelsInWords)
        swapBytes(packed, 2);
    for (std::int64_t n = 0; n < count; ++n) {
        const std::int64_t bit = firstBit + n - 8 * firstByte;
        out[static_cast<std::size_t>(n)] = packed[static_cast<std::size_t>(bit / 8)] >> static_cast<int>(bit % 8) & std::byte{1};
    }
    return {};
}

Status DicomFrameReader::State::decodeNative(std::int64_t frame, std::span<std::byte> out)
{
    const DicomHeader& h = *header;
    if (h.bitsAllocated == 1)
        return decodeBits(frame, out);
    const auto width = static_cast<int>(h.storedBytesPerSample());
    const auto full = static_cast<std::int64_t>(out.size());
    const bool packed422 = h.photometric == "YBR_FULL_422" && h.samples == 3 && width == 1 && h.pixelLength < full * h.frameCount();
    if (packed422) {
        std::vector<std::byte> packed(static_cast<std::size_t>(h.rows * h.columns * 2));
        HILUM_TRY_STATUS(nativeBytes(frame * static_cast<std::int64_t>(packed.size()), packed));
        expand422(packed, out);
        return {};
    }
    if (h.bigEndian && width == 1 && h.pixelsInWords) {
        // 8-bit pixels in words: read whole words around the frame
        const std::int64_t begin = frame * full / 2 * 2, end = (frame * full + full + 1) / 2 * 2;
        std::vector<std::byte> around(static_cast<std::size_t>(end - begin));
        HILUM_TRY_STATUS(nativeBytes(begin, around));
        swapBytes(around, 2);
        std::memcpy(out.data(), around.data() + (frame * full - begin), out.size());
    } else {
        HILUM_TRY_STATUS(nativeBytes(frame * full, out));
        if (h.bigEndian)
            swapBytes(out, width);
    }
    if (h.samples > 1 && h.planar == 1)
        interleave(out, h.samples, static_cast<std::size_t>(width));
    return {};
}

Status DicomFrameReader::State::decodeDcmtk(std::int64_t frame, std::span<std::byte> out)
{
    const DicomHeader& h = *header;
    Uint32 size = 0;
    DcmDataset& data = *format.getDataset();
    if (pixels->getUncompressedFrameSize(&data, size, OFFalse).bad() || size < out.size() || size > out.size() + 1)
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: the decoder announces {} bytes for a frame of {}", h.file.string(), size, out.size());
    std::vector<std::byte> room;
    HILUM_TRY_STATUS(checkStream(frame, joined(frame, room)));
    std::vector<std::byte> buffer(out.size() + out.size() % 2);
    OFString colourModel;
    Uint32 fragment = firstFragment[static_cast<std::size_t>(frame)];
    const MuteDicomLog mute;
    JpegWarnings warnings;
    const OFCondition ok = pixels->getUncompressedFrame(&data, static_cast<Uint32>(frame), fragment, buffer.data(), static_cast<Uint32>(buffer.size()), colourModel);
    if (ok.bad())
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: frame {} cannot be decoded: {}", h.file.string(), frame + 1, ok.text());
    if (!warnings.loss().empty())
        return refuse(ErrorCode::BadData, "damaged", "{}: the JPEG data of frame {} are damaged, part of the picture would be made up ({})", h.file.string(), frame + 1, warnings.loss());
    std::memcpy(out.data(), buffer.data(), out.size());
    return {};
}

/// RLE, and frames that are wrapped without being compressed.
Status DicomFrameReader::State::decodeOwn(std::int64_t frame, std::span<std::byte> out)
{
    const DicomHeader& h = *header;
    std::vector<std::byte> room;
    const std::span<const std::byte> stream = joined(frame, room);
    const auto width = static_cast<int>(h.storedBytesPerSample());
    std::vector<std::byte> packed(h.bitsAllocated == 1 ? (out.size() + 7) / 8 : 0);
    const std::span<std::byte> to = packed.empty() ? out : std::span<std::byte>(packed);
    if (h.transferSyntax == Rle) {
        if (auto ok = decodeRle(stream, packed.empty() ? h.samples : 1, packed.empty() ? width : 1, to); !ok)
            return std::unexpected(withContext(std::move(ok).error(), hilum::format("{}: frame {}", h.file.string(), frame + 1)));
    } else {
        if (stream.size() < to.size())
            return refuse(ErrorCode::BadData, "truncated", "{}: frame {} ends after {} of {} bytes", h.file.string(), frame + 1, grouped(static_cast<std::int64_t>(stream.size())),
                          grouped(static_cast<std::int64_t>(to.size())));
        std::memcpy(to.data(), stream.data(), to.size());
        if (h.samples > 1 && h.planar == 1)
            interleave(to, h.samples, static_cast<std::size_t>(width));
    }
    for (std::size_t n = 0; !packed.empty() && n < out.size(); ++n)
        out[n] = packed[n / 8] >> static_cast<int>(n % 8) & std::byte{1};
    return {};
}

/// Bits of embedded overlays, before they are masked.
void DicomFrameReader::State::keepEmbedded(std::span<const std::byte> stored)
{
    const DicomHeader& h = *header;
    embedded.assign(h.overlays.size(), {});
    const auto width = static_cast<std::size_t>(h.storedBytesPerSample());
    for (std::size_t o = 0; o < h.overlays.size(); ++o) {
        const int bit = h.embeddedBits[o];
        if (bit < 0)
            continue;
        const std::size_t count = stored.size() / width;
        embedded[o].assign((count + 7) / 8, 0);
        for (std::size_t p = 0; p < count; ++p) {
            const auto byte = std::to_integer<unsigned>(stored[p * width + static_cast<std::size_t>(bit / 8)]);
            embedded[o][p / 8] = static_cast<std::uint8_t>(embedded[o][p / 8] | (byte >> (bit % 8) & 1u) << (p % 8));
        }
    }
}

Status DicomFrameReader::State::decodeJpeg2000(std::int64_t frame, std::span<std::byte> out)
{
    const DicomHeader& h = *header;
    std::vector<std::byte> room;
    const std::span<const std::byte> stream = joined(frame, room);
    HILUM_TRY_STATUS(checkStream(frame, stream));
    auto image = imaging::decodeJpeg2000(stream, {.columns = h.columns, .rows = h.rows, .components = h.samples});
    if (!image)
        return std::unexpected(withContext(std::move(image).error(), hilum::format("{}: frame {}", h.file.string(), frame + 1)));
    if (image->values.size() * static_cast<std::size_t>(h.storedBytesPerSample()) != out.size())
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: the codestream of frame {} gives {} values for {} bytes", h.file.string(), frame + 1, image->values.size(), out.size());
    if (image->bits > h.bitsAllocated)
        return refuse(ErrorCode::BadData, "bad_pixels", "{}: the codestream has {} bits, the header {}", h.file.string(), image->bits, h.bitsAllocated);
    const auto put = [&]<class T>(T) {
        auto* to = reinterpret_cast<T*>(out.data());
        for (std::size_t n = 0; n < image->values.size(); ++n)
            to[n] = static_cast<T>(image->values[n]); // the low bits; masking extends the sign as the header wants
    };
    switch (h.storedBytesPerSample()) {
    case 1: put(std::uint8_t{}); break;
    case 2: put(std::uint16_t{}); break;
    default: put(std::uint32_t{}); break;
    }
    return {};
}

Status DicomFrameReader::decode(std::int64_t frame, std::span<std::byte> out)
{
    State& s = *m_state;
    const DicomHeader& h = *s.header;
    if (frame < 0 || frame >= h.frameCount() || static_cast<std::int64_t>(out.size()) != h.storedFrameBytes())
        return fail(ErrorCode::Internal, "frame {} of {} into {} bytes", frame, h.frameCount(), out.size());
    if (!h.encapsulated)
        HILUM_TRY_STATUS(s.decodeNative(frame, out));
    else if (isJpeg2000(h.transferSyntax))
        HILUM_TRY_STATUS(s.decodeJpeg2000(frame, out));
    else if (h.transferSyntax == Rle || h.transferSyntax == EncapsulatedPlain)
        HILUM_TRY_STATUS(s.decodeOwn(frame, out));
    else
        HILUM_TRY_STATUS(s.decodeDcmtk(frame, out));
    if (!h.overlays.empty())
        s.keepEmbedded(out);
    if (h.pixels == PixelKind::Integer && h.bitsAllocated > 1)
        s.masked |= maskStoredBits(out, static_cast<int>(h.storedBytesPerSample()), h.bitsStored, h.highBit, h.isSigned);
    return {};
}

} // namespace hilum::imaging
