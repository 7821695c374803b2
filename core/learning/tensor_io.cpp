#include "core/learning/tensor_io.h"

#include <ATen/ATen.h>

#include <cstring>

namespace hilum::learning {

namespace {

struct Row {
    ElementType file;
    at::ScalarType torch;
};

constexpr Row Rows[] = {
    {ElementType::F64, at::kDouble}, {ElementType::F32, at::kFloat},  {ElementType::F16, at::kHalf},   {ElementType::BF16, at::kBFloat16},
    {ElementType::I64, at::kLong},   {ElementType::I32, at::kInt},    {ElementType::I16, at::kShort},  {ElementType::I8, at::kChar},
    {ElementType::U64, at::kUInt64}, {ElementType::U32, at::kUInt32}, {ElementType::U16, at::kUInt16}, {ElementType::U8, at::kByte},
    {ElementType::Bool, at::kBool},
};

/// The elements in the memory of the CPU, row after row; `keep` gets their owner.
std::span<const std::byte> bytesOf(const at::Tensor& tensor, std::vector<at::Tensor>& keep)
{
    const at::Tensor& flat = keep.emplace_back(tensor.detach().to(at::kCPU).contiguous());
    return {static_cast<const std::byte*>(flat.const_data_ptr()), static_cast<std::size_t>(flat.nbytes())};
}

} // namespace

ElementType elementTypeOf(at::ScalarType type)
{
    for (const Row& row : Rows)
        if (row.torch == type)
            return row.file;
    TORCH_CHECK(false, "safetensors has no element type for ", at::toString(type));
}

at::ScalarType scalarTypeOf(ElementType type)
{
    for (const Row& row : Rows)
        if (row.file == type)
            return row.torch;
    TORCH_CHECK(false, "no tensor type for safetensors type ", std::string(name(type)));
}

at::Tensor copyToTensor(const TensorView& view)
{
    at::Tensor out = at::empty(view.shape, at::TensorOptions(scalarTypeOf(view.type)));
    if (!view.bytes.empty())
        std::memcpy(out.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
    return out;
}

TensorMap readTensors(const TensorFile& file, const std::string& prefix)
{
    TensorMap out;
    const auto& all = file.tensors();
    for (auto it = all.lower_bound(prefix); it != all.end() && it->first.starts_with(prefix); ++it)
        out[it->first.substr(prefix.size())] = copyToTensor(it->second);
    return out;
}

void addTensor(TensorFileWriter& writer, const std::string& name, const at::Tensor& tensor, std::vector<at::Tensor>& keep)
{
    writer.add(name, elementTypeOf(tensor.scalar_type()), tensor.sizes().vec(), bytesOf(tensor, keep));
}

void addStacked(TensorFileWriter& writer, const std::string& name, const std::vector<at::Tensor>& tensors, std::vector<at::Tensor>& keep)
{
    TORCH_CHECK(!tensors.empty(), name, ": there is nothing to join");
    const at::Tensor& first = tensors.front();
    std::vector<std::int64_t> shape = first.sizes().vec();
    shape.insert(shape.begin(), static_cast<std::int64_t>(tensors.size()));
    std::vector<std::span<const std::byte>> parts;
    for (const at::Tensor& tensor : tensors) {
        TORCH_CHECK(tensor.sizes() == first.sizes() && tensor.scalar_type() == first.scalar_type(), name, ": ", tensor.sizes(), " of ", at::toString(tensor.scalar_type()), " cannot be joined to ",
            first.sizes(), " of ", at::toString(first.scalar_type()));
        parts.push_back(bytesOf(tensor, keep));
    }
    writer.addParts(name, elementTypeOf(first.scalar_type()), std::move(shape), std::move(parts));
}

Status writeTensors(const path& file, const TensorMap& tensors, const std::map<std::string, std::string>& metadata)
{
    TensorFileWriter writer;
    std::vector<at::Tensor> keep;
    for (const auto& [name, tensor] : tensors)
        addTensor(writer, name, tensor, keep);
    for (const auto& [key, value] : metadata)
        writer.setMetadata(key, value);
    return writer.write(file);
}

} // namespace hilum::learning
