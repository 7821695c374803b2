#include "core/learning/imports/checkpoint_file.h"

#include "core/learning/imports/mapped_file.h"
#include "core/learning/imports/tensor_layout.h"
#include "core/learning/imports/zip_index.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

namespace hilum::learning::imports {

using Kind = PickleValue::Kind;

namespace {

constexpr std::size_t PickleLimit = 256u << 20;

// the magic number 0x1950a86a20f9469cfc6c as a pickle of protocol 2: how torch.save of PyTorch before 1.6 begins
constexpr unsigned char StreamStart[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};

bool startsWith(std::span<const std::byte> bytes, const void* start, std::size_t length)
{
    return bytes.size() >= length && std::memcmp(bytes.data(), start, length) == 0;
}

/// "torch FloatStorage" -> F32.
std::optional<ElementType> storageType(const PickleValue& global)
{
    constexpr std::pair<std::string_view, ElementType> rows[] = {{"DoubleStorage", ElementType::F64}, {"FloatStorage", ElementType::F32}, {"HalfStorage", ElementType::F16},
        {"BFloat16Storage", ElementType::BF16}, {"LongStorage", ElementType::I64}, {"IntStorage", ElementType::I32}, {"ShortStorage", ElementType::I16},
        {"CharStorage", ElementType::I8}, {"ByteStorage", ElementType::U8}, {"BoolStorage", ElementType::Bool}};
    const std::string_view text = global.text;
    if (!text.starts_with("torch"))
        return std::nullopt;
    for (const auto& [word, type] : rows)
        if (text.substr(text.find(' ') + 1) == word)
            return type;
    return std::nullopt;
}

Result<Pickle> limitedPickle(std::span<const std::byte> bytes, const char* what)
{
    if (bytes.size() > PickleLimit)
        return fail(ErrorCode::TooLarge, "{} has {} bytes; {} are the limit", what, bytes.size(), PickleLimit);
    return readPickle(bytes);
}

struct Storage {
    std::span<const std::byte> bytes;
    std::optional<std::uint32_t> crc;
};

} // namespace

struct CheckpointFile::State {
    Format format = Format::Zip;
    std::optional<MappedFile> mapping;
    std::optional<TensorFile> safetensors;
    Pickle pickle;
    std::map<std::string, Storage> storages;
    std::uint64_t fileSize = 0;

