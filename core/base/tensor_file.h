#pragma once

#include "core/base/jsonl.h"
#include "core/base/paths.h"
#include "core/base/result.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hilum {

/// Element types of safetensors; names as in the file.
enum class ElementType { F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, Bool };
std::size_t byteWidth(ElementType type);
std::string_view name(ElementType type);
Result<ElementType> elementType(std::string_view name);
template <class T> constexpr ElementType elementTypeOf();

/// One array inside a mapped file. Valid while its TensorFile lives. Elements are little-endian, row-major.
struct TensorView {
    ElementType type = ElementType::F32;
    std::vector<std::int64_t> shape; ///< outermost first; empty for a scalar
    std::span<const std::byte> bytes;

    std::int64_t count() const;
    /// The elements as T; Mismatch when the stored type is another.
    template <class T> Result<std::span<const T>> as() const
    {
        if (type != elementTypeOf<T>())
            return fail(ErrorCode::Mismatch, "array holds {} where {} is expected", name(type), name(elementTypeOf<T>()));
        return std::span<const T>(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
    }
};

/// A safetensors file, mapped read-only. Opening checks everything before a byte is used: header length and JSON, element
/// types, shapes without overflow, offsets within the file, without overlap or gaps. Reading never executes anything.
/// Copying is cheap and shares the mapping. Headers over 100 MB are refused.
class TensorFile {
public:
    static Result<TensorFile> open(const path& file);

    const std::map<std::string, TensorView>& tensors() const;
    Result<TensorView> find(const std::string& name) const; ///< NotFound names the array and lists those that are there
    const std::map<std::string, std::string>& metadata() const;
    Result<Json> metadataJson(const std::string& key) const; ///< metadata value parsed as JSON
    const path& file() const;

private:
    struct State;
    std::shared_ptr<const State> m_state;
};

/// Collects arrays and writes them as one safetensors file, atomically. Data are looked at, not copied: they must live
/// until write() unless added with addCopy. Arrays are aligned to 8 bytes.
class TensorFileWriter {
public:
    void add(std::string name, ElementType type, std::vector<std::int64_t> shape, std::span<const std::byte> bytes);
    /// An array whose bytes lie in several places, in their order.
    void addParts(std::string name, ElementType type, std::vector<std::int64_t> shape, std::vector<std::span<const std::byte>> parts);
    template <class T> void add(std::string name, std::vector<std::int64_t> shape, std::span<const T> values)
    {
        add(std::move(name), elementTypeOf<T>(), std::move(shape), std::as_bytes(values));
    }
    template <class T> void addCopy(std::string name, std::vector<std::int64_t> shape, std::span<const T> values)
    {
        const auto bytes = std::as_bytes(values);
        m_owned.emplace_back(bytes.begin(), bytes.end());
        add(std::move(name), elementTypeOf<T>(), std::move(shape), m_owned.back());
    }
    void setMetadata(std::string key, std::string value);
    /// Throws std::invalid_argument for a programmer error: a shape that does not match its bytes, a name used twice.
    Status write(const path& file) const;

private:
    struct Entry {
        std::string name;
        ElementType type;
        std::vector<std::int64_t> shape;
        std::vector<std::span<const std::byte>> parts;
        std::uint64_t size() const;
    };
    std::vector<Entry> m_entries;
    std::vector<std::vector<std::byte>> m_owned;
    std::map<std::string, std::string> m_metadata;
};

template <class T> constexpr ElementType elementTypeOf()
{
    if constexpr (std::is_same_v<T, double>) return ElementType::F64;
    else if constexpr (std::is_same_v<T, float>) return ElementType::F32;
    else if constexpr (std::is_same_v<T, std::int64_t>) return ElementType::I64;
    else if constexpr (std::is_same_v<T, std::int32_t>) return ElementType::I32;
    else if constexpr (std::is_same_v<T, std::int16_t>) return ElementType::I16;
    else if constexpr (std::is_same_v<T, std::int8_t>) return ElementType::I8;
    else if constexpr (std::is_same_v<T, std::uint64_t>) return ElementType::U64;
    else if constexpr (std::is_same_v<T, std::uint32_t>) return ElementType::U32;
    else if constexpr (std::is_same_v<T, std::uint16_t>) return ElementType::U16;
    else if constexpr (std::is_same_v<T, std::uint8_t>) return ElementType::U8;
    else static_assert(std::is_same_v<T, bool>, "no safetensors type for T");
    return ElementType::Bool;
}

} // namespace hilum
