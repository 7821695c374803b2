#include "core/imaging/thorax_findings.h"

#include "core/base/format.h"


namespace hilum::imaging::thorax {

std::vector<FindingKind> drawFindings(const ThoraxOptions& options)
{
    if (options.findings)
        return *options.findings;
    Rng rng = Rng(options.seed).fork("thorax findings").fork(options.visit);
    std::vector<FindingKind> kinds;
    if (rng.chance(0.25))
        return kinds;
    const auto draw = [&] { return static_cast<FindingKind>(rng.integer(0, 5)); };
    kinds.push_back(draw());
    if (rng.chance(0.3)) {
        const FindingKind second = draw();
        if (second != kinds[0])
            kinds.push_back(second);
    }
    return kinds;
}

std::vector<Lesion> placeLesions(const Anatomy& healthy, const ThoraxOptions& options, const std::vector<FindingKind>& kinds)
{
    Rng rng = Rng(options.seed).fork("thorax lesions").fork(options.visit);
    std::vector<Lesion> lesions;
    int lastSide = -1;
    for (FindingKind kind : kinds) {
        Lesion lesion{.kind = kind, .side = rng.chance(0.5) ? 1 : 0, .centre = {}, .radius = 0, .level = 0, .seed = static_cast<std::uint32_t>(rng.bits())};
        // an effusion and a pneumothorax on one side would be another disease
        if (kind == FindingKind::Effusion || kind == FindingKind::Pneumothorax) {
            if (lastSide == lesion.side)
                lesion.side = 1 - lesion.side;
            lastSide = lesion.side;
        }
        const float s = lesion.side == 0 ? -1.0F : 1.0F;
        switch (kind) {
        case FindingKind::Nodule:
            lesion.radius = static_cast<float>(rng.uniform(5.5, 13));
            break;
        case FindingKind::Consolidation:
            lesion.radius = static_cast<float>(rng.uniform(26, 42));
            break;
        case FindingKind::Effusion:
            lesion.level = static_cast<float>(rng.uniform(-92, -48));
            break;
        case FindingKind::Pneumothorax:
            lesion.level = static_cast<float>(rng.uniform(16, 38));
            break;
        case FindingKind::Cardiomegaly:
            lesion.radius = static_cast<float>(rng.uniform(0, 1));
            break;
        }
        if (kind == FindingKind::Nodule || kind == FindingKind::Consolidation) {
            const float depth = kind == FindingKind::Nodule ? lesion.radius + 3 : 0.3F * lesion.radius;
            for (int tries = 0; tries < 4000; ++tries) {
                lesion.centre = {s * static_cast<float>(rng.uniform(50, 120)), static_cast<float>(rng.uniform(-70, 65)), static_cast<float>(rng.uniform(-55, 95))};
                if (healthy.lungDistance(lesion.centre, lesion.side) < -depth)
                    break;
            }
        }
        lesions.push_back(lesion);
    }
    return lesions;
}

ThoraxReport writeReport(const ThoraxPerson& person, const std::vector<ThoraxFinding>& findings, double ratio)
{
    ThoraxReport report;
    const auto say = [&](std::string text, std::string about, bool negated = false) {
        report.sentences.push_back({"Findings", std::move(text), std::move(about), negated});
    };
    const auto has = [&](FindingKind kind) {
        for (const ThoraxFinding& f : findings)
            if (f.kind == kind)
                return true;
        return false;
    };
    std::vector<std::pair<std::string, std::string>> impressions;
    for (const ThoraxFinding& f : findings) {
        const auto side = name(f.side);
        const std::string about(name(f.kind));
        switch (f.kind) {
        case FindingKind::Nodule:
            say(hilum::format("There is a {:.0f} mm nodule in the {} zone of the {} lung.", f.sizeMm, f.zone, side), about);
            impressions.emplace_back(hilum::format("Solitary {} lung nodule of {:.0f} mm.", side, f.sizeMm), about);
            break;
        case FindingKind::Consolidation:
            say(hilum::format("There is an area of consolidation with air bronchograms in the {} zone of the {} lung, {:.0f} mm in extent.", f.zone, side, f.sizeMm), about);
            impressions.emplace_back(hilum::format("{} {} zone consolidation, in keeping with pneumonia.", f.side == BodySide::Right ? "Right" : "Left", f.zone), about);
            break;
        case FindingKind::Effusion: {
            const char* amount = f.volumeMl < 250 ? "small" : f.volumeMl < 800 ? "moderate" : "large";
            say(hilum::format("There is a {} {} pleural effusion with blunting of the costophrenic angle.", amount, side), about);
            impressions.emplace_back(hilum::format("{} {} pleural effusion.", amount[0] == 's' ? "Small" : amount[0] == 'm' ? "Moderate" : "Large", side), about);
            break;
        }
        case FindingKind::Pneumothorax:
            say(hilum::format("There is a {} apical pneumothorax, {:.0f} mm deep.", side, f.sizeMm), about);
            impressions.emplace_back(hilum::format("{} pneumothorax.", f.side == BodySide::Right ? "Right" : "Left"), about);
            break;
        case FindingKind::Cardiomegaly:
            say(hilum::format("The heart is enlarged, with a cardiothoracic ratio of {:.2f}.", ratio), about);
            impressions.emplace_back("Cardiomegaly.", about);
            break;
        }
    }
    if (!has(FindingKind::Consolidation))
        say(has(FindingKind::Nodule) ? "The lungs are otherwise clear; there is no consolidation." : "There is no consolidation.", "consolidation", true);
    if (!has(FindingKind::Nodule))
        say("There is no suspicious nodule.", "nodule", true);
    if (!has(FindingKind::Effusion))
        say("There is no pleural effusion.", "effusion", true);
    if (!has(FindingKind::Pneumothorax))
        say("There is no pneumothorax.", "pneumothorax", true);
    if (!has(FindingKind::Cardiomegaly))
        say(hilum::format("The heart is not enlarged, with a cardiothoracic ratio of {:.2f}.", ratio), "cardiomegaly", true);
    say(person.ageYears > 65 ? "The thoracic skeleton is intact, with reduced bone density." : "The thoracic skeleton is intact.", "bones");
    if (impressions.empty())
        impressions.emplace_back("Normal chest.", "lungs");
    for (auto& [text, about] : impressions)
        report.sentences.push_back({"Impression", std::move(text), std::move(about), false});
    return report;
}

} // namespace hilum::imaging::thorax
