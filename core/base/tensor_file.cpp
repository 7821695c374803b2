#include "core/base/tensor_file.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hilum {

static_assert(std::endian::native == std::endian::little, "safetensors elements are little-endian");

namespace {

struct TypeRow {
    ElementType type;
    std::string_view name;
    std::size_t width;
};

constexpr TypeRow Types[] = {
    {ElementType::F64, "F64", 8}, {ElementType::F32, "F32", 4}, {ElementType::F16, "F16", 2}, {ElementType::BF16, "BF16", 2},
    {ElementType::I64, "I64", 8}, {ElementType::I32, "I32", 4}, {ElementType::I16, "I16", 2}, {ElementType::I8, "I8", 1},
    {ElementType::U64, "U64", 8}, {ElementType::U32, "U32", 4}, {ElementType::U16, "U16", 2}, {ElementType::U8, "U8", 1},
    {ElementType::Bool, "BOOL", 1},
};

constexpr std::uint64_t HeaderLimit = 100'000'000;

/// Product of the shape times the width; nothing when it does not fit in 63 bits or a size is negative.
Result<std::uint64_t> byteCount(const std::vector<std::int64_t>& shape, std::size_t width)
{
    std::uint64_t bytes = width;
    bool empty = false;
    for (const std::int64_t n : shape) {
        if (n < 0)
            return fail(ErrorCode::BadData, "a size of {} is negative", n);
        empty = empty || n == 0;
        if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(std::max<std::int64_t>(n, 1)), &bytes) || bytes > std::uint64_t{1} << 62)
            return fail(ErrorCode::BadData, "the shape has more elements than any memory holds");
    }
    return empty ? 0 : bytes;
}

} // namespace

std::size_t byteWidth(ElementType type) { return Types[static_cast<std::size_t>(type)].width; }
std::string_view name(ElementType type) { return Types[static_cast<std::size_t>(type)].name; }

Result<ElementType> elementType(std::string_view text)
{
    for (const TypeRow& row : Types)
        if (row.name == text)
            return row.type;
    return fail(ErrorCode::Unsupported, "element type \"{}\" is not known", text);
}

std::int64_t TensorView::count() const
{
    std::int64_t n = 1;
    for (const std::int64_t s : shape)
        n *= s;
    return n;
}

struct TensorFile::State {
    path file;
    void* address = MAP_FAILED;
    std::size_t length = 0;
    std::map<std::string, TensorView> tensors;
    std::map<std::string, std::string> metadata;
    std::vector<std::vector<std::byte>> copies; // of the arrays that do not lie on a multiple of their element size

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State()
    {
        if (address != MAP_FAILED)
            ::munmap(address, length);
    }
};

Result<TensorFile> TensorFile::open(const path& file)
{
    const auto bad = [&](const std::string& why) { return fail(ErrorCode::BadData, "{} is not a usable safetensors file: {}", file.string(), why); };

    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return std::unexpected(systemError("open", file.string(), errno));
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        ::close(fd);
        return bad("it is not a regular file");
    }
    auto state = std::make_shared<State>();
    state->file = file;
    state->length = static_cast<std::size_t>(info.st_size);
    if (state->length < 8) {
        ::close(fd);
        return bad(hilum::format("it has {} bytes, the header alone needs 8", state->length));
    }
    state->address = ::mmap(nullptr, state->length, PROT_READ, MAP_SHARED, fd, 0);
    const int mapError = errno;
    ::close(fd);
    if (state->address == MAP_FAILED)
        return std::unexpected(systemError("map", file.string(), mapError));

    const auto* base = static_cast<const std::byte*>(state->address);
    std::uint64_t headerLength = 0;
    std::memcpy(&headerLength, base, 8);
    if (headerLength > HeaderLimit || headerLength > state->length - 8)
        return bad(hilum::format("its header claims {} bytes, the file has {} after the length", headerLength, state->length - 8));
    const std::string_view headerText(reinterpret_cast<const char*>(base + 8), headerLength);
    if (headerText.empty() || headerText.front() != '{')
        return bad("its header does not begin with {");
    const auto header = parseJson(headerText);
    if (!header)
        return bad(header.error().message);
    const std::uint64_t dataLength = state->length - 8 - headerLength;
    const std::byte* data = base + 8 + headerLength;

    std::vector<std::pair<std::uint64_t, std::uint64_t>> spans;
    for (const auto& [key, entry] : header->items()) {
        if (!entry.is_object())
            return bad(hilum::format("entry \"{}\" is no object", key));
        if (key == "__metadata__") {
            for (const auto& [k, v] : entry.items()) {
                if (!v.is_string())
                    return bad(hilum::format("metadata \"{}\" is no text", k));
                state->metadata[k] = v.get<std::string>();
            }
            continue;
        }
        const auto dtype = entry.find("dtype"), shape = entry.find("shape"), offsets = entry.find("data_offsets");
        if (dtype == entry.end() || !dtype->is_string() || shape == entry.end() || !shape->is_array() || offsets == entry.end() ||
            !offsets->is_array() || offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned())
            return bad(hilum::format("array \"{}\" lacks dtype, shape or data_offsets of the right kind", key));
        TensorView view;
        const auto type = elementType(dtype->get<std::string>());
        if (!type)
            return bad(hilum::format("array \"{}\": {}", key, type.error().message));
        view.type = *type;
        if (shape->size() > 16)
            return bad(hilum::format("array \"{}\" has {} dimensions, at most 16 are allowed", key, shape->size()));
        for (const Json& n : *shape) {
            if (!n.is_number_unsigned() || n.get<std::uint64_t>() > std::uint64_t{1} << 62)
                return bad(hilum::format("array \"{}\" has a size that is no usable number", key));
            view.shape.push_back(n.get<std::int64_t>());
        }
        const auto begin = (*offsets)[0].get<std::uint64_t>(), end = (*offsets)[1].get<std::uint64_t>();
        if (begin > end || end > dataLength)
            return bad(hilum::format("array \"{}\" claims bytes {} to {} of {}", key, begin, end, dataLength));
        const auto expected = byteCount(view.shape, byteWidth(view.type));
        if (!expected)
            return bad(hilum::format("array \"{}\": {}", key, expected.error().message));
        if (*expected != end - begin)
            return bad(hilum::format("array \"{}\" has {} bytes where its shape needs {}", key, end - begin, *expected));
        view.bytes = std::span(data + begin, end - begin);
        if (begin != end)
            spans.emplace_back(begin, end);
        state->tensors.emplace(key, std::move(view));
    }
    std::sort(spans.begin(), spans.end());
    std::uint64_t at = 0;
    for (const auto& [begin, end] : spans) {
        if (begin < at)
            return bad(hilum::format("two arrays share the bytes from {}", begin));
        if (begin > at)
            return bad(hilum::format("bytes {} to {} belong to no array", at, begin));
        at = end;
    }
    if (at != dataLength)
        return bad(hilum::format("{} bytes at the end belong to no array", dataLength - at));
    // older writers did not pad the header: no array may be read as its type where it lies then. After the checks above the copies are no larger than the file
    for (auto& [key, view] : state->tensors)
        if (!view.bytes.empty() && reinterpret_cast<std::uintptr_t>(view.bytes.data()) % byteWidth(view.type) != 0)
            view.bytes = state->copies.emplace_back(view.bytes.begin(), view.bytes.end());

    TensorFile out;
    out.m_state = std::move(state);
    return out;
}

