#pragma once

#include "core/base/jsonl.h"
#include "core/base/progress.h"
#include "core/imaging/volume.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hilum::imaging {

/// Size of the made-up CT and film.
enum class ThoraxPreset {
    Tiny,  ///< 96 x 96 x 64, film 256: for tests
    Small, ///< 192 x 192 x 100, film 640
    Full,  ///< 512 x 512 x 120, film 1536
};

enum class FindingKind { Nodule, Consolidation, Effusion, Pneumothorax, Cardiomegaly };
std::string_view name(FindingKind kind); ///< "nodule", ...
enum class BodySide { Right, Left };
std::string_view name(BodySide side); ///< "right", "left": the patient's

/// One abnormality of a made-up person, with its true answer.
struct ThoraxFinding {
    FindingKind kind = FindingKind::Nodule;
    BodySide side = BodySide::Right; ///< without meaning for cardiomegaly
    Vec3 centreLps{0, 0, 0};         ///< of the lesion's voxels
    double sizeMm = 0;               ///< diameter of a nodule, greatest extent of a consolidation, depth of an effusion's meniscus or a pneumothorax' air
    double volumeMl = 0;             ///< of the lesion's voxels in the label map
    std::string zone;                ///< "upper", "mid" or "lower" zone of the lung; empty for cardiomegaly
};

/// Which person to make. Everything follows from the seed and these choices.
struct ThoraxOptions {
    std::uint64_t seed = 1;
    ThoraxPreset preset = ThoraxPreset::Small;
    std::optional<std::vector<FindingKind>> findings; ///< none: drawn from the seed; an empty list: a normal chest
    std::uint64_t visit = 0; ///< another film and CT of the same person: other findings, breath and noise, same anatomy
};

struct ThoraxPerson {
    std::string name, id;     ///< "Phantom^Seed1", "PHANTOM-1"
    std::string sex;          ///< "F" or "M"
    int ageYears = 0;
    double heightCm = 0, weightKg = 0;
};

/// Sentences of a report and the findings they speak of; the impression comes last.
struct ThoraxReport {
    struct Sentence {
        std::string section; ///< "Findings" or "Impression"
        std::string text;
        std::string about;   ///< name of the finding kind, or "lungs", "heart", "bones"
        bool negated = false;
    };
    std::vector<Sentence> sentences;
    std::string text() const;
};

/// A made-up person's chest: CT, the film projected through that very CT, labels, findings and report.
struct ThoraxPhantom {
    ThoraxPerson person;
    Volume ct;       ///< HU, int16, axial, LPS
    LabelMap labels; ///< on the CT's grid: organs and lesions
    Volume film;     ///< PA radiograph for presentation, 12 bit, MONOCHROME2, patient's left on the image's right
    std::vector<ThoraxFinding> findings;
    ThoraxReport report;
    double cardiothoracicRatio = 0; ///< greatest width of the heart over that of the lungs, both as projected onto the film
};

/// Makes a person. Deterministic for its options, whatever the number of threads.
/// \return Cancelled when work.stop is set.
Result<ThoraxPhantom> makeThorax(const ThoraxOptions& options, const Work& work = {});

/// Label values of a thorax.
namespace thorax_label {
inline constexpr int RightLung = 1, LeftLung = 2, Heart = 3, Aorta = 4, Trachea = 5, Liver = 6, Spleen = 7, Stomach = 8, Spine = 9, Ribs = 10,
                     Sternum = 11, Clavicles = 12, Scapulae = 13, Nodule = 20, Consolidation = 21, Effusion = 22, Pneumothorax = 23;
}

} // namespace hilum::imaging
