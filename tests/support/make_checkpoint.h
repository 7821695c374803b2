#pragma once

#include "core/learning/imports/zip_index.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Checkpoints as torch.save writes them, and ones that it never would.
namespace hilum::tests {

/// Appends pickle operations (protocol 2).
class PickleText {
public:
    std::string bytes;

    PickleText& op(std::string_view raw) { bytes += raw; return *this; }
    PickleText& start() { return op(std::string_view("\x80\x02", 2)); }
    PickleText& text(std::string_view words)
    {
        bytes += 'X';
        return little<std::uint32_t>(static_cast<std::uint32_t>(words.size())).op(words);
    }
    PickleText& integer(std::int64_t n)
    {
        bytes += std::string_view("\x8a\x08", 2);
        return little(n);
    }
    PickleText& real(double x)
    {
        bytes += 'G';
        return little(std::byteswap(std::bit_cast<std::uint64_t>(x)));
    }
    PickleText& global(std::string_view module, std::string_view name)
    {
        bytes += 'c';
        return op(module).op("\n").op(name).op("\n");
    }
    PickleText& integers(const std::vector<std::int64_t>& numbers)
    {
        bytes += '(';
        for (const std::int64_t n : numbers)
            integer(n);
        return op("t");
    }
    /// torch._utils._rebuild_tensor_v2 of a storage
    PickleText& tensor(std::string_view storageType, std::string_view key, std::int64_t elements, std::int64_t offset, const std::vector<std::int64_t>& shape,
                       const std::vector<std::int64_t>& strides, bool oldFormat = false)
    {
        global("torch._utils", "_rebuild_tensor_v2").op("((").text("storage").global("torch", storageType).text(key).text("cpu").integer(elements);
        if (oldFormat)
            op("N");
        return op("tQ").integer(offset).integers(shape).integers(strides).op("\x89").global("collections", "OrderedDict").op(")RtR");
    }

private:
    template <class T>
    PickleText& little(T value)
    {
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        bytes.append(raw, sizeof raw);
        return *this;
    }
};

struct ZipPart {
    std::string name, data;
    std::uint16_t method = 0;
    std::uint32_t claimedSize = 0; ///< 0: the true one
};

/// A zip archive without compression, whatever `method` claims.
inline std::string makeZip(const std::vector<ZipPart>& parts)
{
    std::string out, directory;
    const auto put = [](std::string& to, auto value) {
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        to.append(raw, sizeof raw);
    };
    for (const ZipPart& part : parts) {
        const auto crc = learning::imports::crc32(std::as_bytes(std::span(part.data)));
        const auto size = static_cast<std::uint32_t>(part.data.size()), claimed = part.claimedSize ? part.claimedSize : size;
        const auto offset = static_cast<std::uint32_t>(out.size());
        const auto common = [&](std::string& to) {
            for (const std::uint16_t n : {std::uint16_t{20}, std::uint16_t{0}, part.method, std::uint16_t{0}, std::uint16_t{0}})
                put(to, n);
            for (const std::uint32_t n : {crc, size, claimed})
                put(to, n);
            put(to, static_cast<std::uint16_t>(part.name.size()));
            put(to, std::uint16_t{0});
        };
        put(out, std::uint32_t{0x04034b50});
        common(out);
        out += part.name + part.data;
        put(directory, std::uint32_t{0x02014b50});
        put(directory, std::uint16_t{20});
        common(directory);
        for (int i = 0; i < 3; ++i)
            put(directory, std::uint16_t{0});
        put(directory, std::uint32_t{0});
        put(directory, offset);
        directory += part.name;
    }
    const auto start = static_cast<std::uint32_t>(out.size());
    out += directory;
    put(out, std::uint32_t{0x06054b50});
    for (const std::uint16_t n : {std::uint16_t{0}, std::uint16_t{0}, static_cast<std::uint16_t>(parts.size()), static_cast<std::uint16_t>(parts.size())})
        put(out, n);
    put(out, static_cast<std::uint32_t>(directory.size()));
    put(out, start);
    put(out, std::uint16_t{0});
    return out;
}

/// What one storage holds, as bytes.
template <class T>
std::string storageBytes(const std::vector<T>& values)
{
    return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

/// A zip checkpoint from its main pickle and its storages.
inline std::string zipCheckpoint(const std::string& pickle, const std::vector<std::pair<std::string, std::string>>& storages)
{
    std::vector<ZipPart> parts{{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
    for (const auto& [key, data] : storages)
        parts.push_back({"archive/data/" + key, data});
    parts.push_back({"archive/version", "3\n"});
    return makeZip(parts);
}

/// The same in the older form: a stream of pickles, then the storages.
inline std::string streamCheckpoint(const std::string& pickle, const std::vector<std::pair<std::string, std::string>>& storages, std::size_t elementBytes)
{
    constexpr char magic[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    std::string out(magic, sizeof magic - 1);
    out += PickleText().start().integer(1001).op(".").bytes;
    out += PickleText().start().op("}(").text("little_endian").op("\x88").text("protocol_version").integer(1001).op("u.").bytes;
    out += pickle;
    PickleText keys;
    keys.start().op("](");
    for (const auto& [key, data] : storages)
        keys.text(key);
    out += keys.op("e.").bytes;
    for (const auto& [key, data] : storages) {
        const auto elements = static_cast<std::int64_t>(data.size() / elementBytes);
        out.append(reinterpret_cast<const char*>(&elements), sizeof elements);
        out += data;
    }
    return out;
}

} // namespace hilum::tests
