#pragma once

#include "core/base/tensor_file.h"
#include "core/learning/imports/pickle.h"

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hilum::learning::imports {

/// A tensor of a checkpoint where it lies in the file: strided elements of a storage. Valid while its CheckpointFile lives.
struct StoredTensor {
    ElementType type = ElementType::F32;
    std::vector<std::int64_t> shape, strides; ///< in elements; checked (tensor_layout.h)
    std::int64_t offset = 0;                  ///< of the first element, in elements of the storage
    std::span<const std::byte> storage;
};

/// The tensors that a checkpoint holds under one of its keys.
struct StateDict {
    std::string wrapper;                         ///< the key they were found under; empty: the file's root
    std::map<std::string, StoredTensor> tensors; ///< by name
    std::vector<std::string> others;             ///< names of entries that are no readable tensor, with what they are
};

/// A file of weights in one of three formats: zip of torch.save (PyTorch 1.6 and later), the older stream of pickles, safetensors.
///
/// Reading never executes anything (pickle.h), decompresses nothing (zip_index.h) and copies no tensor: the file is mapped.
class CheckpointFile {
public:
    enum class Format { Zip, Stream, Safetensors };

    /// BadData for a file that is none of the three or contradicts itself; Unsupported for TorchScript archives and big-endian files.
    static Result<CheckpointFile> open(const path& file);
    /// A pickled checkpoint in memory, which must outlive the result.
    static Result<CheckpointFile> read(std::span<const std::byte> bytes);

    /// The tensors under the first of `wrappers` that holds any; the root itself is looked at last. Checks the checksums of what is used, that no
    /// element of it is repeated (tensor_layout.h), and that the tensors together are not larger than four times the file (shared storages).
    /// NotFound lists the keys that are there.
    Result<StateDict> stateDict(std::span<const std::string_view> wrappers) const;

    Format format() const;
    /// Classes that were not made, with their numbers: "argparse.Namespace".
    const std::map<std::string, std::size_t>& opaque() const;

private:
    struct State;
    explicit CheckpointFile(std::shared_ptr<State> state) : m_state(std::move(state)) {}
    static Result<CheckpointFile> readInto(std::shared_ptr<State> state, std::span<const std::byte> bytes);
    std::shared_ptr<const State> m_state;
};

std::string_view name(CheckpointFile::Format format); ///< "zip", "stream", "safetensors"

} // namespace hilum::learning::imports