const std::map<std::string, TensorView>& TensorFile::tensors() const { return m_state->tensors; }
const std::map<std::string, std::string>& TensorFile::metadata() const { return m_state->metadata; }
const path& TensorFile::file() const { return m_state->file; }

Result<TensorView> TensorFile::find(const std::string& wanted) const
{
    if (const auto it = m_state->tensors.find(wanted); it != m_state->tensors.end())
        return it->second;
    std::string list;
    std::size_t shown = 0;
    for (const auto& [key, view] : m_state->tensors) {
        if (++shown > 12) {
            list += ", ...";
            break;
        }
        list += (list.empty() ? "" : ", ") + key;
    }
    return fail(ErrorCode::NotFound, "{} holds no array \"{}\"; it has {}", m_state->file.string(), wanted, list.empty() ? "none" : list);
}

Result<Json> TensorFile::metadataJson(const std::string& key) const
{
    const auto it = m_state->metadata.find(key);
    if (it == m_state->metadata.end())
        return fail(ErrorCode::NotFound, "{} carries no metadata \"{}\"", m_state->file.string(), key);
    auto parsed = parseJson(it->second);
    if (!parsed)
        return fail(ErrorCode::BadData, "{}: metadata \"{}\" is {}", m_state->file.string(), key, parsed.error().message);
    return parsed;
}

void TensorFileWriter::add(std::string name_, ElementType type, std::vector<std::int64_t> shape, std::span<const std::byte> bytes)
{
    addParts(std::move(name_), type, std::move(shape), {bytes});
}

void TensorFileWriter::addParts(std::string name_, ElementType type, std::vector<std::int64_t> shape, std::vector<std::span<const std::byte>> parts)
{
    m_entries.push_back({std::move(name_), type, std::move(shape), std::move(parts)});
}

std::uint64_t TensorFileWriter::Entry::size() const
{
    std::uint64_t bytes = 0;
    for (const auto& part : parts)
        bytes += part.size();
    return bytes;
}

void TensorFileWriter::setMetadata(std::string key, std::string value) { m_metadata[std::move(key)] = std::move(value); }

Status TensorFileWriter::write(const path& file) const
{
    // widest elements first, so that every array lies on a multiple of its element size
    std::vector<const Entry*> order;
    std::set<std::string_view> names;
    for (const Entry& e : m_entries) {
        if (!names.insert(e.name).second)
            throw std::invalid_argument("TensorFileWriter: the name " + e.name + " is used twice");
        const auto expected = byteCount(e.shape, byteWidth(e.type));
        if (!expected || *expected != e.size())
            throw std::invalid_argument(hilum::format("TensorFileWriter: {} has {} bytes, its shape needs {}", e.name, e.size(), expected.value_or(0)));
        order.push_back(&e);
    }
    std::stable_sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) { return byteWidth(a->type) > byteWidth(b->type); });
    Json header = Json::object();
    if (!m_metadata.empty())
        header["__metadata__"] = m_metadata;
    std::uint64_t offset = 0;
    for (const Entry* e : order) {
        header[e->name] = {{"dtype", name(e->type)}, {"shape", e->shape}, {"data_offsets", {offset, offset + e->size()}}};
        offset += e->size();
    }
    std::string text = jsonLine(header);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size();
    return writeFileAtomically(file, [&](int fd) -> Status {
        HILUM_TRY_STATUS(writeAll(fd, std::as_bytes(std::span(&length, 1)), file));
        HILUM_TRY_STATUS(writeAll(fd, std::as_bytes(std::span(text)), file));
        for (const Entry* e : order)
            for (const auto& part : e->parts)
                HILUM_TRY_STATUS(writeAll(fd, part, file));
        return {};
    });
}

} // namespace hilum
