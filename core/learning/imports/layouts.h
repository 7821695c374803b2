#pragma once

#include "core/learning/imports/stored_tensor.h"

#include <optional>
#include <string_view>
#include <vector>

namespace hilum::learning::imports {

/// `from` is replaced by `to` where it first occurs in a name; "^x" only at its start, "^" alone puts `to` in front.
struct Rename {
    std::string_view from, to;
};

/// What the weights are of.
enum class NetworkKind { MaskedAutoencoder, Gmml, SwinUnetrEncoder, SwinUnetr, SwinEncoder, VisionTransformer, Bert, ReportDecoder };
constexpr bool isSwin(NetworkKind kind) { return kind == NetworkKind::SwinUnetrEncoder || kind == NetworkKind::SwinUnetr || kind == NetworkKind::SwinEncoder; }

/// Axes of the volumes that every published Swin network learnt on: MONAI's arrays in orientation RAS. Merging and kernels tell axes apart, shapes do not.
inline constexpr const char* PublishedAxes = "right, anterior, superior";

/// One published file layout: a row of the import cookbook.
struct Layout {
    std::string_view id = {}, title = {};
    std::string_view licence = {}; ///< of the published weights, shown wherever they are used
    NetworkKind network = NetworkKind::MaskedAutoencoder;
    std::vector<std::string_view> wrappers; ///< keys under which the tensors may lie, tried in this order; the root comes last
    std::vector<std::string_view> prefixes; ///< stripped from the start of each name, in this order, each once
    std::vector<std::string_view> drop;     ///< names that start so are left out, before renaming; "*x": names that hold x anywhere
    std::vector<Rename> renames;            ///< applied in this order, each once
    std::vector<std::string_view> optional; ///< parts of the network that a file may lack without loss of coverage
    std::string_view merging;               ///< patch-merging order that these weights were trained with; empty: none, or told by the user
    std::string_view method;                ///< the method whose model they become; empty: a network alone
    std::string_view preset = {};           ///< of that method: the published input and options, which hold where the shapes tell nothing else; empty: its first
};

const std::vector<Layout>& layouts();
/// NotFound lists the known ones.
Result<const Layout*> findLayout(std::string_view id);

/// The tensors of a state dict under the names of our networks.
struct RenamedState {
    std::map<std::string, StoredTensor> tensors;
    std::map<std::string, std::string> published; ///< our name -> the file's name
    std::vector<std::string> dropped;             ///< the file's names
};
/// Two names that become one: the first in alphabetical order stays, the others are dropped.
RenamedState renamed(const Layout& layout, const StateDict& state);

/// What became of the tensors.
struct ImportReport {
    std::vector<std::string> loaded, missing, mismatched, unexpected, dropped; ///< mismatched with both shapes
    std::vector<std::string> fresh;                                            ///< optional parts that the file lacks: still at their first values
    /// What the network wants of the file, and how much of it came.
    struct Count {
        std::size_t loaded = 0, wanted = 0; ///< wanted: loaded, missing and mismatched
        double share() const { return wanted == 0 ? 0 : static_cast<double>(loaded) / static_cast<double>(wanted); } ///< 0 to 1
    };
    Count whole() const;
    Count encoder() const; ///< without the parts that only rebuild an image or label it: decoders, mask token, output and reconstruction heads
};
/// Copies every tensor that fits into the module's parameters and buffers of the same name. Buffers of whole numbers (relative_position_index)
/// are compared with our own instead: a difference is a mismatch, and a file without them loses nothing.
/// \param layout tells the optional parts \param adapted tensors that take the place of the file's (adapt.h)
ImportReport fillFrom(torch::nn::Module& module, const RenamedState& state, const Layout* layout = nullptr, const TensorMap* adapted = nullptr);

/// The first names of each fault list, as sentences.
std::vector<std::string> firstFaults(const ImportReport& report, std::size_t each = 3);

} // namespace hilum::learning::imports
