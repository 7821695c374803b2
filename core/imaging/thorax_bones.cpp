#include "core/imaging/thorax_anatomy.h"

#include "core/imaging/thorax_paint.h"

namespace hilum::imaging::thorax {

namespace {

// Height of vertebra T1 (number 1) to L2 (14), middle of the body.
float vertebraZ(int number)
{
    const auto i = static_cast<float>(number - 1);
    return 118 - 17.2F * i - 0.38F * i * i;
}

// A bone: cortex of `shell` mm around marrow.
void paintBone(Tissue& out, float distance, float shell, float cortexHu, float marrowHu, int label, float soft)
{
    if (distance > soft)
        return;
    paint(out, cortexHu, label, cover(distance, soft));
    paint(out, marrowHu, label, cover(distance + shell, soft));
    if (distance < 0)
        out.lung = false;
}

} // namespace

void Anatomy::ribs(P3 p, Cage c, float soft, Tissue& out) const
{
    const float x = std::abs(p.x);
    if (x < 20 && p.y > 0)
        return;
    const float cortex = 1250 * m_boneHu, marrow = 330 * m_boneHu;
    for (int rib = 1; rib <= 12; ++rib) {
        const auto i = static_cast<float>(rib);
        const float slope = m_ribSlope + 0.016F * (i - 5) + (rib == 1 ? 0.12F : 0.0F);
        const float plane = vertebraZ(rib) + 6 - slope * (84 - p.y) - 0.09F * x;
        const float off = (p.z - plane) / std::sqrt(1 + slope * slope);
        if (std::abs(off) > 12)
            continue;
        // where the bone ends in front; cartilage goes on to the breastbone for the first seven, the next three reach it together
        const float half = m_ribHalf * (rib == 1 ? 1.15F : rib >= 11 ? 0.75F : 1.0F);
        float end; // mm of bone left in front of here, below zero past the end
        if (rib <= 7)
            end = p.y < 0 ? x - (30 + 8.5F * i) : 20;
        else if (rib <= 10)
            end = p.y + 72 - 18 * (i - 8);
        else
            end = p.y - (rib == 11 ? 5.0F : 42.0F);
        const float thick = c.r - 4.4F;
        const float section = (std::sqrt(thick * thick / 16.8F + off * off / (half * half)) - 1) * 4.1F;
        const float bone = std::max(section, -end);
        if (bone < soft) { // no cortex across the end, where cartilage goes on
            paint(out, cortex, thorax_label::Ribs, cover(bone, soft));
            paint(out, marrow, thorax_label::Ribs, cover(std::max(section + 1.5F, -end), soft));
            out.lung = out.lung && bone >= 0;
        }
        if (rib <= 7 && end < 2 && x > 12)
            paint(out, 95 + (m_person.ageYears > 55 ? 130.0F : 30.0F) * std::max(0.0F, valueNoise(0.2F * p, m_seed + 21)), thorax_label::Ribs, cover(std::max(section, end), soft));
    }
    // breastbone, on the front of the cage
    if (p.y < 0 && x < 34) {
        const float width = p.z > 48 ? 22 + 0.18F * (p.z - 48) : 17 - 0.05F * (p.z - 48) * -1;
        const float d = std::max({std::abs(c.r - 5) - 5, x - std::max(width, 9.0F), p.z - 86, -66 - p.z});
        paintBone(out, d, 1.3F, 480 * m_boneHu, 130 * m_boneHu, thorax_label::Sternum, soft);
    }
}

void Anatomy::spine(P3 p, float soft, Tissue& out) const
{
    const float x = std::abs(p.x);
    if (x > 46 || p.y < 34 || p.y > 132)
        return;
    const float cortex = 640 * m_boneHu, marrow = 205 * m_boneHu;
    int nearest = 1;
    for (int n = -2; n <= 16; ++n)
        if (std::abs(p.z - vertebraZ(n)) < std::abs(p.z - vertebraZ(nearest)))
            nearest = n;
    const auto i = static_cast<float>(nearest);
    const float width = 13.2F + 0.5F * i, deep = 12 + 0.4F * i;
    const float height = 0.5F * (vertebraZ(nearest - 1) - vertebraZ(nearest + 1)) * 0.40F;
    const float dz = p.z - vertebraZ(nearest);
    const float waist = 1 - 0.10F * (1 - std::min(1.0F, dz * dz / (height * height))); // bodies are narrower in the middle
    const float u = x / (width * waist), v = (p.y - 60) / (deep * waist);
    const float across = (std::sqrt(u * u + v * v) - 1) * deep;
    paint(out, 78, 0, cover(across + 0.8F, soft)); // disc
    const float bodyDistance = std::max(across, std::abs(dz) - height);
    paintBone(out, bodyDistance, 1.2F, cortex, marrow + 30 * valueNoise(0.3F * p, m_seed + 31), thorax_label::Spine, soft);
    // arch, canal, processes
    const float canalY = 60 + deep + 8.5F;
    const float ring = std::sqrt(p.x * p.x + (p.y - canalY) * (p.y - canalY));
    if (std::abs(dz) < height + 2)
        paintBone(out, std::max(ring - 12.5F, std::abs(dz) - height - 1), 2.2F, cortex, 260 * m_boneHu, thorax_label::Spine, soft);
    paintBone(out, capsule({x, p.y, dz}, {9, canalY + 3, 2}, {34, canalY + 9, 5}, 5, 4.2F), 1.3F, cortex, marrow, thorax_label::Spine, soft);
    // the long spinous process of this vertebra and of the one above
    const float step = vertebraZ(nearest - 1) - vertebraZ(nearest);
    for (float lift : {0.0F, step}) {
        const float process = capsule({p.x, p.y, dz - lift}, {0, canalY + 12, -4}, {0, canalY + 32, -17}, 2.8F, 2.4F);
        paintBone(out, process, 1.0F, 0.75F * cortex, 0.8F * marrow, thorax_label::Spine, soft);
    }
    paint(out, 22, 0, cover(ring - 8.2F, soft)); // dural sac
}

void Anatomy::girdle(P3 p, float soft, Tissue& out) const
{
    const auto side = static_cast<std::size_t>(p.x < 0 ? 0 : 1);
    const float cortex = 1300 * m_boneHu, marrow = 330 * m_boneHu;
    if (p.z > 60 && p.z < 150)
        paintBone(out, m_clavicle[side].distance(p, 6), 1.9F, cortex, marrow, thorax_label::Clavicles, soft);
    const float x = std::abs(p.x);
    if (p.z > -70 && p.z < 150 && x > 55 && p.y > -20) {
        const auto& t = m_scapulaPlate[side];
        float plate = m_scapulaEdge[side].distance(p, 6);
        if (plate < 60)
            plate = std::min(plate, triangleDistance(p, t[0], t[1], t[2]) - 1.8F);
        const float s = side == 0 ? -1.0F : 1.0F;
        const float coracoid = capsule(p, {s * 142, 38, 94 + m_shoulderZ}, {s * 134, 4, 98 + m_shoulderZ}, 7, 5);
        paintBone(out, std::min({plate, m_scapulaSpine[side].distance(p, 6), coracoid}), 1.4F, 1000 * m_boneHu, 320 * m_boneHu, thorax_label::Scapulae, soft);
    }
    if (x > 130 && p.z < 140)
        paintBone(out, m_humerus[side].distance(p, 6), 3.2F, cortex, 110 * m_boneHu, 0, soft);
}

void Anatomy::skeleton(P3 p, float soft, Tissue& out) const
{
    spine(p, soft, out);
    girdle(p, soft, out);
}

} // namespace hilum::imaging::thorax
