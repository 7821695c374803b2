#include "core/imaging/thorax_labels.h"

#include "core/imaging/thorax_phantom.h"

namespace hilum::imaging::thorax {

namespace {

struct Row {
    int value;
    const char* name;
    std::array<std::uint8_t, 3> colour;
    const char* categoryCode;
    const char* categoryMeaning;
    const char* code;
    const char* meaning;
    const char* modifierCode; // laterality, or null
    const char* modifierMeaning;
};

constexpr Row Rows[] = {
    {thorax_label::RightLung, "right lung", {120, 180, 225}, "123037004", "Anatomical Structure", "39607008", "Lung", "24028007", "Right"},
    {thorax_label::LeftLung, "left lung", {90, 150, 205}, "123037004", "Anatomical Structure", "39607008", "Lung", "7771000", "Left"},
    {thorax_label::Heart, "heart", {206, 110, 84}, "123037004", "Anatomical Structure", "80891009", "Heart", nullptr, nullptr},
    {thorax_label::Aorta, "aorta", {224, 60, 60}, "123037004", "Anatomical Structure", "15825003", "Aorta", nullptr, nullptr},
    {thorax_label::Trachea, "trachea and bronchi", {182, 228, 255}, "123037004", "Anatomical Structure", "44567001", "Trachea", nullptr, nullptr},
    {thorax_label::Liver, "liver", {221, 130, 101}, "123037004", "Anatomical Structure", "10200004", "Liver", nullptr, nullptr},
    {thorax_label::Spleen, "spleen", {157, 108, 162}, "123037004", "Anatomical Structure", "78961009", "Spleen", nullptr, nullptr},
    {thorax_label::Stomach, "stomach", {216, 132, 105}, "123037004", "Anatomical Structure", "69695003", "Stomach", nullptr, nullptr},
    {thorax_label::Spine, "spine", {226, 202, 134}, "123037004", "Anatomical Structure", "421060004", "Vertebral column", nullptr, nullptr},
    {thorax_label::Ribs, "ribs", {253, 232, 158}, "123037004", "Anatomical Structure", "113197003", "Rib", nullptr, nullptr},
    {thorax_label::Sternum, "sternum", {244, 217, 90}, "123037004", "Anatomical Structure", "56873002", "Sternum", nullptr, nullptr},
    {thorax_label::Clavicles, "clavicles", {205, 205, 100}, "123037004", "Anatomical Structure", "51299004", "Clavicle", nullptr, nullptr},
    {thorax_label::Scapulae, "scapulae", {212, 188, 102}, "123037004", "Anatomical Structure", "79601000", "Scapula", nullptr, nullptr},
    {thorax_label::Nodule, "nodule", {255, 60, 200}, "49755003", "Morphologically Altered Structure", "27925004", "Nodule", nullptr, nullptr},
    {thorax_label::Consolidation, "consolidation", {255, 140, 0}, "49755003", "Morphologically Altered Structure", "9656002", "Consolidation", nullptr, nullptr},
    {thorax_label::Effusion, "pleural effusion", {60, 210, 230}, "49755003", "Morphologically Altered Structure", "41699000", "Effusion", nullptr, nullptr},
    {thorax_label::Pneumothorax, "pneumothorax", {130, 255, 90}, "49755003", "Morphologically Altered Structure", "36118008", "Pneumothorax", nullptr, nullptr},
};

Json code(const char* value, const char* meaning) { return {{"CodeValue", value}, {"CodingSchemeDesignator", "SCT"}, {"CodeMeaning", meaning}}; }

} // namespace

std::vector<Label> labelsPresent(std::span<const std::uint8_t> voxels)
{
    std::array<bool, 256> seen{};
    for (auto v : voxels)
        seen[v] = true;
    std::vector<Label> labels;
    for (const Row& r : Rows) {
        if (!seen[static_cast<std::size_t>(r.value)])
            continue;
        Label label{.value = r.value, .name = r.name, .colour = r.colour, .terminology = Json::object()};
        label.terminology["SegmentedPropertyCategoryCodeSequence"] = code(r.categoryCode, r.categoryMeaning);
        label.terminology["SegmentedPropertyTypeCodeSequence"] = code(r.code, r.meaning);
        if (r.modifierCode)
            label.terminology["SegmentedPropertyTypeModifierCodeSequence"] = code(r.modifierCode, r.modifierMeaning);
        labels.push_back(std::move(label));
    }
    return labels;
}

} // namespace hilum::imaging::thorax
