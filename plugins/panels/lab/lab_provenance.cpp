// What LabSession records. The rest is in lab_session.cpp.
#include "plugins/panels/lab/lab_session.h"

#include "core/base/digest.h"

#include <span>

namespace hilum::lab {

namespace {

Provenance provenanceOf(const AnswerOrigin& origin, const Json& device)
{
    Provenance out;
    out.kind = "reconstruction";
    const services::ModelChoice& choice = origin.choice;
    const Json& metadata = origin.metadata;
    Json options = metadata.value("options", Json::object());
    for (const auto& [key, value] : origin.fields.items())
        if (key == "report" || key == "texts")
            options[key + "_sha256"] = sha256Hex(jsonLine(value));
        else if (key != "seed")
            options[key] = value;
    if (origin.reports)
        options["reports_sha256"] = origin.reports->digest();
    out.method = {{"id", metadata.value("method", choice.method)}, {"preset", metadata.value("preset", Json(choice.preset))}, {"options", options}};
    for (const char* key : {"weights_sha256", "step", "licence", "cache_digest"})
        if (metadata.contains(key))
            out.model[key] = metadata[key];
    out.model["untrained"] = choice.model.empty() && choice.checkpoint.empty();
    const path& where = choice.checkpoint.empty() ? choice.model : choice.checkpoint;
    if (!where.empty())
        out.model["name"] = (choice.checkpoint.empty() ? where.filename() : path(where.parent_path().parent_path().filename()) / where.filename()).string();
    else
        out.model["initialisation_seed"] = choice.seed;
    out.preprocessing = origin.pipeline;
    if (const imaging::ModelInput* plane = origin.input.plane.get()) {
        out.inputs.push_back({{"digest", sha256Hex(std::as_bytes(std::span(plane->image)))}, {"kind", "model input"}});
        out.preprocessing["region_method"] = plane->regionMethod;
        out.preprocessing["region_confidence"] = plane->regionConfidence;
        out.preprocessing["grey_chain"] = plane->chain;
        out.preprocessing["image_pixel"] = {{"scale", plane->scale}, {"offset", plane->offset}};
    } else if (const imaging::VolumeInput* volume = origin.input.volume.get()) {
        const Geometry& g = volume->geometry;
        out.inputs.push_back({{"digest", sha256Hex(std::as_bytes(std::span(volume->values)))}, {"kind", "model input"}});
        out.preprocessing["grid"] = {{"size", g.size}, {"spacing_mm", g.spacingMm}, {"origin_lps", g.originLps}, {"direction", {g.direction[0], g.direction[1], g.direction[2]}}};
    }
    out.seed = origin.fields.value("seed", std::uint64_t{0});
    out.device = device.is_object() ? device : Json{{"name", device}};
    return out;
}

} // namespace

std::function<Provenance()> LabSession::provenanceMaker() const
{
    return [origin = m_origin, device = m_device] { return provenanceOf(origin, device); };
}

Result<std::function<Status(const path&)>> LabSession::requestWriter() const
{
    if (m_request.isEmpty() || !hasResult())
        return fail(ErrorCode::Empty, "there is nothing to record yet");
    services::ModelRequest request{.input = m_origin.input, .others = {}};
    if (m_origin.painted) { // a drawn mask is drawn again from the seed: the order of the tokens, and with it the last bit, is then the same
        request.mask = m_reconstruction.mask;
        request.maskGrid = {m_reconstruction.rows, m_reconstruction.columns};
    }
    if (!m_origin.other.isEmpty())
        request.others.push_back(m_origin.other);
    return [request = std::move(request), reports = m_origin.reports](const path& file) {
        services::ModelRequest whole = request;
        if (reports)
            whole.texts = reports->texts();
        return services::writeRequest(whole, file);
    };
}

} // namespace hilum::lab
