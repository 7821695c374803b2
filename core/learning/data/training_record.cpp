#include "core/learning/data/training_record.h"

#include "core/base/digest.h"
#include "core/base/paths.h"

#include <filesystem>

namespace hilum::learning {

namespace {

namespace fs = std::filesystem;

constexpr char Schema[] = "hilum.record/1";

std::string shortened(const std::string& hash) { return hash.substr(0, 16); }
std::string keyId(const std::string& key) { return "key:" + shortened(key); }

TrainingRecord::Part partFrom(const Json& images)
{
    TrainingRecord::Part out;
    for (const auto& [image, patient] : images.items()) {
        out.images.emplace(image, patient.get<std::string>());
        if (!patient.get_ref<const std::string&>().empty())
            out.patients.insert(patient.get<std::string>());
    }
    return out;
}

/// Takes out of the held-out part whom the training saw.
void settle(TrainingRecord& record)
{
    std::set<std::string> seen = record.seen.patients;
    for (const auto& [image, patient] : record.heldOut.images)
        if (!patient.empty() && record.seen.images.contains(image))
            seen.insert(patient);
    std::erase_if(record.heldOut.images, [&](const auto& one) { return record.seen.images.contains(one.first) || seen.contains(one.second); });
    record.heldOut.patients.clear();
    for (const auto& [image, patient] : record.heldOut.images)
        if (!patient.empty())
            record.heldOut.patients.insert(patient);
}

/// \throws Json::exception for another form
TrainingRecord readRecord(const Json& json)
{
    TrainingRecord out;
    out.known = json.at("known").get<bool>();
    out.complete = json.at("complete").get<bool>();
    out.byKey = json.at("by_key").get<bool>();
    out.seen = partFrom(json.at("seen"));
    out.heldOut = partFrom(json.at("held_out"));
    return out;
}

} // namespace

void TrainingRecord::Part::add(const CacheCase& c)
{
    const std::string patient = c.patientIsImage ? std::string() : shortened(c.patient);
    const auto [at, fresh] = images.emplace(c.sourceDigest.empty() ? keyId(c.key) : shortened(c.sourceDigest), patient);
    if (!fresh && at->second != patient)
        images.emplace("also:" + shortened(c.key), patient); // one file under two patients
    if (!patient.empty())
        patients.insert(patient);
}

bool TrainingRecord::Part::names(const CacheCase& c) const
{
    return (!c.sourceDigest.empty() && images.contains(shortened(c.sourceDigest))) || images.contains(keyId(c.key)) || (!c.patientIsImage && patients.contains(shortened(c.patient)));
}

void TrainingRecord::add(const Split& split, const std::vector<CacheCase>& cases)
{
    complete = complete && known;
    known = true;
    for (const std::size_t n : split.train)
        seen.add(cases.at(n));
    for (const std::size_t n : split.heldOut)
        heldOut.add(cases.at(n));
    settle(*this);
}

Json recordJson(const TrainingRecord& record)
{
    return {{"schema", Schema}, {"known", record.known}, {"complete", record.complete}, {"by_key", record.byKey}, {"seen", record.seen.images}, {"held_out", record.heldOut.images}};
}

Result<TrainingRecord> recordFromJson(const Json& json)
{
    if (const std::string schema = json.is_object() ? json.value("schema", "") : ""; schema != Schema)
        return fail(ErrorCode::WrongVersion, "the record of whom a training saw has schema \"{}\", this program reads \"{}\"", schema, Schema);
    try {
        return readRecord(json);
    } catch (const Json::exception& e) {
        return fail(ErrorCode::BadData, "the record of whom a training saw has an entry of another form: {}", e.what());
    }
}

Result<TrainingRecord> recordOfSplit(const Json& split)
{
    if (!split.is_object())
        return fail(ErrorCode::BadData, "split.json is no JSON object");
    TrainingRecord out;
    out.known = true;
    if (const auto earlier = split.find("earlier"); earlier != split.end()) {
        HILUM_TRY(out, recordFromJson(*earlier));
        out.complete = out.complete && out.known;
        out.known = true;
    }
    try {
        const Json cases = split.value("cases", Json::object());
        for (const auto& [name, part] : {std::pair<const char*, TrainingRecord::Part*>{"train", &out.seen}, {"held_out", &out.heldOut}}) {
            const auto list = split.find(name);
            if (list == split.end() || !list->is_array())
                return fail(ErrorCode::BadData, "split.json has no list \"{}\"", name);
            for (const Json& entry : *list) {
                CacheCase c;
                c.key = entry.get<std::string>();
                c.patientIsImage = true;
                if (const auto it = cases.find(c.key); it != cases.end()) {
                    c.sourceDigest = it->at("source_digest").get<std::string>();
                    if (const Json& patient = it->at("patient"); !patient.is_null()) {
                        c.patient = patient.get<std::string>();
                        c.patientIsImage = false;
                    }
                } else {
                    out.byKey = true;
                }
                part->add(c);
            }
        }
    } catch (const Json::exception& e) {
        return fail(ErrorCode::BadData, "split.json has an entry of another form: {}", e.what());
    }
    settle(out);
    return out;
}

Result<TrainingRecord> trainingRecord(const ModelFile& model, const ShardReader& cache)
{
    const Json& about = model.metadata;
    if (model.file.metadata().contains(RecordKey)) {
        HILUM_TRY(const Json own, model.file.metadataJson(RecordKey));
        return recordFromJson(own);
    }
    TrainingRecord out;
    const path folder = fs::absolute(model.file.file()).lexically_normal().parent_path();
    const path run = folder.parent_path().filename() == "checkpoints" ? folder.parent_path().parent_path() : folder;
    if (std::error_code ignored; fs::exists(run / "split.json", ignored)) {
        HILUM_TRY(const std::string text, readTextFile(run / "split.json", 1u << 30));
        HILUM_TRY(const Json json, parseJson(text));
        HILUM_TRY(out, recordOfSplit(json));
        if (about.contains("started_from") && !json.contains("earlier"))
            out.complete = false;
        if (const Json wanted = about.value("split_sha256", Json()); wanted.is_string() && wanted.get<std::string>() != sha256Hex(text)) {
            // another run's, or changed: whom it names as trained on is not tested, whom it names as held out is not believed
            out.heldOut = {};
            out.complete = false;
        }
    } else if (about.value("cache_digest", Json()) == cache.digest() && !about.contains("record")) {
        const Json options = about.value("options", Json::object());
        // as it was drawn then
        const Split split = splitByPatient(cache.cases(), options.value("seed", std::uint64_t{0}), options.value("held_out_fraction", 0.2), Together::Patients);
        out.known = true;
        out.complete = !about.contains("started_from");
        out.add(split, cache.cases());
    }
    // an earlier version's fine-tuning carries the record of what it began with, and none of its own
    if (const Json tuned = about.value("fine_tuned", Json()); tuned.is_object() && !tuned.contains("split_sha256")) {
        out.heldOut = {};
        out.complete = false;
    }
    return out;
}

KnownCases knownCases(const std::vector<CacheCase>& cases, const TrainingRecord& record)
{
    const std::vector<std::size_t> groups = patientGroups(cases);
    std::vector<bool> seen(cases.size()), heldOut(cases.size()); // by group
    for (std::size_t n = 0; n < cases.size(); ++n) {
        if (record.seen.names(cases[n]))
            seen[groups[n]] = true;
        else if (record.heldOut.names(cases[n]))
            heldOut[groups[n]] = true;
    }
    KnownCases out{.seen = std::vector<bool>(cases.size()), .heldOut = std::vector<bool>(cases.size())};
    for (std::size_t n = 0; n < cases.size(); ++n) {
        out.seen[n] = seen[groups[n]];
        out.heldOut[n] = heldOut[groups[n]] && !seen[groups[n]];
        out.anySeen = out.anySeen || out.seen[n];
        out.anyHeldOut = out.anyHeldOut || out.heldOut[n];
    }
    return out;
}

Split unseenSplit(const std::vector<CacheCase>& cases, const TrainingRecord& record, std::string& because)
{
    const KnownCases known = knownCases(cases, record);
    Split out;
    bool others = false;
    for (std::size_t n = 0; n < cases.size(); ++n) {
        (known.seen[n] ? out.train : out.heldOut).push_back(n);
        others = others || (!known.seen[n] && !known.heldOut[n]);
    }
    countPatients(out, cases);
    because = !record.known                     ? "everybody; whom the training saw is not known"
              : known.anyHeldOut && !others     ? "the patients that the training held out"
              : known.anyHeldOut                ? "the patients that the training held out, and those whom its record does not name"
              : known.anySeen                   ? "the patients that the training did not see"
                                                : "everybody; the training's record names none of these images or patients (another user's images are known by their content alone)";
    because += recordLimits(record);
    return out;
}

std::string recordLimits(const TrainingRecord& record)
{
    std::string out;
    if (record.byKey)
        out += "; images are told by their place in the data folder and by their user, as an earlier version recorded them";
    if (record.known && !record.complete)
        out += "; whom an earlier training of these weights saw is not known";
    return out;
}

} // namespace hilum::learning
