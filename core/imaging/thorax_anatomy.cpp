#include "core/imaging/thorax_anatomy.h"

#include "core/imaging/thorax_paint.h"

namespace hilum::imaging::thorax {

namespace {

constexpr float Pi = 3.14159265F;
constexpr float CageTop = 138; // z of the inside of the cage's top above the middle, mm

// Half widths of the inside of the cage, as shares of the greatest, `depth` mm below its top.
float widthShare(float depth) { return std::pow(1 - std::exp(-depth / 54), 0.72F); }
float depthShare(float depth) { return 1 - 0.35F * std::exp(-depth / 30) - 0.4F * std::exp(-depth / 90); }

} // namespace

Anatomy::Anatomy(const ThoraxOptions& options, std::vector<Lesion> lesions) : m_lesions(std::move(lesions))
{
    // what stays the same from visit to visit
    Rng person = Rng(options.seed).fork("thorax person");
    m_seed = static_cast<std::uint32_t>(person.bits());
    const auto in = [&](double low, double high) { return static_cast<float>(person.uniform(low, high)); };
    const auto around = [&](double middle, double spread) { return static_cast<float>(middle + spread * std::clamp(person.normal(), -2.0, 2.0)); };
    const bool female = person.chance(0.5);
    m_person.sex = female ? "F" : "M";
    m_person.ageYears = static_cast<int>(person.integer(22, 86));
    m_person.heightCm = static_cast<double>(around(female ? 164 : 177, 6));
    const float bmi = std::clamp(around(25.5, 3.6), 19.0F, 35.0F);
    m_person.weightKg = static_cast<double>(bmi) * m_person.heightCm * m_person.heightCm * 1e-4;
    m_person.id = "PHANTOM-" + std::to_string(options.seed);
    m_person.name = "Phantom^Seed" + std::to_string(options.seed);
    const float tall = static_cast<float>(m_person.heightCm) / 171;
    m_scale = {tall * in(0.93, 1.04) * (female ? 0.97F : 1.02F), tall * in(0.92, 1.05), tall * in(0.93, 1.05)};
    m_scale.x = std::clamp(m_scale.x, 0.88F, 1.10F), m_scale.z = std::clamp(m_scale.z, 0.88F, 1.06F);
    m_turn = in(-0.035, 0.035);
    m_scoliosis = person.chance(0.25) ? in(4, 9) : in(0, 2.5);
    m_scoliosisPhase = in(0, 2 * static_cast<double>(Pi));
    m_kyphosis = in(2, 7) + (m_person.ageYears > 65 ? in(2, 8) : 0);
    m_cageA = around(138, 4), m_cageB = around(90, 4) + (m_person.ageYears > 60 ? 4 : 0);
    m_ribSlope = in(0.46, 0.60), m_ribHalf = in(5.2, 6.3), m_lean = in(0.24, 0.36);
    m_fat = std::clamp((bmi - 18) * (female ? 1.7F : 1.35F), 4.0F, 30.0F);
    m_muscle = female ? in(9, 15) : in(14, 24);
    m_breast = female ? in(0.75, 1.25) : 0;
    m_breastZ = in(-50, -25), m_gland = m_person.ageYears < 50 ? 0.45F : 0.2F;
    m_lungHu = in(-875, -840);
    m_boneHu = std::clamp(1.15F - 0.006F * static_cast<float>(std::max(0, m_person.ageYears - 30)), 0.75F, 1.15F);
    m_clavicleZ = in(-6, 8), m_shoulderZ = in(-12, 12);
    m_heartTilt = in(0.30, 0.58), m_mediastinalFat = std::clamp(1.5F + m_fat * 0.16F, 2.0F, 6.5F);
    const float knob = in(0.9, 1.1) + (m_person.ageYears > 60 ? 0.15F : 0);
    double ratio = static_cast<double>(in(0.40, 0.465));
    // what a visit changes
    Rng visit = Rng(options.seed).fork("thorax visit").fork(options.visit);
    const auto breath = static_cast<float>(visit.uniform(-5, 7)); // deeper breath: lower domes
    m_domeZ = {-60 - breath, -72 - breath + static_cast<float>(visit.uniform(-3, 3))};
    m_domeHeight = in(44, 58);
    m_gas = static_cast<float>(visit.uniform(0.65, 1.25));
    m_turn += static_cast<float>(visit.uniform(-0.015, 0.015));
    for (const Lesion& lesion : m_lesions)
        if (lesion.kind == FindingKind::Cardiomegaly)
            ratio = 0.595 + 0.04 * static_cast<double>(lesion.radius);
    m_aorta.radii = {knob};
    makeTubes();
    scaleHeart(ratio);
}

void Anatomy::makeTubes()
{
    const float knob = m_aorta.radii[0];
    m_aorta = {};
    constexpr float A[][4] = {{-8, -26, -8, 16}, {-16, -34, 18, 17}, {-15, -30, 42, 16}, {-3, -16, 62, 15}, {14, 6, 69, 14}, {23, 28, 62, 13.5F},
                              {25, 42, 42, 13}, {23, 47, 10, 12.5F}, {19, 48, -40, 12}, {14, 46, -90, 11.5F}, {8, 40, -130, 11}, {4, 36, -210, 10}};
    for (const auto& p : A)
        m_aorta.add({p[0], p[1], p[2]}, p[3] * knob);
    m_aorta.smooth(4);
    const auto tube = [](std::initializer_list<std::array<float, 4>> points) {
        Tube t;
        for (const auto& p : points)
            t.add({p[0], p[1], p[2]}, p[3]);
        t.smooth(4);
        return t;
    };
    m_trachea = tube({{0, -6, 190, 9}, {0, 2, 140, 9}, {2, 12, 95, 8.7F}, {4, 20, 60, 8.6F}, {3, 24, 44, 8.5F}});
    m_bronchus[0] = tube({{1, 23, 48, 7}, {-14, 23, 36, 7}, {-28, 18, 25, 6.5F}, {-36, 16, 10, 5.2F}});
    m_bronchus[1] = tube({{5, 23, 48, 6.5F}, {20, 24, 36, 6.3F}, {34, 22, 27, 6}, {44, 20, 16, 5}});
    m_esophagus = tube({{0, 22, 190, 7}, {-2, 30, 100, 7}, {4, 38, 40, 7}, {8, 36, -40, 7}, {20, 22, -85, 7}, {35, 10, -100, 7}});
    m_greatVessels.push_back(tube({{-32, -14, 100, 9}, {-29, -10, 75, 9.5F}, {-27, -10, 40, 10}, {-24, -10, 0, 11}}));     // superior vena cava
    m_greatVessels.push_back(tube({{14, -42, -8, 15}, {22, -36, 18, 14.5F}, {26, -18, 36, 14}}));                          // pulmonary trunk
    m_greatVessels.push_back(tube({{26, -18, 36, 13}, {36, -2, 40, 11.5F}, {44, 12, 32, 10}, {46, 18, 8, 7.5F}}));         // left pulmonary artery
    m_greatVessels.push_back(tube({{24, -20, 34, 12}, {2, -8, 28, 11.5F}, {-24, 0, 26, 10.5F}, {-40, 8, 16, 9}, {-44, 14, -4, 7}})); // right
    m_greatVessels.push_back(tube({{-3, -16, 66, 7}, {-14, -14, 95, 7}, {-24, -8, 125, 6}, {-38, 2, 190, 4.5F}}));         // brachiocephalic trunk, carotid
    m_greatVessels.push_back(tube({{10, 0, 72, 5}, {16, -2, 110, 4.5F}, {28, 2, 190, 4}}));                                // left carotid
    m_greatVessels.push_back(tube({{18, 12, 72, 6}, {28, 14, 105, 5.5F}, {60, 4, 118, 5}, {110, 10, 98, 4.5F}}));          // left subclavian
    m_greatVessels.push_back(tube({{-24, -8, 118, 5.5F}, {-60, 2, 118, 5}, {-110, 10, 98, 4.5F}}));                        // right subclavian
    m_greatVessels.push_back(tube({{-30, -16, 98, 7}, {-6, -34, 84, 7}, {24, -38, 92, 7}, {60, -20, 112, 6}}));            // left brachiocephalic vein
    m_greatVessels.push_back(tube({{-40, 14, -18, 7}, {-12, 20, -18, 9}}));                                                // pulmonary veins
    m_greatVessels.push_back(tube({{44, 16, -14, 7}, {18, 20, -16, 9}}));
    m_greatVessels.push_back(tube({{-20, 2, -75, 12}, {-22, 10, -130, 12}, {-20, 25, -210, 11}}));                         // inferior vena cava
    for (int side = 0; side < 2; ++side) {
        const float s = side == 0 ? -1.0F : 1.0F, z = m_clavicleZ, h = m_shoulderZ;
        const auto i = static_cast<std::size_t>(side);
        m_clavicle[i] = tube({{s * 13, -58, 88, 7}, {s * 45, -62, 94 + z, 5.4F}, {s * 85, -38, 103 + z, 5}, {s * 125, 2, 109 + z + 0.5F * h, 5.4F}, {s * 150, 14, 110 + z + h, 6}});
        const P3 superior{s * 76, 84, 100 + 0.5F * h}, inferior{s * 104, 96, -34 + 0.5F * h}, glenoid{s * 145, 46, 86 + h};
        m_scapulaPlate[i] = {superior, inferior, glenoid};
        Tube edge;
        edge.add(superior, 2.6F), edge.add(inferior, 4), edge.add(glenoid, 7);
        m_scapulaEdge[i] = edge;
        m_scapulaSpine[i] = tube({{s * 84, 88, 74 + h, 4}, {s * 118, 84, 96 + h, 5}, {s * 148, 62, 112 + h, 6}, {s * 160, 34, 114 + h, 6}});
        m_humerus[i] = tube({{s * 168, 40, 90 + h, 22}, {s * 182, 40, 66 + h, 15}, {s * 205, 38, 20 + h, 12}, {s * 240, 36, -50 + h, 12}});
    }
}

void Anatomy::scaleHeart(double targetRatio)
{
    // greatest widths of the heart at scale 1 and of the lungs; what the film shows is their ratio
    float low = 0, high = 0, lungs = 0;
    for (float z = -100; z < 20; z += 3)
        for (float y = -100; y < 70; y += 3)
            for (float x = -80; x < 130; x += 2)
                if (heartDistance({x, y, z}) < 0)
                    low = std::min(low, x), high = std::max(high, x);
    for (float z = -110; z < 0; z += 4)
        for (float y = -40; y < 40; y += 10)
            for (float x = 90; x < 160; x += 1)
                if (cage({x, y, z}).r < -3 && z > diaphragm({x, y, z}))
                    lungs = std::max(lungs, x);
    const float scale = static_cast<float>(targetRatio) * 2 * lungs / (high - low);
    m_heartScale = {scale, std::pow(scale, 0.55F), std::pow(scale, 0.55F)};
}

P3 Anatomy::toModel(P3 w) const
{
    const float c = std::cos(m_turn), s = std::sin(m_turn);
    P3 p{(c * w.x + s * w.y) / m_scale.x, (-s * w.x + c * w.y) / m_scale.y, w.z / m_scale.z};
    p.x -= m_scoliosis * std::sin(p.z / 75 + m_scoliosisPhase);
    const float t = (p.z - 20) / 140;
    p.y -= m_kyphosis * (1 - t * t);
    return p;
}

P3 Anatomy::toWorld(P3 p) const
{
    const float t = (p.z - 20) / 140;
    p.y += m_kyphosis * (1 - t * t);
    p.x += m_scoliosis * std::sin(p.z / 75 + m_scoliosisPhase);
    const float c = std::cos(m_turn), s = std::sin(m_turn);
    const P3 q{p.x * m_scale.x, p.y * m_scale.y, p.z * m_scale.z};
    return {c * q.x - s * q.y, s * q.x + c * q.y, q.z};
}

Anatomy::Cage Anatomy::cage(P3 p) const
{
    const float depth = CageTop - p.z + m_lean * p.y;
    const float d = std::max(depth, 2.0F);
    const float slow = std::exp(-d / 80);
    const float a = m_cageA * widthShare(d);
    const float b = m_cageB * depthShare(d);
    const float u = std::abs(p.x) / a, v = std::abs(p.y - 12 * slow) / b;
    const float u15 = u * std::sqrt(u), v15 = v * std::sqrt(v);
    const float s = u15 * u + v15 * v + 1e-6F; // superellipse of power 2.5
    const float g = std::pow(s, 0.4F);
    const float slope = std::sqrt(u15 * u15 / (a * a) + v15 * v15 / (b * b)) / (s / g) + 1e-6F;
    float r = std::max((g - 1) / slope, -std::min(a, b));
    if (depth < 2)
        r = std::max(r, 0.0F) + 2 - depth;
    return {std::max(r, 0.8F * (4 - depth)), depth};
}

float Anatomy::diaphragm(P3 p) const
{
    const auto dome = [&](int side) {
        const float u = (p.x - (side == 0 ? -60.0F : 60.0F)) / 82, v = (p.y - 2) / 96;
        const float q = std::min(u * u + v * v, 1.5F);
        return m_domeZ[static_cast<std::size_t>(side)] - m_domeHeight * (0.5F * q + 0.5F * q * q * q);
    };
    const float higher = -smoothMin(-dome(0), -dome(1), 12);
    return higher - 0.28F * std::max(p.y - 15, 0.0F) - 0.10F * std::max(-p.y - 30, 0.0F);
}

float Anatomy::heartDistance(P3 p) const
{
    constexpr P3 Base{12, -12, -70}; // rests on the diaphragm here; grows from here
    const P3 q{Base.x + (p.x - Base.x) / m_heartScale.x, Base.y + (p.y - Base.y) / m_heartScale.y, Base.z + (p.z - Base.z) / m_heartScale.z};
    if (q.z > 40 || q.z < -125)
        return std::max(q.z - 25, -105 - q.z);
    // left ventricle: a long ellipsoid pointing to the left, forwards and down
    const P3 axis = unit({0.80F, -0.36F, -m_heartTilt});
    const P3 side = unit(cross(axis, {0, 0, 1})), up = cross(side, axis);
    const P3 v = q - P3{34, -26, -46};
    float d = ellipsoid({dot(v, axis), dot(v, side), dot(v, up)}, {0, 0, 0}, {58, 41, 39});
    d = smoothMin(d, ellipsoid(q, {-15, -12, -40}, {26, 32, 42}), 14); // right atrium
    d = smoothMin(d, ellipsoid(q, {14, -46, -52}, {42, 28, 38}), 14);  // right ventricle
    d = smoothMin(d, ellipsoid(q, {6, 18, -16}, {36, 21, 24}), 12);    // left atrium
    return d * std::min(m_heartScale.x, 1.0F);
}

float Anatomy::mediastinum(P3 p) const
{
    float d = heartDistance(p) - 1.5F;
    d = smoothMin(d, m_aorta.distance(p, 12), 6);
    for (const Tube& t : m_greatVessels)
        d = smoothMin(d, t.distance(p, 12), 6);
    d = smoothMin(d, m_trachea.distance(p, 12) - 2, 6);
    for (const Tube& t : m_bronchus)
        d = smoothMin(d, t.distance(p, 12) - 2, 6);
    d = smoothMin(d, m_esophagus.distance(p, 12), 6);
    // vertebral column, and the fat and glands of the upper mediastinum
    d = std::min(d, (std::sqrt(p.x * p.x / 380 + (p.y - 60) * (p.y - 60) / 324) - 1) * 18);
    d = std::min(d, std::max(std::abs(p.x) - 19, 60 - p.y));
    d = smoothMin(d, capsule(p, {0, 4, 168}, {0, -12, 66}, 54, 21), 8);
    return smoothMin(d, capsule(p, {0, -12, 66}, {2, -60, -20}, 18, 5), 8);
}

float Anatomy::lungDistance(P3 p, int side) const
{
    const float across = side == 0 ? p.x + 2 : 2 - p.x;
    if (across > 20)
        return across;
    const float wall = cage(p).r + 2.5F;
    if (wall > 12)
        return wall;
    float d = std::max({wall, (diaphragm(p) - p.z) * 0.72F, across});
    if (d < 12 && std::abs(p.x) < 120)
        d = -smoothMin(-d, mediastinum(p) - m_mediastinalFat, 5);
    return d;
}

float Anatomy::body(P3 p) const
{
    const float d = std::max(CageTop - p.z, 74.0F);
    const float wall = 9 + m_muscle + m_fat, low = smoothStep(-20, -150, p.z);
    const float a = m_cageA * widthShare(d) + wall - 0.4F * m_muscle + 0.25F * m_fat * low;
    const float b = m_cageB * depthShare(d) + wall;
    const float u = std::abs(p.x) / a, v = std::abs(p.y - 4) / b;
    const float s = u * u * std::sqrt(u) + v * v * std::sqrt(v) + 1e-6F;
    const float g = std::pow(s, 0.4F);
    float torso = (g - 1) * std::min(a, b) * (u > v ? 1.2F : 1.0F);
    const float x = std::abs(p.x), h = m_shoulderZ;
    const float back = p.y - 25;
    torso = -smoothMin(-torso, 0.85F * (140 - p.z - 0.34F * x - 0.0017F * back * back), 36); // top of the torso, falling away on all sides
    float out = smoothMin(torso, capsule(p, {0, 16, 118}, {0, 6, 230}, 52 + 0.5F * m_fat, 50 + 0.5F * m_fat), 34);
    out = smoothMin(out, capsule({x, p.y, p.z}, {50, 8, 106}, {166, 28, 88 + h}, 40 + 0.4F * m_fat, 38 + 0.5F * m_fat), 22);
    out = smoothMin(out, capsule({x, p.y, p.z}, {166, 30, 88 + h}, {250, 36, -50 + h}, 38 + 0.5F * m_fat, 36 + 0.5F * m_fat), 14);
    if (m_breast > 0)
        out = smoothMin(out, ellipsoid({x, p.y, p.z}, {72, -88 - m_fat * 0.7F, m_breastZ}, {66 * m_breast, 44 * m_breast, 58 * m_breast}), 34);
    return out;
}

void Anatomy::abdomen(P3 p, float r, float depthBelow, float soft, Tissue& out) const
{
    const float n = valueNoise(0.045F * p, m_seed + 5);
    const float fat = -106 + 8 * n;
    paint(out, fat, 0, cover(r + 7, soft));
    const float inside = std::max(r + 7, 4 - depthBelow);
    // gut: soft loops in fat, further down
    paint(out, 28 + 20 * n, 0, smoothStep(-0.05F, 0.12F, n) * smoothStep(-125, -150, p.z) * cover(inside, soft));
    const P3 stomachCentre{64, -8, -104 + (m_domeZ[1] + 74)};
    const float stomach = std::max(ellipsoid(p, stomachCentre, {40, 42, 36}), inside);
    const float spleen = std::max(ellipsoid(p, {102, 42, -114 + (m_domeZ[1] + 74)}, {26, 38, 46}), inside);
    const float right = smoothMin(std::max(inside, p.x - 26 + 0.5F * (p.z + 150) * -0.35F), std::max(inside, ellipsoid(p, {34, -44, -112}, {50, 34, 34})), 10);
    const float liver = std::max(right, -205 - p.z + 0.3F * p.x);
    paint(out, 50, thorax_label::Spleen, cover(spleen, soft));
    paint(out, 57 + 3 * n, thorax_label::Liver, cover(liver, soft));
    if (stomach < soft) {
        paint(out, 38, thorax_label::Stomach, cover(stomach, soft));
        const float lumen = stomach + 3.5F;
        paint(out, 12, thorax_label::Stomach, cover(lumen, soft));
        const float gas = std::max(lumen, stomachCentre.z + 36 - 30 * m_gas - p.z);
        paint(out, -985, thorax_label::Stomach, cover(gas, soft));
    }
    paint(out, 45, 0, cover(std::max(depthBelow - 3.5F, -depthBelow), soft)); // the diaphragm's muscle
}

void Anatomy::lungTissue(P3 p, float r, int side, float distance, float soft, Tissue& out) const
{
    const float coverage = cover(distance, soft);
    if (coverage <= 0)
        return;
    const auto label = static_cast<std::uint8_t>(side == 0 ? thorax_label::RightLung : thorax_label::LeftLung);
    const float fine = valueNoise(0.30F * p, m_seed + 11), coarse = valueNoise(0.035F * p, m_seed + 12);
    float hu = m_lungHu + 26 * (p.y / 90) + 16 * coarse + 22 * fine;
    // fissures: thin sheets
    const float oblique = (p.z + 12 - 0.85F * p.y + 6 * coarse) * 0.76F;
    if (std::abs(oblique) < 2.5F)
        hu += 130 * (1 - std::abs(oblique) / 2.5F);
    const float minor = p.z - 2 + 0.12F * p.y + 4 * coarse;
    if (side == 0 && oblique < 0 && p.y < 20 && std::abs(minor) < 2 && p.z > -40)
        hu += 130 * (1 - std::abs(minor) / 2);
    Tissue lung{.hu = hu, .label = label, .lung = true};
    for (const Lesion& lesion : m_lesions) {
        if (lesion.side != side)
            continue;
        const float away = length(p - lesion.centre);
        switch (lesion.kind) {
        case FindingKind::Nodule:
            if (away < lesion.radius * 1.6F + soft) {
                const float bumpy = lesion.radius * (1 + 0.16F * valueNoise((2.2F / lesion.radius) * p, lesion.seed));
                paint(lung, 38, thorax_label::Nodule, cover(away - bumpy, soft));
            }
            break;
        case FindingKind::Consolidation: {
            if (away > lesion.radius * 1.8F)
                break;
            const float edge = lesion.radius * (1 + 0.42F * valueNoise((1.5F / lesion.radius) * p, lesion.seed) + 0.16F * valueNoise(0.12F * p, lesion.seed + 1));
            const bool lower = lesion.centre.z + 12 - 0.85F * lesion.centre.y < 0 ? oblique > 0 : oblique < 0;
            const float fringe = smoothStep(8, -6, away - edge) * (lower ? 0.12F : 1.0F); // stops at the fissure
            const float dense = std::clamp(fringe * (0.9F + 0.25F * fine), 0.0F, 0.97F);
            paint(lung, 30, thorax_label::Consolidation, dense);
            break;
        }
        case FindingKind::Effusion: {
            const float surface = lesion.level + 46 * std::exp((r + 3) / 8) + 0.22F * p.y;
            paint(lung, 9, thorax_label::Effusion, cover((p.z - surface) * 0.7F, soft));
            break;
        }
        case FindingKind::Pneumothorax: {
            const float air = lesion.level * smoothStep(-70, 95, p.z) * smoothStep(10, 45, std::abs(p.x)) - 1;
            const float pleura = r + 2.5F + air; // above zero in the air
            if (pleura > -60)
                lung.hu += 45 * smoothStep(-60, 0, pleura); // lung behind it is less full
            paint(lung, -300, label, cover(std::abs(pleura) - 0.7F, soft));
            if (pleura > 0.7F)
                lung.lung = false;
            paint(lung, -995, thorax_label::Pneumothorax, cover(0.7F - pleura, soft));
            break;
        }
        case FindingKind::Cardiomegaly: break;
        }
    }
    out.hu = mix(out.hu, lung.hu, coverage);
    if (coverage >= 0.5F)
        out.label = lung.label, out.lung = lung.lung;
}

Tissue Anatomy::sample(P3 p, float soft) const
{
    Tissue out;
    const float skin = body(p);
    if (skin > soft)
        return out;
    const float depth = -skin;
    const float streak = valueNoise(0.075F * p, m_seed + 1), grain = valueNoise(0.25F * p, m_seed + 2);
    Tissue tissue;
    tissue.hu = -104 + 7 * grain;
    const Cage c = cage(p);
    // breast: fat with strands of gland
    if (m_breast > 0 && p.y < -70) {
        const float gland = ellipsoid({std::abs(p.x), p.y, p.z}, {74, -104 - m_fat * 0.7F, m_breastZ}, {38 * m_breast, 30 * m_breast, 36 * m_breast});
        tissue.hu = mix(tissue.hu, 25, smoothStep(2, -8, gland) * smoothStep(0.5F - m_gland, 0.75F - m_gland, streak + 0.4F * grain));
    }
    // muscle with sheets of fat in between
    const float fatHere = m_fat * (1 + 0.25F * streak);
    const float wave = 7 * valueNoise(0.022F * p, m_seed + 3);
    const float sheet = c.r > 11 ? 0.75F * smoothStep(1.8F, 0.5F, std::min(std::abs(c.r - 15 - wave), std::abs(c.r - 27 + wave))) : 0;
    const bool bust = m_breast > 0 && p.y < -60 && c.r > 10 + m_muscle; // the breast lies outside the muscle
    if (!bust)
        tissue.hu = mix(tissue.hu, mix(54 + 5 * grain, -90, sheet), smoothStep(fatHere - soft, fatHere + soft, depth));
    if (depth < 1.8F)
        tissue.hu = mix(tissue.hu, 30, 0.8F);
    if (c.r < 6 && c.depth > 2) {
        const float below = diaphragm(p) - p.z;
        if (c.r < soft) {
            const float dz = below * 0.72F;
            paint(tissue, -96 + 6 * grain, 0, cover(c.r + 1.5F, soft)); // fat of the mediastinum and under the pleura
            if (dz > -soft)
                abdomen(p, c.r, dz, soft, tissue);
            const int side = p.x < 0 ? 0 : 1;
            const float lung = lungDistance(p, side);
            if (lung > -soft && std::abs(p.x) < 130) {
                const float heart = heartDistance(p);
                if (heart < soft) {
                    const float wall = ellipsoid(p, {36, -24, -45}, {34 * m_heartScale.x, 24, 22});
                    paint(tissue, wall < 0 ? 42.0F : 47.0F, thorax_label::Heart, cover(heart, soft));
                }
                paint(tissue, 43, thorax_label::Aorta, cover(m_aorta.distance(p, 4), soft));
                for (const Tube& t : m_greatVessels)
                    paint(tissue, 42, tissue.label == thorax_label::Heart ? thorax_label::Heart : 0, cover(t.distance(p, 4), soft));
                paint(tissue, 36, 0, cover(m_esophagus.distance(p, 4), soft));
            }
            lungTissue(p, c.r, side, lung, soft, tissue);
        }
    }
    // airways keep their lumen where blood vessels cross
    const float trachea = std::min({m_trachea.distance(p, 4), m_bronchus[0].distance(p, 4), m_bronchus[1].distance(p, 4)});
    if (trachea < 2 + soft) {
        paint(tissue, 35, tissue.label, cover(trachea - 1.6F, soft));
        paint(tissue, -990, thorax_label::Trachea, cover(trachea, soft));
        if (trachea < 2)
            tissue.lung = false;
    }
    if (c.r > -3 && c.r < 13)
        ribs(p, c, soft, tissue);
    skeleton(p, soft, tissue);
    out.hu = mix(out.hu, tissue.hu, cover(skin, soft));
    out.label = tissue.label, out.lung = tissue.lung;
    return out;
}

} // namespace hilum::imaging::thorax
