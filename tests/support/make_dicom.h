#pragma once

#include "core/base/format.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::tests {

/// Writes small DICOM files (explicit VR, little endian) byte by byte, so that readers are held against something that is not themselves.
class DicomFile {
public:
    DicomFile& text(std::uint32_t tag, std::string_view vr, std::string value)
    {
        if (value.size() % 2)
            value.push_back(vr == "UI" ? '\0' : ' ');
        m_elements[tag] = {std::string(vr), std::move(value)};
        return *this;
    }
    DicomFile& us(std::uint32_t tag, std::vector<std::uint16_t> values, std::string_view vr = "US")
    {
        std::string bytes(2 * values.size(), '\0');
        std::memcpy(bytes.data(), values.data(), bytes.size());
        m_elements[tag] = {std::string(vr), std::move(bytes)};
        return *this;
    }
    /// One item of a sequence.
    DicomFile& item(std::uint32_t tag, const DicomFile& content)
    {
        const std::string inner = content.dataset();
        std::string bytes("\xFE\xFF\x00\xE0", 4);
        bytes += u32(static_cast<std::uint32_t>(inner.size())) + inner;
        m_elements[tag] = {"SQ", std::move(bytes)};
        return *this;
    }
    /// Several items of a sequence.
    DicomFile& items(std::uint32_t tag, const std::vector<DicomFile>& contents)
    {
        std::string bytes;
        for (const DicomFile& c : contents) {
            const std::string inner = c.dataset();
            bytes += std::string("\xFE\xFF\x00\xE0", 4) + u32(static_cast<std::uint32_t>(inner.size())) + inner;
        }
        m_elements[tag] = {"SQ", std::move(bytes)};
        return *this;
    }
    template <class T> DicomFile& pixels(const std::vector<T>& values)
    {
        std::string bytes(sizeof(T) * values.size(), '\0');
        std::memcpy(bytes.data(), values.data(), bytes.size());
        if (bytes.size() % 2)
            bytes.push_back('\0');
        m_elements[0x7FE00010] = {sizeof(T) == 1 ? "OB" : "OW", std::move(bytes)};
        return *this;
    }
    /// The transfer syntax that the file names; its data set is written as explicit little endian all the same.
    DicomFile& syntax(std::string uid)
    {
        m_syntax = std::move(uid);
        return *this;
    }
    /// Compressed pixel data, one fragment each, with an empty offset table.
    DicomFile& fragments(const std::vector<std::string>& streams)
    {
        std::string bytes("\xFE\xFF\x00\xE0\0\0\0\0", 8);
        for (const std::string& s : streams)
            bytes += std::string("\xFE\xFF\x00\xE0", 4) + u32(static_cast<std::uint32_t>(even(s).size())) + even(s);
        m_elements[0x7FE00010] = {"OB", bytes + std::string("\xFE\xFF\xDD\xE0\0\0\0\0", 8), true};
        return *this;
    }
    std::string bytes() const
    {
        std::string meta = element(0x00020002, {"UI", even(m_elements.contains(0x00080016) ? m_elements.at(0x00080016).value : "1.2.840.10008.5.1.4.1.1.7")})
                         + element(0x00020003, {"UI", m_elements.contains(0x00080018) ? m_elements.at(0x00080018).value : even("1.2.3.4")})
                         + element(0x00020010, {"UI", even(m_syntax)}) + element(0x00020012, {"UI", even("1.2.3.4.5")});
        return std::string(128, '\0') + "DICM" + element(0x00020000, {"UL", u32(static_cast<std::uint32_t>(meta.size()))}) + meta + dataset();
    }
    void write(const std::filesystem::path& file, std::size_t keepBytes = std::string::npos) const
    {
        const std::string all = bytes().substr(0, keepBytes);
        std::ofstream(file, std::ios::binary).write(all.data(), static_cast<std::streamsize>(all.size()));
    }

private:
    struct Element {
        std::string vr, value;
        bool noLength = false;
    };
    static std::string even(std::string s)
    {
        if (s.size() % 2)
            s.push_back('\0');
        return s;
    }
    static std::string u16(std::uint16_t v) { return {static_cast<char>(v & 0xFF), static_cast<char>(v >> 8)}; }
    static std::string u32(std::uint32_t v) { return u16(static_cast<std::uint16_t>(v & 0xFFFF)) + u16(static_cast<std::uint16_t>(v >> 16)); }
    static std::string element(std::uint32_t tag, const Element& e)
    {
        const std::string head = u16(static_cast<std::uint16_t>(tag >> 16)) + u16(static_cast<std::uint16_t>(tag & 0xFFFF)) + e.vr;
        const bool wide = e.vr == "OB" || e.vr == "OW" || e.vr == "SQ" || e.vr == "UN";
        return wide ? head + u16(0) + u32(e.noLength ? 0xFFFFFFFF : static_cast<std::uint32_t>(e.value.size())) + e.value : head + u16(static_cast<std::uint16_t>(e.value.size())) + e.value;
    }
    std::string dataset() const
    {
        std::string out;
        for (const auto& [tag, e] : m_elements)
            out += element(tag, e);
        return out;
    }
    std::string m_syntax = "1.2.840.10008.1.2.1";
    std::map<std::uint32_t, Element> m_elements; // DICOM wants them in order of their tags
};

/// A slice of a CT series: 16-bit signed, `size` x `size` pixels of one value each unless `values` says more.
struct SliceSpec {
    int number = 1;
    std::string position = "0\\0\\0", orientation = "1\\0\\0\\0\\1\\0", series = "1.2.3.100", slope = "1", intercept = "0";
    int rows = 4, columns = 5;
    std::vector<std::int16_t> values;
    int bitsStored = 16;
    bool isSigned = true;
    std::string modality = "CT", sopClass = "1.2.840.10008.5.1.4.1.1.2", photometric = "MONOCHROME2";
};

inline DicomFile dicomSlice(const SliceSpec& s)
{
    std::vector<std::int16_t> values = s.values;
    if (values.empty())
        values.assign(static_cast<std::size_t>(s.rows * s.columns), static_cast<std::int16_t>(s.number));
    DicomFile f;
    f.text(0x00080016, "UI", s.sopClass).text(0x00080018, "UI", hilum::format("{}.{}", s.series, s.number)).text(0x00080060, "CS", s.modality);
    f.text(0x00100010, "PN", "Test^Case").text(0x00100020, "LO", "T1").text(0x0020000D, "UI", "1.2.3.1").text(0x0020000E, "UI", s.series);
    f.text(0x00200013, "IS", std::to_string(s.number));
    if (!s.position.empty())
        f.text(0x00200032, "DS", s.position).text(0x00200037, "DS", s.orientation);
    f.us(0x00280002, {1}).text(0x00280004, "CS", s.photometric).us(0x00280010, {static_cast<std::uint16_t>(s.rows)}).us(0x00280011, {static_cast<std::uint16_t>(s.columns)});
    f.text(0x00280030, "DS", "0.8\\0.5").us(0x00280100, {16}).us(0x00280101, {static_cast<std::uint16_t>(s.bitsStored)});
    f.us(0x00280102, {static_cast<std::uint16_t>(s.bitsStored - 1)}).us(0x00280103, {static_cast<std::uint16_t>(s.isSigned)});
    f.text(0x00281052, "DS", s.intercept).text(0x00281053, "DS", s.slope).pixels(values);
    return f;
}

} // namespace hilum::tests