    Status readZip(std::span<const std::byte> bytes);
    Status readStream(std::span<const std::byte> bytes);
    Result<StoredTensor> stored(const PickleValue& tensor, std::set<std::string>& checked) const;
};

Status CheckpointFile::State::readZip(std::span<const std::byte> bytes)
{
    format = Format::Zip;
    HILUM_TRY(const auto entries, readZipIndex(bytes));
    std::string prefix;
    const ZipEntry* data = nullptr;
    for (const auto& [name, entry] : entries)
        if (name == "data.pkl" || name.ends_with("/data.pkl")) {
            if (data)
                return refuse(ErrorCode::BadData, "contradiction", "the archive holds two data.pkl");
            data = &entry;
            prefix = name.substr(0, name.size() - std::string_view("data.pkl").size());
        }
    if (!data) {
        for (const auto& [name, entry] : entries)
            if (name.ends_with(".pth") || name.ends_with(".pt"))
                return fail(ErrorCode::BadData, "the archive is no checkpoint, but it holds {}: unpack it first", name);
        return fail(ErrorCode::BadData, "the archive holds no data.pkl: it is no checkpoint of PyTorch");
    }
    if (entries.contains(prefix + "constants.pkl"))
        return fail(ErrorCode::Unsupported, "the archive is a TorchScript program; save its state_dict with torch.save");
    if (const auto order = entries.find(prefix + "byteorder"); order != entries.end())
        if (const std::string_view text(reinterpret_cast<const char*>(order->second.bytes.data()), order->second.bytes.size()); text != "little")
            return fail(ErrorCode::Unsupported, "the checkpoint was written on a machine of byte order \"{}\"; save it again on a little-endian one", text.substr(0, 20));
    if (crc32(data->bytes) != data->crc)
        return refuse(ErrorCode::BadData, "checksum", "data.pkl is damaged: its checksum is {:08x}, the archive says {:08x}", crc32(data->bytes), data->crc);
    HILUM_TRY(pickle, limitedPickle(data->bytes, "data.pkl"));
    const std::string folder = prefix + "data/";
    for (auto it = entries.lower_bound(folder); it != entries.end() && it->first.starts_with(folder); ++it)
        storages[it->first.substr(folder.size())] = {it->second.bytes, it->second.crc};
    return {};
}

Status CheckpointFile::State::readStream(std::span<const std::byte> bytes)
{
    format = Format::Stream;
    std::size_t at = sizeof StreamStart;
    const auto next = [&](const char* what) -> Result<Pickle> {
        HILUM_TRY(Pickle part, limitedPickle(bytes.subspan(at, std::min(bytes.size() - at, PickleLimit)), what));
        at += part.length;
        return part;
    };
    HILUM_TRY(const Pickle version, next("the version"));
    if (version.root->kind != Kind::Integer || version.root->integer != 1001)
        return fail(ErrorCode::WrongVersion, "the checkpoint has version {} of the old format; 1001 is known", version.root->integer);
    HILUM_TRY(const Pickle system, next("the system's description"));
    if (const PickleValue* little = system.root->find("little_endian"); little && little->integer == 0)
        return fail(ErrorCode::Unsupported, "the checkpoint was written on a big-endian machine; save it again on a little-endian one");
    HILUM_TRY(pickle, next("the main pickle"));
    HILUM_TRY(const Pickle keys, next("the list of storages"));

    // element widths come from the tensors' own storage types
    std::map<std::string, std::pair<std::size_t, std::int64_t>> declared; // key -> width, elements
    for (const PickleValue& value : *pickle.nodes)
        if (value.kind == Kind::Storage) {
            const auto type = storageType(*value.items[0]);
            if (!type)
                return fail(ErrorCode::Unsupported, "a storage of type \"{}\" cannot be stepped over in the old format", value.items[0]->text);
            const std::int64_t elements = value.numbers.empty() ? value.integer : value.numbers[1];
            const auto [it, fresh] = declared.emplace(value.text, std::pair(byteWidth(*type), elements));
            if (!fresh && it->second != std::pair(byteWidth(*type), elements))
                return refuse(ErrorCode::BadData, "contradiction", "storage {} is described in two ways", value.text);
        }
    if (keys.root->kind != Kind::List)
        return refuse(ErrorCode::BadData, "pickle", "the checkpoint's list of storages is none");
    for (const PickleValue* key : keys.root->items) {
        const auto it = declared.find(key->kind == Kind::Integer ? std::to_string(key->integer) : key->text);
        if (it == declared.end())
            return refuse(ErrorCode::BadData, "contradiction", "storage {} is listed but never described", key->text);
        std::int64_t elements = 0;
        if (bytes.size() - at < sizeof elements)
            return refuse(ErrorCode::BadData, "truncated", "the checkpoint ends before storage {}", it->first);
        std::memcpy(&elements, bytes.data() + at, sizeof elements);
        at += sizeof elements;
        if (elements != it->second.second)
            return refuse(ErrorCode::BadData, "contradiction", "storage {} has {} elements but {} are described", it->first, elements, it->second.second);
        if (static_cast<std::uint64_t>(elements) > (bytes.size() - at) / it->second.first)
            return refuse(ErrorCode::BadData, "truncated", "storage {} claims {} elements of {} bytes; {} bytes are left in the file", it->first, elements, it->second.first,
                bytes.size() - at);
        const std::size_t length = static_cast<std::size_t>(elements) * it->second.first;
        if (!storages.emplace(it->first, Storage{bytes.subspan(at, length), std::nullopt}).second)
            return refuse(ErrorCode::BadData, "contradiction", "storage {} is listed twice", it->first);
        at += length;
    }
    return {};
}

/// \param checked storages whose checksum has been compared
Result<StoredTensor> CheckpointFile::State::stored(const PickleValue& tensor, std::set<std::string>& checked) const
{
    const PickleValue& described = *tensor.items[0];
    const auto type = storageType(*described.items[0]);
    if (!type)
        return fail(ErrorCode::Unsupported, "elements of type \"{}\" are not read", described.items[0]->text);
    const auto it = storages.find(described.text);
    if (it == storages.end())
        return refuse(ErrorCode::BadData, "truncated", "storage {} is missing", described.text);
    const std::size_t width = byteWidth(*type);
    const std::size_t first = described.numbers.empty() ? 0 : static_cast<std::size_t>(described.numbers[0]);
    const std::size_t available = it->second.bytes.size() / width;
    if (first > available || static_cast<std::uint64_t>(described.integer) > available - first)
        return refuse(ErrorCode::BadData, "bounds", "storage {} holds {} bytes; {} elements of {} bytes are claimed", described.text, it->second.bytes.size(), described.integer, width);
    if (it->second.crc && checked.insert(it->first).second)
        if (const std::uint32_t crc = crc32(it->second.bytes); crc != *it->second.crc)
            return refuse(ErrorCode::BadData, "checksum", "storage {} is damaged: its checksum is {:08x}, the archive says {:08x}", it->first, crc, *it->second.crc);
    HILUM_TRY_STATUS(checkLayout(tensor.shape(), tensor.strides(), tensor.integer, described.integer)); // repeated axes too, which the pickle may have
    StoredTensor out;
    out.type = *type;
    out.shape.assign(tensor.shape().begin(), tensor.shape().end());
    out.strides.assign(tensor.strides().begin(), tensor.strides().end());
    out.offset = tensor.integer;
    out.storage = it->second.bytes.subspan(first * width, static_cast<std::size_t>(described.integer) * width);
    return out;
}

Result<CheckpointFile> CheckpointFile::readInto(std::shared_ptr<State> state, std::span<const std::byte> bytes)
{
    state->fileSize = bytes.size();
    if (startsWith(bytes, "PK", 2)) {
        HILUM_TRY_STATUS(state->readZip(bytes));
    } else if (startsWith(bytes, StreamStart, sizeof StreamStart)) {
        HILUM_TRY_STATUS(state->readStream(bytes));
    } else if (startsWith(bytes, "version https://git-lfs", 23)) {
        return fail(ErrorCode::BadData, "the file is a Git LFS pointer: the weights themselves were not downloaded");
    } else if (bytes.size() > 265 && startsWith(bytes.subspan(257), "ustar", 5)) {
        return fail(ErrorCode::Unsupported, "the file is a tar archive, the format of PyTorch before 0.1.10; save it again with torch.save");
    } else {
        return fail(ErrorCode::BadData, "the file is no checkpoint: neither a zip nor a stream of torch.save, nor safetensors");
    }
    return CheckpointFile(std::move(state));
}

Result<CheckpointFile> CheckpointFile::read(std::span<const std::byte> bytes) { return readInto(std::make_shared<State>(), bytes); }

Result<CheckpointFile> CheckpointFile::open(const path& file)
{
    const auto inside = [&](Error error) { return std::unexpected(withContext(std::move(error), file.string())); };
    auto mapping = MappedFile::open(file);
    if (!mapping)
        return std::unexpected(mapping.error());
    auto state = std::make_shared<State>();
    const auto bytes = mapping->bytes();
    // safetensors: a length, then a JSON object
    if (bytes.size() > 9 && bytes[8] == std::byte{'{'} && !startsWith(bytes, "PK", 2)) {
        HILUM_TRY(state->safetensors, TensorFile::open(file));
        state->format = Format::Safetensors;
        state->fileSize = bytes.size();
        return CheckpointFile(std::move(state));
    }
    state->mapping.emplace(*std::move(mapping));
    auto out = readInto(std::move(state), bytes);
    if (!out)
        return inside(std::move(out).error());
    return out;
}

Result<StateDict> CheckpointFile::stateDict(std::span<const std::string_view> wrappers) const
{
    StateDict out;
    if (m_state->safetensors) {
        for (const auto& [name, view] : m_state->safetensors->tensors()) {
            StoredTensor tensor{view.type, view.shape, std::vector<std::int64_t>(view.shape.size()), 0, view.bytes};
            std::int64_t stride = 1;
            for (std::size_t i = view.shape.size(); i-- > 0;) {
                tensor.strides[i] = stride;
                stride *= std::max<std::int64_t>(view.shape[i], 1);
            }
            out.tensors.emplace(name, std::move(tensor));
        }
        return out;
    }
    const auto holdsTensors = [](const PickleValue* v) {
        if (!v || v->kind != Kind::Dict)
            return false;
        for (std::size_t i = 1; i < v->items.size(); i += 2)
            if (v->items[i]->kind == Kind::Tensor)
                return true;
        return false;
    };
    const PickleValue* root = m_state->pickle.root;
    const PickleValue* found = nullptr;
    for (const std::string_view wrapper : wrappers)
        if (const PickleValue* under = root->find(wrapper); holdsTensors(under)) {
            found = under;
            out.wrapper = wrapper;
            break;
        }
    if (!found && holdsTensors(root))
        found = root;
    if (!found) {
        std::string keys;
        if (root->kind == Kind::Dict)
            for (std::size_t i = 0; i + 1 < root->items.size() && keys.size() < 400; i += 2)
                keys += (keys.empty() ? "" : ", ") + (root->items[i]->kind == Kind::Text ? root->items[i]->text : std::string("?")) +
                    (root->items[i + 1]->kind == Kind::Opaque ? " (" + root->items[i + 1]->text + ")" : "");
        else if (root->kind == Kind::Opaque)
            keys = "one object of class " + root->text;
        return fail(ErrorCode::NotFound, "the checkpoint holds no tensors where they are looked for; there is: {}", keys.empty() ? "nothing" : keys);
    }
    std::set<std::string> checked;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i + 1 < found->items.size(); i += 2) {
        const PickleValue &key = *found->items[i], &value = *found->items[i + 1];
        if (key.kind != Kind::Text)
            continue;
        if (value.kind != Kind::Tensor) {
            out.others.push_back(value.kind == Kind::Opaque ? key.text + " (" + value.text + ")" : key.text);
            continue;
        }
        auto tensor = m_state->stored(value, checked);
        if (!tensor)
            return std::unexpected(withContext(std::move(tensor).error(), key.text));
        std::uint64_t bytes = byteWidth(tensor->type);
        for (const std::int64_t n : tensor->shape)
            bytes *= static_cast<std::uint64_t>(n); // within the storage: no overflow
        total += bytes;
        if (total > 4 * m_state->fileSize)
            return refuse(ErrorCode::TooLarge, "unfolds", "the tensors come to more than {} bytes, four times the {} of the file: too many share one storage", total, m_state->fileSize);
        out.tensors.insert_or_assign(key.text, *std::move(tensor));
    }
    return out;
}

CheckpointFile::Format CheckpointFile::format() const { return m_state->format; }
const std::map<std::string, std::size_t>& CheckpointFile::opaque() const { return m_state->pickle.opaque; }

std::string_view name(CheckpointFile::Format format)
{
    switch (format) {
    case CheckpointFile::Format::Zip: return "zip";
    case CheckpointFile::Format::Stream: return "stream";
    case CheckpointFile::Format::Safetensors: return "safetensors";
    }
    return "";
}

} // namespace hilum::learning::imports
