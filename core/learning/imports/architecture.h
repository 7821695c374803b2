#pragma once

#include "core/base/jsonl.h"
#include "core/learning/imports/layouts.h"

namespace hilum::learning::imports {

/// The sizes of a network as the shapes of its tensors tell them: keys as the options of the methods (MaskedAutoencoder, Gmml) or as the
/// `architecture` of the networks. What shapes do not tell is absent: heads of unknown widths, the order of patch merging.
/// BadData or Mismatch names the tensor that is missing or strange.
Result<Json> inferArchitecture(NetworkKind kind, const RenamedState& state);

} // namespace hilum::learning::imports
