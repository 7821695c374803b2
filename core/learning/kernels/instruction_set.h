#pragma once

#include <string>
#include <string_view>

namespace hilum::learning::kernels {

struct VectorKernels;

/// What the own loops of this folder may use, each step including the ones before. Off: everything is left to LibTorch.
enum class InstructionSet { Off, Baseline, Avx2, Avx512, Tiles };
std::string_view name(InstructionSet set); ///< "off", "baseline", "avx2", "avx512", "tiles"

/// The best that both this processor and this program have. Asked once; asks the system for the use of matrix tiles.
InstructionSet bestInstructionSet();

/// The one in use: the best, unless limited.
InstructionSet instructionSet();
/// Uses at most `set` from now on, in the whole process: benchmarks and tests compare. Not while something computes.
void limitInstructionSet(InstructionSet set);

/// The loops for the set in use; null when it is Off.
const VectorKernels* vectorKernels();
inline bool hasMatrixTiles() { return instructionSet() == InstructionSet::Tiles; }

} // namespace hilum::learning::kernels
