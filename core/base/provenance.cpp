#include "core/base/provenance.h"

#include "core/base/digest.h"
#include "core/base/format.h"
#include "core/base/version.h"

#include <chrono>

namespace hilum {

std::string utcNow()
{
    return hilum::format("{:%FT%TZ}", std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

Json programVersion(std::string_view program)
{
    return {{"program", program}, {"version", Version}, {"git", GitDescription}, {"build_type", BuildType}, {"compiler", Compiler}};
}

Json toJson(const Provenance& p)
{
    Json out = {{"schema", "hilum.provenance/1"}, {"kind", p.kind}, {"created_utc", utcNow()}, {"made_by", programVersion()},
                {"method", p.method}, {"model", p.model}, {"inputs", p.inputs}, {"preprocessing", p.preprocessing},
                {"seed", p.seed}, {"device", p.device}, {"parents", p.parents}};
    out["id"] = sha256Hex(jsonLine(out)).substr(0, 24);
    return out;
}

} // namespace hilum
