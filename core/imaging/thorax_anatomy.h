#pragma once

#include "core/base/random.h"
#include "core/imaging/thorax_phantom.h"
#include "core/imaging/thorax_shapes.h"

namespace hilum::imaging::thorax {

/// A nodule, blob, fluid level or air cap in model space; see Anatomy::sample.
struct Lesion {
    FindingKind kind = FindingKind::Nodule;
    int side = 0;      ///< 0 patient's right (-x), 1 left (+x)
    P3 centre;
    float radius = 0;  ///< mm: nodule, consolidation
    float level = 0;   ///< effusion: z of the surface at the lung's middle; pneumothorax: greatest depth of the air, mm
    std::uint32_t seed = 0;
};

struct Tissue {
    float hu = -1000;
    std::uint8_t label = 0;
    bool lung = false; ///< aerated lung: vessels show here
};

/// A person's chest as implicit shapes. Model space: LPS millimetres of an average person, x to the left, y to the back, z up,
/// z = 0 a hand below the carina; `toModel` takes a person's own LPS there.
class Anatomy {
public:
    Anatomy(const ThoraxOptions& options, std::vector<Lesion> lesions);

    P3 toModel(P3 world) const;
    P3 toWorld(P3 model) const;
    /// Tissue at a model point. `soft` is the width over which borders are blended (about a voxel), mm.
    Tissue sample(P3 p, float soft) const;
    /// Signed distance to the aerated lung of a side, without lesions (mm).
    float lungDistance(P3 p, int side) const;
    float heartDistance(P3 p) const;
    P3 hilum(int side) const { return side == 0 ? P3{-36, 10, 18} : P3{40, 12, 24}; }
    const ThoraxPerson& person() const { return m_person; }
    float lungApexZ() const { return 132; }
    float scaleX() const { return m_scale.x; }

private:
    struct Cage { float r; float depth; }; // mm outwards of the inner surface; distance below the apex
    Cage cage(P3 p) const;
    float diaphragm(P3 p) const; // z of its upper surface
    float body(P3 p) const;
    float mediastinum(P3 p) const; // heart, great vessels, spine: what the lungs lie around
    void lungTissue(P3 p, float r, int side, float coverage, float soft, Tissue& out) const;
    void abdomen(P3 p, float r, float depthBelow, float soft, Tissue& out) const;
    void ribs(P3 p, Cage c, float soft, Tissue& out) const;
    void skeleton(P3 p, float soft, Tissue& out) const;
    void spine(P3 p, float soft, Tissue& out) const;
    void girdle(P3 p, float soft, Tissue& out) const;
    void scaleHeart(double targetRatio);
    void makeTubes();

    ThoraxPerson m_person;
    std::vector<Lesion> m_lesions;
    std::uint32_t m_seed = 0;
    P3 m_scale{1, 1, 1};
    float m_turn = 0, m_scoliosis = 0, m_scoliosisPhase = 0, m_kyphosis = 0;
    float m_cageA = 138, m_cageB = 92, m_ribSlope = 0.4F, m_ribHalf = 6.3F, m_lean = 0.3F;
    float m_fat = 14, m_muscle = 20, m_breast = 0, m_breastZ = -30, m_gland = 0.3F;
    std::array<float, 2> m_domeZ{-62, -74};
    float m_domeHeight = 55, m_lungHu = -855, m_gas = 1, m_boneHu = 1, m_clavicleZ = 0, m_shoulderZ = 0;
    P3 m_heartScale{1, 1, 1};
    float m_heartTilt = 0.46F, m_mediastinalFat = 4;
    Tube m_aorta, m_trachea, m_esophagus;
    std::array<Tube, 2> m_bronchus;   // lumen
    std::vector<Tube> m_greatVessels; // SVC, pulmonary trunk and arteries, neck vessels
    std::array<Tube, 2> m_clavicle, m_scapulaEdge, m_scapulaSpine, m_humerus;
    std::array<std::array<P3, 3>, 2> m_scapulaPlate;
};

} // namespace hilum::imaging::thorax
